"""What a pull request does to the messages: what is new, changed and closed, and what should not have happened."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bmad_messenger.comparison import ABSENT, Comparison, Difference, Version, compare
from bmad_messenger.config import Project
from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.files import decode
from bmad_messenger.git.commit_range import CommitRange, commit_range
from bmad_messenger.git.judging import judge
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.review_findings import findings
from bmad_messenger.git.review_within import findings_within
from bmad_messenger.git.versions import Tree, read_blobs, read_tree, versions_of
from bmad_messenger.history.entry import Entry
from bmad_messenger.message import Message

_SHORT: Final = 10  # characters of a commit's name in a hint


@dataclass(frozen=True)
class Thread:
    """The messages of one thread that a review is about, oldest first; `first` is where the thread begins."""

    first: Message
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Review:
    """What became of the messages between two commits.

    `findings` are what should not have happened, each with its place, `notes` what else is worth knowing. `artifacts`
    has the paths of the documents that each new message names.
    """

    commits: CommitRange
    comparison: Comparison
    findings: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    threads: tuple[Thread, ...]
    artifacts: Mapping[str, list[str]]

    def to_mapping(self) -> dict[str, Any]:
        """The review for JSON; where a field is absent, so is its `old` or `new`."""
        comparison = self.comparison
        return {
            "base": self.commits.base,
            "head": self.commits.head,
            "new": [record.mapping for record in comparison.new],
            "changed": [_change_mapping(one) for one in comparison.changed],
            "closed": [Entry(record.message).to_mapping() for record in comparison.closed],
            "read": [{"message_id": one.after.message.message_id, "by": [*one.readers]} for one in comparison.read],
            "deleted": [one.before.mapping for one in comparison.deleted],
            "threads": [
                {"first": one.first.message_id, "messages": [message.message_id for message in one.messages]}
                for one in self.threads
            ],
            "findings": [problem.to_mapping() for problem in self.findings],
            "notes": [problem.to_mapping() for problem in self.notes],
        }


def review(repository: Repository, project: Project, range: str | None = None) -> Review:
    """Review what the commits of a range do to the messages; the work tree is not looked at.

    Args:
        repository: where the commits are.
        project: whose messages.
        range: as `commit_range` takes it.

    Raises:
        NotFoundError: where a commit does not exist.
    """
    commits = commit_range(repository, range)
    old, new = (read_tree(repository, project, name) for name in (commits.base, commits.head))
    before, after = versions_of(repository, old, new)
    comparison = compare(before, after)
    judgement = judge(repository, old, new, [record.message for record in comparison.new])
    found = (
        *judgement.problems,
        *findings(comparison, before, after, commits.base[:_SHORT]),
        *findings_within(repository, project, commits, old, new, comparison),
    )
    return Review(
        commits,
        comparison,
        findings=tuple(sorted(found, key=lambda problem: (problem.path or "", problem.line or 0))),
        notes=tuple(_notes(commits, old, new, before, after)),
        threads=tuple(_threads(comparison, _with_ancestors(repository, new, after, comparison))),
        artifacts=judgement.artifacts,
    )


def _change_mapping(difference: Difference) -> dict[str, Any]:
    after = difference.after
    fields = [
        {
            "field": ".".join(change.path),
            **({} if change.old is ABSENT else {"old": change.old}),
            **({} if change.new is ABSENT else {"new": change.new}),
        }
        for change in difference.fields
    ]
    line = after.line_of(*difference.fields[0].path)
    return {"message_id": after.message.message_id, "path": after.path, "line": line, "fields": fields}


def _notes(commits: CommitRange, old: Tree, new: Tree, before: Version, after: Version) -> Iterator[Problem]:
    if not commits.is_straight:
        message = "the first commit is not before the second: what it alone has looks as if it were deleted"
        yield _note(message, "with three dots, as in `BASE...HEAD`, they are compared from where they parted")
    if not any((old.queue, old.archive, new.queue, new.archive)):
        yield _note(f"neither commit has a queue or an archive in {new.folder}", "are they ignored by git?")
    if not after.is_clear and old.queue == new.queue:
        yield from (problem for problem in after.problems if problem.path == after.queue)
    known = {problem.message for problem in before.problems}
    yield from (one for one in after.problems if one.severity == "warning" and one.message not in known)


def _note(message: str, hint: str) -> Problem:
    return Problem(message, hint, code="note", severity="warning")


def _touched(comparison: Comparison) -> dict[str, Message]:
    """The messages that the review tells of, by id."""
    records = (*comparison.new, *(one.after for one in comparison.changed), *comparison.closed)
    return {record.message.message_id: record.message for record in records}


def _with_ancestors(repository: Repository, tree: Tree, version: Version, comparison: Comparison) -> dict[str, Message]:
    """The messages of the version that were read, with what the touched ones answer, all the way up."""
    known = {message_id: record.message for message_id, record in version.records.items()}
    climbing, seen = set(_touched(comparison)), set[str | None]([None])
    while climbing:
        above = {known[one].reply_to for one in climbing if one in known} - seen
        seen |= above
        climbing = {one for one in above if one is not None}
        known |= _read(repository, tree, (climbing & version.same) - known.keys())
    return known


def _read(repository: Repository, tree: Tree, ids: Collection[str]) -> dict[str, Message]:
    """Messages of the archive, as far as they can be read."""
    texts = read_blobs(repository, (tree.archive[one] for one in ids))
    archive, found = tree.files_of_archive, {}
    for message_id in ids:
        try:
            text = decode(texts[tree.archive[message_id].oid], archive.name_of(message_id))
            found[message_id] = archive.message(message_id, text)
        except MessengerError:
            continue  # the thread then begins below it
    return found


def _threads(comparison: Comparison, known: Mapping[str, Message]) -> Iterator[Thread]:
    """The threads with an answer in them, the one that began first coming first."""
    threads: dict[str, list[tuple[int, Message]]] = {}
    for message in _touched(comparison).values():
        chain = [message]
        while (above := known.get(chain[-1].reply_to or "")) is not None and above not in chain:
            chain.append(above)
        threads.setdefault(chain[-1].message_id, []).append((len(chain), message))
    found = [
        Thread(known.get(first, own[0][1]), tuple(message for _, message in sorted(own, key=_place)))
        for first, own in threads.items()
        if len(own) > 1 or own[0][0] > 1
    ]
    yield from sorted(found, key=lambda thread: (thread.first.created, thread.first.message_id))


def _place(step: tuple[int, Message]) -> tuple[Any, int, str]:
    depth, message = step
    return message.created, depth, message.message_id
