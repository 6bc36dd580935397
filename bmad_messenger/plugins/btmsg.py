"""The built-in plugin that carries every message into the btmsg database, and what is read there back to the queue."""

from __future__ import annotations

import os
import re
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.config import USER, Config, Project
from bmad_messenger.errors import MessengerError, NotFoundError
from bmad_messenger.message import ALL, Message, Status
from bmad_messenger.plugins.spec import hookimpl

if TYPE_CHECKING:
    from bmad_messenger.btmsg.mirror import Entry, Key, Mirror
    from bmad_messenger.btmsg.mirrored_agents import Member
    from bmad_messenger.messenger import Messenger

NAME: Final = "btmsg"

ROLES: Final = {"pm": "manager", "sm": "manager", "architect": "architect", "tea": "tester", USER: "admin"}
"""The roles of agents in btmsg, where the config names no other."""

_OTHER: Final = "project"
"""The role of every other agent."""

_UNNAMED: Final = "bmad"
"""The group of a project whose folder has no name, as the root of the file system."""

_PAUSE: Final = 30.0
"""Seconds in which a database that failed is left alone, so that one in use delays one send and not each."""

_CREATED: Final = re.compile(r"^created:.*", re.MULTILINE)
"""The line of an archived message that tells when it was made."""

_GRACE: Final = 10
"""Tenths of a second that messages may take from the queue to the database."""


@hookimpl
def after_change(messenger: Messenger, messages: Sequence[Message]) -> None:
    """Make the direct messages of what was sent, and set the flags of what was read or closed, in one transaction."""
    link = _link(messenger)
    if not link.is_paused:
        with link.mirror() as mirror:
            is_new = not os.path.exists(mirror.database.path)
            mirror.deliver(_entries(messenger, messages), _members(messenger))
            lacks_earlier = is_new and _lacks_earlier(messenger, mirror)
        if lacks_earlier:
            raise NotFoundError(f"there was no {mirror.database.path}; it was made, without the earlier messages")


@hookimpl
def before_receive(messenger: Messenger, agent: str, messages: Sequence[Message]) -> list[str]:
    """Tell which of the messages the agent has read in btmsg."""
    link = _link(messenger)
    if link.is_paused or not link.exists:
        return []
    with link.mirror() as mirror:
        return [key.external_id for key in mirror.read_here(_key(one, agent) for one in messages)]


@hookimpl
def sync(messenger: Messenger, messages: Sequence[Message], rebuild: bool) -> list[str]:
    """Carry over what is missing, both ways; to rebuild, make every direct message anew from queue and archive."""
    link = _link(messenger)
    if not link.exists and not messages and not any(messenger.archive.ids()):
        return []
    with link.mirror() as mirror:
        opened = {message.message_id for message in messages}
        settled = {} if rebuild or not link.exists else mirror.settled()
        closed = _archived(messenger, (one for one in messenger.archive.ids() if one not in opened), settled)
        entries = _entries(messenger, sorted((*messages, *closed), key=lambda message: message.created))
        if rebuild:
            count = mirror.rebuild(entries, _members(messenger))
            done = [f"rebuilt the btmsg messages from queue and archive: {count}"]
        else:
            new, read = mirror.deliver(entries, _members(messenger))
            done = [f"brought btmsg up to date: {new} new, {read} read"] if new or read else []
        # After that: what this project has beside another's is told apart by its own copies.
        return [*_read_there(messenger, mirror, messages), *done]


def place_of(project: Project, config: Config) -> tuple[Path | None, str]:
    """Where a project's copies are: the database's file, None for the user's own, and the group in it."""
    settings = config.plugin_settings.get(NAME, {})
    group = settings.get("group") or project.root.name
    group = "".join(letter if letter.isprintable() else "?" for letter in group).strip() or _UNNAMED
    path = settings.get("database")
    return project.root / os.path.expanduser(path) if path else None, group


def source_of(group: str) -> str:
    """What tells the copies of a group's messages from those of other programs."""
    return f"bmad-messenger:{group}"


