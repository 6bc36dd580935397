"""The doctor's check of btmsg: whether its database has every message, and knows what was read."""

from __future__ import annotations

from collections.abc import Iterator

from bmad_messenger.btmsg.glance import Copies, glance
from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.diagnosis import Diagnosis, count, some, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.message import Message, Status
from bmad_messenger.plugins.btmsg import NAME, place_of, source_of

_SYNC = "bmad-messenger sync"


def is_on(subject: Subject) -> bool:
    """Whether messages are copied to btmsg."""
    return NAME in subject.plugins


def level(subject: Subject) -> Iterator[Diagnosis]:
    """Messages that btmsg lacks, and reads that only one of the two knows of."""
    copies, missing, behind = _compared(subject)
    if not missing and not behind:
        return
    _, still_missing, still_behind = _compared(subject.a_moment_later({*missing, *behind}))
    if missing := [one for one in missing if one in still_missing]:
        why = "there is no such file" if copies.copied is None else f"not copied: {some(missing)}"
        what = f"btmsg lacks {count(missing, 'message', 'messages')}: {why}"
        hint = "the plugin was switched off, or failed, when they were sent"
        yield Diagnosis(warning(what, hint, copies.path, code="btmsg"), _SYNC, fixes.settle)
    if behind := [one for one in behind if one in still_behind]:
        what = f"queue and btmsg differ on whether {count(behind, 'message was', 'messages were')} read: {some(behind)}"
        yield Diagnosis(warning(what, path=copies.path, code="btmsg"), _SYNC, fixes.settle)


def _compared(subject: Subject) -> tuple[Copies, list[str], list[str]]:
    """What btmsg has, the ids of the messages that it lacks, and of those that one of the two has as read."""
    path, group = place_of(subject.project, subject.config)
    messages, roster = subject.messages, subject.config.agents
    copies = glance(path, source_of(group))
    missing = [one for one in messages if copies.copied is None or one not in copies.copied]
    there = [one for one, agent in copies.read if one in subject.queued and agent in messages[one].recipients(roster)]
    here = [one for one, agent in copies.unread if one in messages and _is_read(messages[one], agent)]
    return copies, missing, sorted({*there, *here})


def _is_read(message: Message, agent: str) -> bool:
    return message.status is not Status.PENDING or agent in message.read_by
