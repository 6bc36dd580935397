"""Plays the reference's whole chain of handoffs in a project of its own, and tells what happens."""

from __future__ import annotations

import shlex
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bmad_messenger.config import Project
from bmad_messenger.message import Draft, Message, format_time, now
from bmad_messenger.messenger import Messenger

Say = Callable[[str], None]

_PLANNING: Final = "_bmad-output/planning-artifacts"
_STORY: Final = "_bmad-output/implementation-artifacts/stories/1-2-user-login.md"
_ARTIFACTS: Final = {
    f"{_PLANNING}/product-brief.md": "# Product brief\n\nPeople sign in once and stay signed in.\n",
    f"{_PLANNING}/prd.md": "# PRD: user authentication\n\n1. Sign in with e-mail\n2. Remember the device\n",
    f"{_PLANNING}/architecture.md": "# Architecture\n\n## Database\n\nPostgreSQL with Prisma.\n",
    f"{_PLANNING}/ux-design.md": "# UX design\n\nOne form, two fields, one button.\n",
    _STORY: "# Story 1-2: user login\n\nAs a user I sign in with my e-mail address.\n",
}


def run(folder: Path | None, say: Say) -> Path:
    """Play the chain.

    Args:
        folder: the project to play it in; by default a new temporary folder.
        say: takes what happens, line by line.

    Returns:
        The project's folder, which is left as it is for a look around.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="bmad-messenger-demo-"))
    for name, text in _ARTIFACTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    if folder is None:  # what is only played does not belong among the user's messages in btmsg
        project = Project(root)
        project.folder.mkdir(parents=True)
        project.config.write_text("plugins:\n  disable: [btmsg]\n", encoding="utf-8")
    messenger = Messenger(Project(root.resolve()), lambda problem: say(f"  ! {problem}"))
    messenger.init()
    _Play(messenger, say).play()
    return root


class _Play:
    def __init__(self, messenger: Messenger, say: Say) -> None:
        self.messenger, self.say = messenger, say

    def play(self) -> None:
        self.planning()
        self.solutioning()
        self.implementation()
        self.board()

    def planning(self) -> None:
        """Phase 1 → Phase 2."""
        self.say("Phase 1 → Phase 2: from the brief to the PRD")
        insights = ["Users give up at the second login", "Teams share one account"]
        self.send(route="product-brief-complete", brief_path=f"{_PLANNING}/product-brief.md", key_insights=insights)
        self.take("pm", note="PRD written")
        self.send(
            route="prd-complete-with-ui",
            prd_path=f"{_PLANNING}/prd.md",
            priority_features=["Sign in with e-mail", "Remember the device"],
            user_personas=["Ana, who works on three devices"],
        )
        deadline = format_time(now() + timedelta(days=2))
        self.send(
            type="collaborate",
            from_agent="pm",
            to_agents=("architect", "ux-designer", "tea"),
            topic="Feature complexity assessment for real-time collaboration",
            deadline=deadline,
            context="Client requesting WebSocket-based real-time editing",
        )

    def solutioning(self) -> None:
        """Phase 2 → Phase 3."""
        self.say("\nPhase 2 → Phase 3: from the PRD to the architecture")
        self.take("architect", type_filter="handoff", note="architecture drawn")
        self.take("ux-designer", type_filter="handoff", note="screens drawn")
        self.send(
            type="notify",
            from_agent="architect",
            to_agents="all",
            message="Architecture decision: Using PostgreSQL with Prisma ORM",
            decision_doc=f"{_PLANNING}/architecture.md#database",
        )
        decisions = ["PostgreSQL with Prisma", "Sessions in signed cookies"]
        architecture = f"{_PLANNING}/architecture.md"
        self.send(route="architecture-approved", architecture_path=architecture, tech_decisions=decisions)
        self.send(route="ux-design-complete", ux_path=f"{_PLANNING}/ux-design.md", component_library="shadcn/ui")

    def implementation(self) -> None:
        """Phase 3 → Phase 4."""
        self.say("\nPhase 3 → Phase 4: from the story to reviewed code")
        self.take("sm", type_filter="handoff", note="story written")
        criteria = ["A known user gets in", "A wrong password says so"]
        self.send(route="story-ready", story_path=_STORY, acceptance_criteria=criteria)
        story = self.take("dev", type_filter="handoff")
        [question] = self.send(
            type="clarify",
            from_agent="dev",
            to_agent="architect",
            question="Should authentication use JWT or session cookies?",
            context="Story 1-2 requires user login but auth method not specified in architecture",
        )
        self.take("architect", type_filter="clarify")
        answer = self.messenger.reply(question.message_id, "Session cookies, signed")
        self.show(answer)
        self.close("architect", [question], "question answered")
        self.say(f"  dev receives {answer.message_id}: {answer.payload['message']}")
        self.close("dev", [*self.messenger.mark_read("dev", [answer.message_id]), *story], "story implemented")
        changed = ["src/auth/login.ts", "src/auth/login.test.ts"]
        self.send(route="implementation-complete", type="review", story_path=_STORY, files_changed=changed)
        self.take("tea", type_filter="review", note="two findings")
        self.send(
            route="review-with-issues",
            review_findings=["No test for a wrong password", "The cookie lacks SameSite"],
            required_actions=["Add the test", "Set SameSite=Lax"],
        )
        self.take("dev", type_filter="handoff", note="both mended")
        self.send(route="implementation-complete", type="review", story_path=_STORY, files_changed=changed)
        self.take("tea", type_filter="review", note="no findings: the story is done")
        self.send(
            type="escalate",
            from_agent="dev",
            to_agent="user",
            issue="Blocking dependency conflict between React 18 and legacy charting library",
            severity="blocker",
            recommendation="Either upgrade charting library or downgrade to React 17",
            impact="Cannot proceed with Epic 2 until resolved",
        )

    def send(
        self,
        *,
        type: str | None = None,
        route: str | None = None,
        from_agent: str | None = None,
        to_agent: str | None = None,
        to_agents: tuple[str, ...] | str | None = None,
        **payload: Any,
    ) -> list[Message]:
        draft = Draft(type, from_agent, to_agent, to_agents, payload, route=route)
        sent = self.messenger.send_many([draft])
        for message in sent:
            self.show(message)
        return sent

    def take(self, agent: str, *, type_filter: str | None = None, note: str | None = None) -> list[Message]:
        received = self.messenger.receive(agent, type_filter=type_filter)
        self.say(f"  {agent} receives {', '.join(message.message_id for message in received)}")
        if note is not None:
            self.close(agent, received, note)
        return received

    def close(self, agent: str, received: list[Message], note: str) -> None:
        self.messenger.close(*(message.message_id for message in received), note=note)
        self.say(f"  {agent} is done: {note}")

    def show(self, message: Message) -> None:
        recipients = ", ".join(message.recipients(self.messenger.config.agents))
        reason = message.route or ("an answer" if message.reply_to else "")
        way = f"{message.from_agent} → {recipients}"
        self.say(f"  {message.message_id}  {message.type:<11} {way}{reason and f'  ({reason})'}")

    def board(self) -> None:
        """What is open, what is in the archive, and where to look."""
        messenger = self.messenger
        self.say("\nOpen now")
        for message in sorted(messenger.list(), key=lambda one: one.priority):
            unread = [one for one in message.recipients(messenger.config.agents) if one not in message.read_by]
            waits = f"waits for {', '.join(unread)}" if unread else "read by all"
            self.say(f"  {message.priority.label:<8} {message.message_id}  {message.type:<11} {waits}")
        self.say("\nArchive")
        for message_id in messenger.archive.ids():
            message = messenger.get(message_id)
            self.say(f"  {messenger.archive.name_of(message_id)}  {message.type} from {message.from_agent}")
        program = sys.argv[0] if Path(sys.argv[0]).name == "bmad-messenger" else "bmad-messenger"
        root = shlex.quote(str(messenger.project.root))
        self.say(f"\nThe queue:   {messenger.project.queue}")
        self.say(f"The history: {messenger.project.archive}")
        self.say(f"Go on with:  {program} receive-message --agent user --project {root}")