class _Link:
    """One messenger's way to the database; connections stay open from one change to the next."""

    def __init__(self, messenger: Messenger) -> None:
        from bmad_messenger.btmsg.database import Database
        from bmad_messenger.btmsg.mirror import Mirror

        path, group = place_of(messenger.project, messenger.config)
        database = Database(path, lasting=False)  # `sync` copies again what a power failure took
        place = os.path.realpath(messenger.project.root)
        self._mirror = Mirror(database, source=source_of(group), group_id=group, origin=place)
        self._failed: float | None = None  # when, by the monotonic clock
        weakref.finalize(messenger, database.close).atexit = False

    @property
    def exists(self) -> bool:
        return os.path.exists(self._mirror.database.path)

    @property
    def is_paused(self) -> bool:
        return self._failed is not None and time.monotonic() - self._failed < _PAUSE

    @contextmanager
    def mirror(self) -> Iterator[Mirror]:
        if not self.exists:  # what an open connection wrote to a file that is gone would be lost
            self._mirror.database.close()
        try:
            yield self._mirror
        except Exception:
            self._failed = time.monotonic()
            self._mirror.database.close()
            raise
        self._failed = None


_links: weakref.WeakKeyDictionary[Messenger, dict[tuple[int, int], _Link]] = weakref.WeakKeyDictionary()
"""By messenger, process and thread: SQLite's connections must not be used by any other."""


def _link(messenger: Messenger) -> _Link:
    links = _links.setdefault(messenger, {})
    place = (os.getpid(), threading.get_ident())
    if place not in links:
        links[place] = _Link(messenger)
    return links[place]


def _settings(messenger: Messenger) -> Any:
    return messenger.config.plugin_settings.get(NAME, {})


def _members(messenger: Messenger) -> list[Member]:
    """Every agent of the project, with its role."""
    from bmad_messenger.btmsg.mirrored_agents import Member

    roles = {**ROLES, **(_settings(messenger).get("roles") or {})}
    return [Member(agent, roles.get(agent, _OTHER)) for agent in messenger.config.agents]


def _entries(messenger: Messenger, messages: Iterable[Message]) -> list[Entry]:
    """What btmsg holds of these messages: one entry for each recipient."""
    from bmad_messenger.btmsg.mirror import Entry
    from bmad_messenger.btmsg.times import timestamp
    from bmad_messenger.plugins.btmsg_text import readable_text

    entries = []
    for message in messages:
        first = Entry(
            external_id=message.message_id,
            from_agent=message.from_agent,
            to_agent="",
            content=readable_text(message),
            payload=dict(message.payload),
            created_at=timestamp(message.created),
            reply_to=message.reply_to,
            closed=message.status.is_closed,
            to_all=message.to_agents == ALL,
        )
        is_read = message.status is not Status.PENDING
        entries += [
            first._replace(to_agent=agent, read=is_read or agent in message.read_by)
            for agent in message.recipients(messenger.config.agents)
        ]
    return entries


def _key(message: Message, agent: str) -> Key:
    """The copy of a message that an agent has."""
    from bmad_messenger.btmsg.mirror import Key
    from bmad_messenger.btmsg.times import timestamp

    return Key(message.message_id, timestamp(message.created), agent)


def _lacks_earlier(messenger: Messenger, mirror: Mirror) -> bool:
    """Whether a new database lacks messages, but for those that others are sending at this very moment."""
    missing = set(messenger.archive.ids())
    for _ in range(_GRACE):
        missing -= mirror.copied()
        if not missing:
            return False
        time.sleep(0.1)
    return True


def _read_there(messenger: Messenger, mirror: Mirror, messages: Sequence[Message]) -> Iterator[str]:
    """Mark read in the queue what was read in btmsg; what another clone's queue holds is left to that clone."""
    roster = messenger.config.agents
    own = {_key(message, agent) for message in messages for agent in message.recipients(roster)}
    keys = [key for key in mirror.read_here() if key in own]
    for agent in dict.fromkeys(key.agent_id for key in keys):
        read = [key.external_id for key in keys if key.agent_id == agent]
        messenger.mark_read(agent, read)
        yield from (f"marked {one} read: {agent} read it in btmsg" for one in read)
    mirror.carried(keys)


def _archived(
    messenger: Messenger, message_ids: Iterable[str], settled: Mapping[str, Sequence[str]]
) -> Iterator[Message]:
    """The messages of the archive, but for those of which every copy was read, as the database tells."""
    for message_id in message_ids:
        with suppress(MessengerError):  # a damaged file was reported when queue and archive were settled
            text = messenger.archive.text(message_id) if message_id in settled else None
            created = _CREATED.search(text) if text else None
            if created and any(f"{time[:10]}T{time[11:19]}Z" in created[0] for time in settled[message_id]):
                continue  # known by one line, without parsing the file: there may be thousands
            message = messenger.archive.read(message_id)
            if message is not None:
                yield message
