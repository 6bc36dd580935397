"""The doctor's checks of this machine: the lock, what dead processes left, the clock, permissions, the disk."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.diagnosis import Diagnosis, command, count, some, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import Problem
from bmad_messenger.files import is_running, leftovers
from bmad_messenger.message import format_time, parse_time
from bmad_messenger.queue.file import HOLDER_NAME, LOCK_NAME, Holder, host_name, read_holder

_AHEAD: Final = timedelta(minutes=2)
"""How far two clocks may be apart without a word."""

_LITTLE: Final = 64 * 1024 * 1024  # bytes of a disk
_SET_CLOCK: Final = "compare `date -u` with a clock that you trust; a clock set back mixes up the order of messages"


def permissions(subject: Subject) -> Iterator[Diagnosis]:
    """Folders that can't be written, and local files that can't be: a run as another user leaves those."""
    project = subject.project
    folders = [project.folder, project.archive]
    if project.archive.is_dir():
        folders += sorted(path for path in project.archive.iterdir() if path.is_dir())
    if project.queue.is_symlink():
        folders.append(Path(os.path.realpath(project.queue)).parent)
    for folder in folders:
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            yield _barred("nothing can be written in this folder", folder, project.name(folder))
    for path in (project.folder / LOCK_NAME, project.folder / HOLDER_NAME, subject.queue.journal.path):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            yield _barred("this file can't be written", path, project.name(path))


def folders(subject: Subject) -> Iterator[Diagnosis]:
    """Files where folders should be."""
    project = subject.project
    for folder in (project.folder.parent, project.folder, project.archive):
        if os.path.lexists(folder) and not folder.is_dir():
            name = project.name(folder)
            problem = Problem("this must be a folder", "set it aside: it may hold something", name, code="no-folder")
            yield Diagnosis(problem, f"{command('mv', name, f'{name}.old')} && bmad-messenger init")
            return


def space(subject: Subject) -> Iterator[Diagnosis]:
    """A disk that is nearly full."""
    folder = next(path for path in (subject.project.folder, *subject.project.folder.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    if free < _LITTLE:
        name = subject.project.name(folder)
        what = f"{free // 1024 // 1024} MB are free on the disk"
        yield Diagnosis(warning(what, "make room: a send on a full disk fails", name, code="disk"))


def left_behind(subject: Subject) -> Iterator[Diagnosis]:
    """Temporary files of processes that died while they wrote."""
    project = subject.project
    dead = [*leftovers(project.folder), *subject.archive.leftovers()]
    if dead:
        what = (
            f"{count(dead, 'temporary file', 'temporary files')} of processes that died: {some(_names(subject, dead))}"
        )
        problem = warning(what, "what they were about to write was not written", project.name(dead[0]), code="leftover")
        yield Diagnosis(problem, "bmad-messenger doctor --fix", fixes.clear)


def lock(subject: Subject) -> Iterator[Diagnosis]:
    """A lock that is held for longer than anybody waits for it."""
    path = subject.project.folder / LOCK_NAME
    holder = read_holder(subject.project) if _is_held(path) else None
    held = _held_for(holder, subject.now)
    if not _is_held(path) or held <= subject.config.limits.lock_timeout:
        return
    project = subject.a_moment_later(()).project  # who has just taken it has not yet said so
    if _is_held(path) and read_holder(project) == holder:
        yield _long_held(holder, held, subject.project.name(path))


def clock(subject: Subject) -> Iterator[Diagnosis]:
    """Times that are yet to come: this machine's clock was set back, or another's is ahead."""
    name = subject.queue.name
    late = subject.now + _AHEAD
    coming = [
        (time, message.message_id)
        for message in subject.messages.values()
        for time in (message.created, message.closed, *message.read_by.values())
        if time is not None and time > late
    ]
    if coming:
        newest, message_id = max(coming)
        ids = [*dict.fromkeys(message_id for _, message_id in coming)]
        what = (
            f"{count(ids, 'message has', 'messages have')} a time that is yet to come: {message_id} says "
            f"{format_time(newest)}, {_span((newest - subject.now).total_seconds())} from now"
        )
        yield Diagnosis(warning(what, _SET_CLOCK, name, code="clock"))
    project = subject.project
    files = (project.queue, subject.queue.journal.path, project.folder / HOLDER_NAME, project.config)
    ages = [(path.stat().st_mtime - subject.now.timestamp(), path) for path in files if path.is_file()]
    ahead, file = max(ages, default=(0.0, project.queue))
    if ahead > _AHEAD.total_seconds():
        what = f"this file was last written {_span(ahead)} from now, says the disk"
        yield Diagnosis(warning(what, _SET_CLOCK, project.name(file), code="clock"))


def _barred(what: str, path: Path, name: str) -> Diagnosis:
    problem = Problem(what, path=name, code="not-permitted")
    if path.stat().st_uid == os.geteuid():
        return Diagnosis(problem._replace(hint="its mode was changed"), command("chmod", "u+rwX", name))
    hint = "another user made it, as a command run with sudo does"
    return Diagnosis(problem._replace(hint=hint), f'sudo chown -R "$(id -u)" {command(name)}')


def _names(subject: Subject, paths: list[Path]) -> list[str]:
    return [subject.project.name(path) for path in paths]


def _is_held(path: Path) -> bool:
    """Whether somebody holds a lock; asked without touching the file."""
    try:
        import fcntl
    except ImportError:  # not on this system, which has no such lock
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _held_for(holder: Holder | None, now: datetime) -> float:
    """How many seconds it has been held; for ever, where nobody says since when."""
    try:
        return (now - parse_time(holder.since)).total_seconds() if holder else math.inf
    except ValueError:
        return math.inf


def _long_held(holder: Holder | None, seconds: float, name: str) -> Diagnosis:
    problem = Problem("the queue's lock is held, and nobody says by whom", "end that process", name, code="locked")
    who_has_it = command("fuser", "-v", name)
    if holder is None or seconds == math.inf:
        return Diagnosis(problem, who_has_it)
    problem = problem._replace(message=f"the queue's lock is held for {_span(seconds)}, since {holder.since}")
    who = f"process {holder.pid} ({holder.command})"
    if holder.host != host_name():
        return Diagnosis(problem._replace(hint=f"{who} on {holder.host} took it: end it there"))
    if is_running(holder.pid):
        hint = f"{who} has it: wait for it, or end it; what it has not written yet is not written"
        return Diagnosis(problem._replace(hint=hint), command("kill", str(holder.pid)))
    hint = f"{who} took it and is gone; another process that it started still holds it: end that one"
    return Diagnosis(problem._replace(hint=hint), who_has_it)


def _span(seconds: float) -> str:
    """A length of time in one unit: `5 minutes`."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}{'' if seconds < 2 * size else 's'}"
    return f"{seconds:.0f} seconds"
