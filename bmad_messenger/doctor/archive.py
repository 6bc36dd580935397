"""The doctor's checks of the archive: records that can't be read, are empty, or stand where nobody looks for them."""

from __future__ import annotations

from collections.abc import Iterator

from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.conflicts import merge_again
from bmad_messenger.doctor.diagnosis import Diagnosis, command, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import ConflictError, Problem
from bmad_messenger.message import ID_PATTERN


def readable(subject: Subject) -> Iterator[Diagnosis]:
    """Records that are damaged, hold another message, or hold conflict markers."""
    for message_id, problem in subject.records.damaged.items():
        if problem.code == ConflictError.code:
            yield Diagnosis(problem, merge_again(subject, subject.archive.path(message_id)))
        elif not (back := _back(subject, message_id)) and message_id in subject.queued:
            hint = "the queue has the message, and its record is made anew from it"
            again = f"{command('rm', subject.archive.name_of(message_id))} && bmad-messenger sync"
            yield Diagnosis(problem._replace(hint=hint), again)
        else:
            yield Diagnosis(problem, back)


def filled(subject: Subject) -> Iterator[Diagnosis]:
    """Records that are empty, as a power failure leaves them."""
    for message_id in subject.records.empty:
        name = subject.archive.name_of(message_id)
        problem = Problem("the record is empty, as after a power failure", path=name, code="empty")
        if message_id in subject.queued:
            yield Diagnosis(problem._replace(severity="warning"), "bmad-messenger sync", fixes.settle)
        elif back := _back(subject, message_id):
            yield Diagnosis(problem, back)
        else:
            hint = "the message is in no queue here, nor in git: it is lost, unless another clone has it"
            yield Diagnosis(problem._replace(hint=hint), command("rm", name))


def in_place(subject: Subject) -> Iterator[Diagnosis]:
    """Records under a name, or in a folder, where nobody looks for them."""
    for path in subject.archive.misplaced():
        name = subject.project.name(path)
        found = ID_PATTERN.match(path.name)
        target = subject.archive.path(found[0]) if found else None
        problem = warning("no command looks for a record here, or by this name", path=name, code="misplaced")
        if target is None or target.exists():
            hint = "the message has its record; delete this file, if it says no more" if target else "delete it"
            yield Diagnosis(problem._replace(hint=hint), command("rm", name))
        else:
            where = subject.project.name(target)
            move = command("mv", name, where)
            folder = command("mkdir", "-p", subject.project.name(target.parent))
            yield Diagnosis(problem, move if target.parent.is_dir() else f"{folder} && {move}")


def _back(subject: Subject, message_id: str) -> str:
    """The command that brings a record back from git; none where git has it no better."""
    tree, path = subject.work_tree, subject.archive.path(message_id)
    if tree is None or tree.name(path) not in tree.modified:
        return ""
    return command("git", "checkout", "--", subject.archive.name_of(message_id))
