"""`git sync`: commits the messenger's files, merges what others pushed, settles queue and archive, and pushes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, LockTimeoutError, MessengerError, Problem, StorageError, UsageError
from bmad_messenger.git.advancing import advance, place, require_room
from bmad_messenger.git.branch import Branch, Remote, fetch, push
from bmad_messenger.git.commit_message import Handoff, counts
from bmad_messenger.git.committing import Locked, OwnFiles, commit_own
from bmad_messenger.git.merging import merged
from bmad_messenger.git.readiness import alone, repository_of, require_new_git, require_no_conflict
from bmad_messenger.messenger import Messenger
from bmad_messenger.queue.file import stamp_of

_TRIES: Final = 4
_ROUNDS: Final = 8
_LONGEST_PAUSE: Final = 0.5  # seconds, in the first round


@dataclass
class Synced:
    """What a sync did.

    `branch` is the branch, `upstream` the one it follows, as people call them; `commits` are the commits of the
    messenger's files, `handoffs` what is in them; `merged` and `pushed` count commits; `actions` tells all of it, a
    sentence each.
    """

    branch: str
    upstream: str | None = None
    commits: list[str] = field(default_factory=list)
    handoffs: list[Handoff] = field(default_factory=list)
    merged: int = 0
    pushed: int = 0
    actions: list[str] = field(default_factory=list)

    def to_mapping(self) -> dict[str, Any]:
        """It as the command line prints it in JSON."""
        events = dict.fromkeys(one.event for one in self.handoffs)
        ids = {event: [one.message.message_id for one in self.handoffs if one.event == event] for event in events}
        return {
            "branch": self.branch,
            "upstream": self.upstream,
            "committed": self.commits[-1] if self.commits else None,
            "handoffs": ids,
            "merged": self.merged,
            "pushed": self.pushed,
            "actions": self.actions,
        }


def sync(
    project: Project,
    *,
    subject: str | None = None,
    pushes: bool = True,
    report: Callable[[Problem], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Synced:
    """Bring a project and the branch that its branch follows into step.

    Args:
        project: the project.
        subject: what the commits' messages begin with; by default it counts the handoffs.
        pushes: whether to push at the end.
        report: takes each warning.
        tell: takes each thing that was done, when it is done.

    Raises:
        NotFoundError: where there is no git, no repository, or no messenger's folder.
        UsageError: where the repository is in no state for it; nothing was changed.
        InvalidError: where a file can't be read, or both sides changed one thing to different values. What was
            committed stays.
        GitError: where git or the remote refuses.
        LockTimeoutError: where another sync is at work, or somebody else was first again and again.
    """
    if subject is not None and not subject.strip():
        raise UsageError("the commit's message is empty", hint="write what the commit is for, or leave it out")
    repository = repository_of(project)
    require_new_git(repository)
    branch = Branch.checked_out(repository)
    files = OwnFiles.of(repository, project)
    require_no_conflict(files)
    with alone(repository):
        return _Sync(files, branch, subject, pushes, _once(report), tell or _nobody).run()


class _Sync:
    """One sync of one branch."""

    def __init__(
        self,
        files: OwnFiles,
        branch: Branch,
        subject: str | None,
        pushes: bool,
        report: Callable[[Problem], None],
        tell: Callable[[str], None],
    ) -> None:
        self.files, self.branch, self.subject, self.pushes = files, branch, subject, pushes
        self.repository, self.project = files.repository, files.project
        self.report, self.tell = report, tell
        self.done = Synced(branch.name)

    def run(self) -> Synced:
        self.settle()
        self.commit(self.locked)
        upstream = self.branch.upstream()
        if upstream is None:
            advice = f"`git push --set-upstream REMOTE {self.branch.name}` lets it follow one"
            self.say(f"{self.branch.name} follows no branch of a remote, so nothing was fetched or pushed; {advice}")
            return self.done
        self.done.upstream = upstream.label
        for number in range(_ROUNDS):
            if number:
                time.sleep(random.uniform(0.1, 1) * _LONGEST_PAUSE * (1 + number / 2))
            if self.is_in_step(upstream):
                return self.done
        raise LockTimeoutError(
            f"somebody else pushed to {upstream.label} first, {_ROUNDS} times in a row",
            hint="run it again; what was committed and merged stays",
        )

    @property
    def messenger(self) -> Messenger:
        """The messenger by the settings of now: a merge may bring others."""
        return Messenger(self.project, self.report)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the queue's lock, once no editor is half-way through saving the queue."""
        queue = self.messenger.store.queue
        with queue.locked():
            with suppress(DamagedError):  # whether what it holds may be committed is asked later
                queue.settled()
            yield

    def is_in_step(self, upstream: Remote) -> bool:
        """Whether, after a fetch, a merge and a push, nobody else was first."""
        theirs = fetch(self.repository, upstream)
        if theirs is not None and self.merge(theirs, upstream):
            self.settle()
            self.commit(self.locked)
        ours = self.branch.tip()
        if ours is None or ours == theirs:
            self.say_nothing_to_do(upstream)
            return True
        commits = self.count(theirs, ours)
        if not self.pushes:
            self.say(f"left {_commits(commits)} to push to {upstream.label}")
            return True
        destination = self.branch.destination(upstream)
        if destination is None:
            name = self.branch.name
            self.say(f"pushed nothing: {name} follows {upstream.label}, which has another name; push it yourself")
            return True
        if not push(self.repository, ours, destination):
            if destination != upstream:
                message = f"{destination.label} has commits that {self.branch.name} has not"
                raise UsageError(message, hint="it is not the branch that is followed: merge it yourself, and push")
            return False
        self.done.pushed = commits
        users = self.count(theirs, ours, f":(top,exclude,literal){self.files.folder}")
        of_them = f", {users} of them with other files" if users else ""
        self.say(f"pushed {_commits(commits)} to {destination.label}{of_them}")
        return True

    def settle(self) -> None:
        """Settle queue and archive. What is damaged stops only the commit of it: others may have mended it already."""
        try:
            for line in self.messenger.sync():
                self.say(line)
        except StorageError:
            raise
        except DamagedError as error:
            self.report(error.problem._replace(severity="warning"))

    def commit(self, locked: Locked) -> None:
        """Commit what is new in the messenger's files."""
        commit = commit_own(self.files, self.branch, self.subject, locked)
        if commit is not None:
            self.done.commits.append(commit.name)
            self.done.handoffs += commit.handoffs
            self.say(f"committed {commit.name[:9]}: {counts(commit.handoffs) or 'no message, but other files'}")

    def merge(self, theirs: str, upstream: Remote) -> bool:
        """Merge what was fetched; whether there was anything to merge.

        Whoever sends meanwhile is not kept waiting, until it has come in between too often.
        """
        for number in range(_TRIES):
            is_last = number == _TRIES - 1
            with self.locked() if is_last else nullcontext():
                locked = nullcontext if is_last else self.locked
                if number:
                    self.commit(locked)
                changed = self.try_to_merge(theirs, upstream, locked)
            if changed is not None:
                return changed
        raise LockTimeoutError(
            f"somebody else keeps changing {self.branch.name} or the queue",
            hint="run it again when they are done; what was committed stays",
        )

    def try_to_merge(self, theirs: str, upstream: Remote, locked: Locked) -> bool | None:
        """Whether there was anything to merge; None where somebody came in between."""
        ours = self.branch.tip()
        new = theirs if ours is None else merged(self.files, self.branch, ours, theirs, upstream)
        if ours is None or new == ours:
            return False
        require_room(self.files, ours, new)
        count = self.count(ours, theirs)
        with locked():
            queue = self.project.queue
            stamp = stamp_of(queue)
            is_clean = self.branch.tip() == ours and self.files.tree_now(ours) == self.files.tree_in(ours)
            is_clean = is_clean and place(self.files, ours, new, lambda: stamp_of(queue) == stamp)
            if is_clean:
                self.look()
        if not is_clean or not advance(self.files, self.branch, ours, new, locked):
            return None
        self.done.merged += count
        self.say(f"merged {_commits(count)} from {upstream.label}")
        return True

    def look(self) -> None:
        """Check what was merged while nobody writes, so that whoever reads it next knows the text, and need not ask."""
        store = self.messenger.store
        with suppress(MessengerError):  # `settle` reports it
            store.view(store.queue.read())

    def count(self, old: str | None, new: str, *path: str) -> int:
        """How many commits the one has and the other has not; where a path is given, only those that are no merges."""
        more = ("--no-merges", "--", *path) if path else ()
        return int(self.repository.text("rev-list", "--count", new, *((f"^{old}",) if old else ()), *more))

    def say_nothing_to_do(self, upstream: Remote) -> None:
        if not self.done.actions:
            self.say(f"{self.branch.name} and {upstream.label} are in step")

    def say(self, line: str) -> None:
        self.done.actions.append(line)
        self.tell(line)


def _once(report: Callable[[Problem], None] | None) -> Callable[[Problem], None]:
    """Passes each problem on the first time."""
    told: set[Problem] = set()

    def tell(problem: Problem) -> None:
        if report is not None and problem not in told:
            told.add(problem)
            report(problem)

    return tell


def _nobody(line: str) -> None:
    """Listens to nothing."""


def _commits(count: int) -> str:
    return f"{count} commit{'' if count == 1 else 's'}"
