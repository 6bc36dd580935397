"""What should not have happened to the messages between two commits, each with its place and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from bmad_messenger.comparison import Comparison, Deletion, Difference, FieldChange, Record, Version
from bmad_messenger.errors import Problem
from bmad_messenger.message import Message

_HANDED_OVER: Final = ("type", "from", "to", "to_agents", "created", "route", "reply_to", "payload")
"""The keys that nobody may change once a message was read: its reader acts on them."""

_OF_A_VERSION: Final = ("link", "two-messages")
_MOST_FIELDS: Final = 5


def findings(comparison: Comparison, before: Version, after: Version, base: str) -> Iterator[Problem]:
    """The findings, but for the errors that `validate` tells.

    Args:
        comparison: what became of the messages.
        before: the earlier state.
        after: the later one, which places are in; what is gone has its place in the earlier one.
        base: the name of the earlier commit, for `git checkout`.
    """
    for difference in comparison.differences:
        yield from _of_difference(difference, base)
    is_queue_gone = before.queue is not None and after.queue is None
    if is_queue_gone:
        path = before.queue or ""
        message = "the queue is no longer in git, so its open messages are lost to everybody else"
        yield Problem(message, _bring_back(base, path), path, 1, 1, code="queue-deleted")
    for deletion in comparison.deleted:
        if not (is_queue_gone and deletion.before.in_queue):
            yield _of_deletion(deletion, base)
    for record in comparison.unrecorded:
        hint = "`bmad-messenger sync` records it anew"
        yield _problem("record-deleted", f"{_name(record)} lost its file in the archive", hint, record)
    known = {problem.message for problem in before.problems}
    for problem in after.problems:
        if problem.code in _OF_A_VERSION and problem.message not in known:
            yield problem


def _of_difference(difference: Difference, base: str) -> Iterator[Problem]:
    old, new = difference.before, difference.after
    hint = f"{_old_text(base, old)} tells what it said"
    if difference.is_back:
        turned = f"went back from {old.message.status.value} to {new.message.status.value}"
        undo = f"{hint}; a message is closed once, so send a new one" if not old.is_open else hint
        yield _problem("turned-back", f"{_name(new)} {turned}", undo, new, "status")
    elif not old.is_open:
        fields = _fields(difference.fields)
        undo = f"{hint}; what is closed stays as it was"
        yield _problem(
            "closed-changed",
            f"{_name(new)} was changed after it was closed: {fields}",
            undo,
            new,
            *_first(difference.fields),
        )
        return
    elif difference.unread_again:
        agents = ", ".join(difference.unread_again)
        yield _problem("turned-back", f"{_name(new)} is no longer read by {agents}", hint, new, "read_by")
    edited = tuple(change for change in difference.written if change.path[0] in _HANDED_OVER)
    if edited and (old.was_read or not old.is_open):
        readers = ", ".join(old.message.read_by) or "somebody"
        undo = f"{hint}: put it back, and send what is new as a message of its own"
        yield _problem(
            "edited-after-read",
            f"{_name(new)} was edited after {readers} had read it: {_fields(edited)}",
            undo,
            new,
            *_first(edited),
        )


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


def _first(changes: tuple[FieldChange, ...]) -> tuple[str, ...]:
    return changes[0].path


def _old_text(base: str, record: Record) -> str:
    return f"`git show {base}:{shlex.quote(record.path)}`"


def _bring_back(base: str, path: str) -> str:
    return f"`git checkout {base} -- {shlex.quote(path)}` brings it back"
