"""The doctor's checks of the queue: whether it can be read, and whether it and the archive agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.conflicts import merge_again
from bmad_messenger.doctor.diagnosis import Diagnosis, command, count, some, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import ConflictError, MessengerError, Problem
from bmad_messenger.store import is_other

_SYNC: Final = "bmad-messenger sync"
_RESTORE: Final = "bmad-messenger sync --restore"


def readable(subject: Subject) -> Iterator[Diagnosis]:
    """Conflict markers, and whatever else makes it unclear where messages begin; messages that are invalid."""
    view, refusal = subject.read_queue
    if refusal is not None:
        yield _refused(subject, refusal)
    if view is not None:
        for problem in view.problems:
            yield Diagnosis(problem, "bmad-messenger edit")


def present(subject: Subject) -> Iterator[Diagnosis]:
    """A queue that is gone, or leads nowhere, while there are open messages."""
    path = subject.project.queue
    if path.exists() or not (subject.held or path.is_symlink()):
        return
    tree = subject.work_tree
    if tree is not None and tree.name(path) in tree.deleted:
        mend = command("git", "checkout", "--", subject.queue.name)
    else:
        mend = _RESTORE
    what = "the queue is a link that leads nowhere" if path.is_symlink() else "the queue is gone"
    yield Diagnosis(Problem(what, "its messages are in the archive", subject.queue.name, code="missing"), mend)


def is_archived(subject: Subject) -> bool:
    """Whether queue and archive are to agree."""
    return "archive" in subject.plugins


def settled(subject: Subject) -> Iterator[Diagnosis]:
    """What `sync` would settle: messages that are in the queue, and closed in the archive; open ones that only one of
    the two holds.
    """
    differences = _differences(subject)
    suspects = {one for ids in differences for one in ids}
    if not suspects:
        return
    lasting = _differences(subject.a_moment_later(suspects))
    differences = _Differences(
        *([one for one in first if one in then] for first, then in zip(differences, lasting, strict=True))
    )
    name = subject.queue.name
    if closed := differences.closed:
        what = f"the archive has {count(closed, 'message', 'messages')} of the queue as closed: {some(closed)}"
        hint = "a crash between two writes, or a `git pull`, left them here"
        yield Diagnosis(warning(what, hint, name, code="unsettled"), _SYNC, fixes.settle)
    if two := differences.two:
        what = f"queue and archive have different messages of one id: {some(two)}"
        hint = "two clones gave out the same id, or somebody edited the archive; the one in the queue gets a longer id"
        yield Diagnosis(warning(what, hint, name, code="two-messages"), _SYNC, fixes.settle)
    if entering := differences.entering:
        what = f"{count(entering, 'open message', 'open messages')} of the archive never reached this clone's queue"
        hint = "a teammate sent them, and git merged the queue without them"
        yield Diagnosis(warning(f"{what}: {some(entering)}", hint, name, code="unsettled"), _SYNC, fixes.settle)
    if lost := differences.lost:
        what = f"{count(lost, 'open message is', 'open messages are')} gone from the queue: {some(lost)}"
        hint = "an edit or a `git checkout` removed them; `bmad-messenger cancel ID` closes those that nobody needs"
        yield Diagnosis(warning(what, hint, name, code="missing"), _RESTORE)
    if unread := differences.unread:
        what = f"{count(unread, 'message is', 'messages are')} unread again: {some(unread)}"
        hint = "an old buffer, a rebase or a `git checkout` turned it back; or let it be read once more"
        yield Diagnosis(warning(what, hint, name, code="unread-again"), _RESTORE)
    if unrecorded := differences.unrecorded:
        what = f"the archive has no record of {count(unrecorded, 'open message', 'open messages')}: {some(unrecorded)}"
        hint = "it was typed in with its id, or a crash came between"
        yield Diagnosis(warning(what, hint, subject.archive.name, code="unrecorded"), _SYNC, fixes.settle)


class _Differences(NamedTuple):
    """The ids of the messages in which queue and archive differ.

    `closed` are in the queue, and closed in the archive. `entering` and `lost` are open in the archive alone: this
    queue has never held the ones, and has held the others. `unrecorded` are in the queue alone. `unread` were read in
    this clone, and the queue does not know it. `two` stand for one message in the queue and another in the archive.
    """

    closed: Sequence[str] = ()
    entering: Sequence[str] = ()
    lost: Sequence[str] = ()
    unrecorded: Sequence[str] = ()
    unread: Sequence[str] = ()
    two: Sequence[str] = ()


def _differences(subject: Subject) -> _Differences:
    view, held = subject.view, subject.held
    if view is None:
        return _Differences()
    ids, records = view.ids(), subject.records
    archived = records.messages
    filed = {*archived, *records.damaged, *records.empty}
    absent = (one for one, message in archived.items() if not message.status.is_closed and view.lacks(one, ids))
    two = [one for one, index in ids.items() if one in archived and is_other(view, index, archived[one])]
    return _Differences(
        closed=[one for one in ids if one in archived and archived[one].status.is_closed and one not in two],
        entering=[one for one in absent if one not in held],
        lost=subject.missing,
        unrecorded=[one for one in ids if one not in filed],
        unread=subject.unread_again,
        two=two,
    )


def _refused(subject: Subject, refusal: MessengerError) -> Diagnosis:
    """What helps where the queue can't be read at all."""
    problem, path = refusal.problem, subject.project.queue
    if isinstance(refusal, ConflictError):
        mend = merge_again(subject, path)
        if mend:
            hint = "git merged it line by line, which mixes messages; this merges it by message"
            return Diagnosis(problem._replace(hint=hint), mend)
        hint = "take one side whole: delete the markers and what the other side wrote; `bmad-messenger sync` then "
        return Diagnosis(
            problem._replace(hint=f"{hint}brings the messages of the other from the archive"), "bmad-messenger edit"
        )
    if path.is_file() and problem.line is not None:
        hint = "mend it at that place, or set it aside: the archive brings its messages back, as they were sent"
        name = subject.queue.name
        return Diagnosis(problem._replace(hint=hint), f"{command('mv', name, f'{name}.damaged')} && {_RESTORE}")
    return Diagnosis(problem)
