"""Finds the messages of the history that fit: in the archive and the queue, newest first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bmad_messenger.archive import sound_message
from bmad_messenger.errors import InvalidError, MessengerError, Problem, UsageError
from bmad_messenger.history.entry import Entry
from bmad_messenger.message import Message
from bmad_messenger.practices import artifact_paths
from bmad_messenger.queue.head import read_head

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger

_GLOB: Final = re.compile(r"[*?\[\]]")
_BRACKETS: Final = re.compile(r"[\[\]]")
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages of the history; None is any.

    `artifact` is a part of a document's path, or a pattern of it such as `docs/*.md`; `text` is looked for in payload
    and note, in capitals or not. `since` and `until` bound when it was sent; `thread` is an id, or the unique beginning
    or end of one. `limit` counts messages, from 1.
    """

    agent: str | None = None
    type: str | None = None
    route: str | None = None
    artifact: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    thread: str | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"the limit is {self.limit}", hint="ask for 1 message or more")


def read_history(messenger: Messenger, wanted: Wanted, report: Callable[[Problem], None]) -> list[Entry]:
    """The messages that fit, newest first; one whose file is damaged is reported and left out.

    Raises:
        NotFoundError: where there is no such thread; or where nothing fits, and there is no such agent.
        InvalidError: where nothing fits, and there is no such type or route.
    """
    found = _thread(messenger, wanted) if wanted.thread is not None else _candidates(messenger, wanted, report)
    messages = (_whole(messenger, one, report) for one in _newest_first([*found]))
    fitting = (Entry(one) for one in messages if one is not None and _payload_fits(one, wanted, messenger))
    entries = [*islice(fitting, wanted.limit)]
    if not entries:
        _require_known(messenger, wanted)
    return entries


def artifacts(message: Message, messenger: Messenger) -> list[str]:
    """The paths of the documents that a message names; none where its type is not known any more."""
    try:
        return [path for _, path in artifact_paths(message, messenger.types, messenger.routes)]
    except InvalidError:
        return []


class _Found(NamedTuple):
    """A message that may fit: itself, or the text of its file in the archive."""

    created: datetime
    message_id: str
    reply_to: str | None
    content: Message | str

    @classmethod
    def of(cls, message: Message, text: str | None = None) -> _Found:
        """What is found in a message, or in the envelope of one whose file has this text."""
        return cls(message.created, message.message_id, message.reply_to, message if text is None else text)


def _thread(messenger: Messenger, wanted: Wanted) -> Iterator[_Found]:
    for message in messenger.thread(wanted.thread or ""):
        if _envelope_fits(message, wanted, messenger):
            yield _Found.of(message)


def _candidates(messenger: Messenger, wanted: Wanted, report: Callable[[Problem], None]) -> Iterator[_Found]:
    """The messages whose envelopes fit, those of the archive not parsed where their lines tell enough.

    A message that is open stands in the queue as it is, and in the archive as it was sent.
    """
    may_fit = _text_filter(wanted)
    open_ones = {message.message_id: message for message in messenger.list()}
    for message_id in messenger.archive.ids():
        try:
            text = messenger.archive.text(message_id)
            if text is None:
                continue
            envelope = _envelope(text, message_id) or messenger.archive.message(message_id, text)
        except MessengerError as error:
            report(error.problem._replace(severity="warning"))
            continue
        if envelope.status.is_closed:
            open_ones.pop(message_id, None)
        if message_id not in open_ones and _envelope_fits(envelope, wanted, messenger) and may_fit(text):
            yield _Found.of(envelope, text)
    for message in open_ones.values():
        if _envelope_fits(message, wanted, messenger):
            yield _Found.of(message)


def _envelope(text: str, message_id: str) -> Message | None:
    """The message without its payload, where its lines tell it without a parser."""
    head = read_head(text, 0, len(text), 0)
    message = sound_message({**head, "payload": {}}) if head is not None else None
    return message if message is not None and message.message_id == message_id else None


def _envelope_fits(message: Message, wanted: Wanted, messenger: Messenger) -> bool:
    return (
        wanted.agent in (None, message.from_agent, *message.recipients(messenger.config.agents))
        and wanted.type in (None, message.type)
        and wanted.route in (None, message.route)
        and (wanted.since is None or message.created >= wanted.since)
        and (wanted.until is None or message.created <= wanted.until)
    )


def _text_filter(wanted: Wanted) -> Callable[[str], bool]:
    """Tells of a file's text whether its message may fit: YAML may break a text at its blanks, but no word of it
    where there is no backslash.
    """
    sought = [text for text in (wanted.text, wanted.artifact) if text and not _BRACKETS.search(text)]
    words = {word for text in sought for word in _WORD.findall(text.casefold())}

    def may_fit(text: str) -> bool:
        folded = text.casefold() if words else ""
        return all(word in folded for word in words) or "\\" in text

    return may_fit


def _newest_first(found: Sequence[_Found]) -> list[_Found]:
    """In order of sending; of one second, an answer is newer than what it answers."""
    by_id = {one.message_id: one for one in found}

    def key(one: _Found) -> tuple[datetime, int, str]:
        seen: list[str] = []
        above: _Found | None = one
        while above is not None and above.created == one.created and above.message_id not in seen:
            seen.append(above.message_id)
            above = by_id.get(above.reply_to or "")
        return one.created, len(seen), one.message_id

    return sorted(found, key=key, reverse=True)


def _whole(messenger: Messenger, found: _Found, report: Callable[[Problem], None]) -> Message | None:
    if isinstance(found.content, Message):
        return found.content
    try:
        return messenger.archive.message(found.message_id, found.content)
    except MessengerError as error:
        report(error.problem._replace(severity="warning"))
        return None


def _payload_fits(message: Message, wanted: Wanted, messenger: Messenger) -> bool:
    if wanted.text is not None:
        sought = wanted.text.casefold()
        if not any(sought in text.casefold() for text in _texts([message.note or "", message.payload])):
            return False
    return wanted.artifact is None or any(_names(wanted.artifact, path) for path in artifacts(message, messenger))


def _texts(value: Any) -> Iterator[str]:
    """Every key and every value below it, as text."""
    if isinstance(value, dict):
        yield from value
        yield from _texts([*value.values()])
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def _names(wanted: str, path: str) -> bool:
    """Whether a document's path has `wanted` in it, or keeps to it as a pattern, whole or from any slash on."""
    if not _GLOB.search(wanted):
        return wanted in path
    parts = path.partition("#")[0].split("/")
    return any(fnmatchcase("/".join(parts[number:]), wanted) for number in range(len(parts))) or fnmatchcase(
        path, wanted
    )


def _require_known(messenger: Messenger, wanted: Wanted) -> None:
    """Refuse names that don't exist: it would look as if nothing had been handed over."""
    if wanted.agent is not None:
        messenger.config.require_agent(wanted.agent)
    if wanted.type is not None:
        messenger.types.schema_of(wanted.type)
    if wanted.route is not None:
        messenger.routes.get(wanted.route)
