"""What should not have happened to the messages between two commits, each with its place and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bmad_messenger.comparison import PROGRESS, Comparison, Deletion, Difference, FieldChange, Record, Version
from bmad_messenger.errors import Problem
from bmad_messenger.message import Message

_HANDED_OVER: Final = ("type", "from", "to", "to_agents", "created", "route", "reply_to", "payload")
"""The keys that nobody may change once a message was read: its reader acts on them."""

_STATUS: Final = ("status",)
_OF_A_VERSION: Final = ("link", "two-messages")
_MOST_FIELDS: Final = 5


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a difference: the finding's code, and the fields it is about."""

    code: str
    fields: tuple[FieldChange, ...]

    @property
    def is_back(self) -> bool:
        """Whether the message's status went back, rather than its readers vanished."""
        return self.code == "turned-back" and self.fields[0].path == _STATUS


def findings(comparison: Comparison, before: Version, after: Version, base: str) -> Iterator[Problem]:
    """The findings, but for the errors that `validate` tells.

    Args:
        comparison: what became of the messages.
        before: the earlier state.
        after: the later one, which places are in; what is gone has its place in the earlier one.
        base: the name of the earlier commit, for `git checkout`.
    """
    is_queue_gone = before.queue is not None and after.queue is None
    if is_queue_gone:
        deleted = tuple(one for one in comparison.deleted if not one.before.in_queue)
        comparison = replace(comparison, deleted=deleted)
        yield queue_finding(before.queue or "", base)
    yield from message_findings(comparison, base)
    known = {problem.message for problem in before.problems}
    for problem in after.problems:
        if problem.code in _OF_A_VERSION and problem.message not in known:
            yield problem


def message_findings(comparison: Comparison, base: str) -> Iterator[Problem]:
    """What should not have happened to single messages, as `findings` tells it."""
    for difference in comparison.differences:
        for fault in faults(difference):
            yield _of_fault(fault, difference, base)
    for deletion in comparison.deleted:
        yield _of_deletion(deletion, base)
    for record in comparison.unrecorded:
        hint = "`bmad-messenger sync` records it anew"
        yield _problem("record-deleted", f"{_name(record)} lost its file in the archive", hint, record)


def queue_finding(path: str, base: str) -> Problem:
    """That the queue is gone."""
    message = "the queue is no longer in git, so its open messages are lost to everybody else"
    return Problem(message, _bring_back(base, path), path, 1, 1, code="queue-deleted")


def faults(difference: Difference) -> Iterator[Fault]:
    """What should not have happened to a message, among the fields of the difference."""
    old = difference.before
    fields = {change.path: change for change in difference.fields}
    if difference.is_back and _STATUS in fields:
        yield Fault("turned-back", (fields[_STATUS],))
    elif not old.is_open:
        if changed := tuple(one for one in difference.fields if _is_settled(one, difference)):
            yield Fault("closed-changed", changed)
        return
    elif difference.unread_again and (lost := tuple(one for path, one in fields.items() if path[0] == "read_by")):
        yield Fault("turned-back", lost)
    edited = tuple(change for change in difference.written if change.path[0] in _HANDED_OVER)
    if edited and (old.was_read or not old.is_open):
        yield Fault("edited-after-read", edited)


def _is_settled(change: FieldChange, difference: Difference) -> bool:
    """Whether a closed message must not get this field otherwise, not even by a merge with what another clone did.

    There, the first closing counts, the first date of a message that was typed in, and everybody who has read it.
    """
    old, new, key = difference.before.message, difference.after.message, change.path[0]
    if key == "read_by":
        return bool(difference.unread_again)
    if key == "created":
        return new.created > old.created
    if key in PROGRESS:
        return old.closed is not None and (new.closed is None or new.closed >= old.closed)
    return key in _HANDED_OVER


def _of_fault(fault: Fault, difference: Difference, base: str) -> Problem:
    old, new = difference.before, difference.after
    hint = f"{_old_text(base, old)} tells what it said"
    if fault.is_back:
        what = f"went back from {old.message.status.value} to {new.message.status.value}"
        hint = hint if old.is_open else f"{hint}; a message is closed once, so send a new one"
    elif fault.code == "turned-back":
        what = f"is no longer read by {', '.join(difference.unread_again)}"
    elif fault.code == "closed-changed":
        what = f"was changed after it was closed: {_fields(fault.fields)}"
        hint = f"{hint}; what is closed stays as it was"
    else:
        readers = ", ".join(old.message.read_by) or "somebody"
        what = f"was edited after {readers} had read it: {_fields(fault.fields)}"
        hint = f"{hint}: put it back, and send what is new as a message of its own"
    field = ("read_by",) if fault.code == "turned-back" and not fault.is_back else fault.fields[0].path
    return _problem(fault.code, f"{_name(new)} {what}", hint, new, *field)


def _of_deletion(deletion: Deletion, base: str) -> Problem:
    old, left = deletion.before, deletion.left
    message_id = old.message.message_id
    if left is not None:
        hint = f"`bmad-messenger sync --restore` brings it back, `bmad-messenger cancel {message_id}` closes it"
        return _problem("deleted", f"{_name(old)} was deleted from the queue while it was open", hint, old)
    if old.is_open:
        hint = f"{_old_text(base, old)} has it: put it back, then close it with `bmad-messenger cancel {message_id}`"
        return _problem("deleted", f"{_name(old)} was deleted while it was open", hint, old)
    return _problem("record-deleted", f"{_name(old)} was deleted from the history", _bring_back(base, old.path), old)


def _problem(code: str, message: str, hint: str, record: Record, *field: str) -> Problem:
    return Problem(message, hint, record.path, record.line_of(*field), 1, code=code)


def _name(record: Record) -> str:
    """A message in a few words: its id, its type, who sent it to whom."""
    message: Message = record.message
    recipients = ", ".join(message.to_agents) if isinstance(message.to_agents, tuple) else message.to_agents
    return f"{message.message_id} ({message.type} {message.from_agent} → {message.to_agent or recipients})"


def _fields(changes: tuple[FieldChange, ...]) -> str:
    names = [".".join(change.path) for change in changes]
    more = f" and {len(names) - _MOST_FIELDS} more" if len(names) > _MOST_FIELDS else ""
    return f"{', '.join(names[:_MOST_FIELDS])}{more}"


def _old_text(base: str, record: Record) -> str:
    return f"`git show {base}:{shlex.quote(record.path)}`"


def _bring_back(base: str, path: str) -> str:
    return f"`git checkout {base} -- {shlex.quote(path)}` brings it back"
