"""A workflow as values: its steps, what each needs, and what it is allowed; nothing is run or read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bmad_messenger.message import ALL, Message
from bmad_messenger.workflow.expressions import texts_in
from bmad_messenger.yaml.parse import Path

KINDS: Final = ("exec", "wait", "ask", "workflow")
"""What a step can be; one of these is its key."""

MESSAGE_TEST: Final = ("wait", "message", "if")
"""Where in a step the condition stands on the message that it waits for."""

INBOX: Final = "inbox"
"""The step that a workflow with an agent of its own begins with (reference: Best Practices, 5)."""

RECEIVE: Final = "receive-message"
SEND: Final = "send-message"
CLOSE: Final = "close-message"
COMMAND: Final = "run-command"
QUICK_TASKS: Final = (SEND, RECEIVE, CLOSE)
"""The tasks that only touch the queue: they are done one after the other, and what they are given ends in a file."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_SPAN: Final = 36_525 * 86_400.0  # seconds of a century
_LONGEST_PAUSE: Final = 86_400.0  # seconds that a backoff makes of a shorter delay at most


@dataclass(frozen=True, slots=True)
class Retry:
    """How a step that fails is tried again: `times` at most, after `delay` seconds, then each time `backoff` longer."""

    times: int = 0
    delay: float = 0.0
    backoff: float = 1.0

    def pause(self, attempts: int) -> float:
        """The seconds to wait after so many attempts."""
        pause = self.delay
        for _ in range(attempts - 1):
            if pause >= _LONGEST_PAUSE:
                break
            pause = min(pause * self.backoff, _LONGEST_PAUSE)
        return pause


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `what` is the value under the key that is its kind; `at` is its place in the file.

    Where the file does not say in a way that can be read what the step does, its kind is empty; such a step never runs.

    `needs` are all the steps that must have ended first: those that it names, or else the one above, and those that its
    expressions read.
    """

    id: str
    kind: str
    what: Any
    at: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    when: str | bool = True
    foreach: Any = None
    item_name: str = "item"
    max_parallel: int | None = None
    timeout: Any = None
    on_timeout: str = "fail"
    retry: Retry = Retry()
    continue_on_error: bool = False

    def texts(self) -> Iterator[tuple[Path, str, bool]]:
        """Its texts that hold expressions: the place of each in the step, and whether it is a bare condition."""
        if isinstance(self.when, str):
            yield ("when",), self.when, True
        values = {"with": self.params, self.kind: self.what, "foreach": self.foreach, "timeout": self.timeout}
        for path, text in texts_in(values):
            if path != MESSAGE_TEST:
                yield path, text, False
        if self.kind == "wait" and "if" in self.what.get("message", {}):
            yield MESSAGE_TEST, self.what["message"]["if"], True
        if isinstance(self.foreach, str) and self.items_text != self.foreach:
            yield ("foreach",), self.foreach, True

    @property
    def items_text(self) -> Any:
        """What it is done for, where that is an expression always in braces, which may be left out there."""
        if isinstance(self.foreach, str) and "{{" not in self.foreach:
            return f"{{{{ {self.foreach} }}}}"
        return self.foreach


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow, as its file says it. `digest` is the hash of the file's text, `path` its name."""

    name: str
    steps: tuple[Step, ...]
    path: str
    digest: str
    description: str = ""
    agent: str | None = None
    trigger: Mapping[str, Any] | None = None
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    final: tuple[Step, ...] = ()
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    timeout: float | None = None
    on_failure: str = "escalate"

    ids: tuple[str, ...] = field(init=False)
    """What expressions may read after `steps.`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(dict.fromkeys(step.id for step in self.all_steps)))

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps and those at the end."""
        return self.steps + self.final

    @property
    def awaited(self) -> list[dict[str, Any]]:
        """The messages that steps wait for and that answer none, as far as the file tells."""
        waits = (step.what["message"] for step in self.all_steps if step.kind == "wait" and "message" in step.what)
        return [
            {key: value for key, value in wanted.items() if next(texts_in(value), None) is None}
            for wanted in waits
            if "reply_to" not in wanted
        ]


def workflow_of(mapping: Mapping[str, Any], path: str, digest: str) -> Workflow:
    """The workflow that a mapping holds which is valid by `workflow.schema.json`."""
    agent, timeout = mapping.get("agent"), mapping.get("timeout")
    inbox = () if agent is None else (Step(INBOX, "exec", RECEIVE, ("agent",), {"agent": agent}),)
    return Workflow(
        name=mapping["name"],
        steps=(*inbox, *_steps(mapping["steps"], "steps", (INBOX,) if inbox else ())),
        path=path,
        digest=digest,
        description=mapping.get("description", ""),
        agent=agent,
        trigger=(mapping.get("on") or {}).get("message"),
        params=mapping.get("params") or {},
        secrets=tuple(mapping.get("secrets") or ()),
        final=_steps(mapping.get("finally") or (), "finally", ()),
        outputs=mapping.get("outputs") or {},
        timeout=None if timeout is None else seconds_of(timeout),
        on_failure=mapping.get("on_failure", "escalate"),
    )


def seconds_of(duration: Any) -> float:
    """The seconds of a time span: `90s`, `45m`, `3h`, `2d`, `1w`, or a number of them.

    Raises:
        ValueError: where it is none, or longer than a century.
    """
    text = str(duration).strip()
    seconds = float(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else float(text)
    if not 0 <= seconds <= _LONGEST_SPAN:
        raise ValueError(f"{duration!r} is no time span")
    return seconds


def fits(message: Message, wanted: Mapping[str, Any]) -> bool:
    """Whether a message is what a step waits for, or what starts a run; `if` is not looked at."""
    return (
        wanted.get("type") in (None, message.type)
        and wanted.get("from") in (None, message.from_agent)
        and wanted.get("route") in (None, message.route)
        and wanted.get("reply_to") in (None, message.reply_to)
        and (wanted.get("to") is None or _is_to(message, wanted["to"]))
    )


def _is_to(message: Message, agent: str) -> bool:
    if message.to_agents == ALL:
        return agent != message.from_agent
    return agent in (message.to_agents or (message.to_agent,))


def _steps(mappings: Any, section: str, above: tuple[str, ...]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for number, mapping in enumerate(mappings):
        steps.append(_step(mapping, (section, number), above))
        above = (steps[-1].id,)
    return tuple(steps)


def _step(mapping: Mapping[str, Any], at: Path, above: tuple[str, ...]) -> Step:
    kind = next((kind for kind in KINDS if kind in mapping), "")
    needs = mapping.get("needs", above)
    retry = mapping.get("retry") or {}
    return Step(
        id=mapping["id"],
        kind=kind,
        what=mapping.get(kind),
        at=at,
        params=mapping.get("with") or {},
        needs=(needs,) if isinstance(needs, str) else tuple(needs),
        when=mapping.get("when", True),
        foreach=mapping.get("foreach"),
        item_name=mapping.get("as", "item"),
        max_parallel=mapping.get("max_parallel"),
        timeout=mapping.get("timeout"),
        on_timeout=mapping.get("on_timeout", "fail"),
        retry=Retry(retry.get("times", 0), seconds_of(retry.get("delay", 0)), retry.get("backoff", 1)),
        continue_on_error=mapping.get("continue_on_error", False),
    )
