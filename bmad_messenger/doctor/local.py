"""The doctor's checks of this machine: what was left behind, the clock, permissions, the disk."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.diagnosis import Diagnosis, command, count, some, span, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.editing.draft import base_of, left_drafts
from bmad_messenger.errors import Problem
from bmad_messenger.files import leftovers
from bmad_messenger.message import format_time
from bmad_messenger.queue.file import HOLDER_NAME, LOCK_NAME

_AHEAD: Final = timedelta(minutes=2)
"""How far two clocks may be apart without a word."""

_LITTLE: Final = 64 * 1024 * 1024  # bytes of a disk
_COMPARE: Final = "compare `date -u` with a clock that you trust; a clock set back mixes up the order of messages"


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
    dead = [path for folder in fixes.folders_written(project) for path in leftovers(folder)]
    if dead:
        what = (
            f"{count(dead, 'temporary file', 'temporary files')} of processes that died: {some(_names(subject, dead))}"
        )
        problem = warning(what, "what they were about to write was not written", project.name(dead[0]), code="leftover")
        yield Diagnosis(problem, "bmad-messenger doctor --fix", fixes.clear)


def drafts(subject: Subject) -> Iterator[Diagnosis]:
    """What people wrote in `edit`, and has not come into the queue."""
    for path in left_drafts(subject.project):
        name = subject.project.name(path)
        hint = (
            f"it holds somebody's words; `{command('rm', name, subject.project.name(base_of(path)))}` throws them away"
        )
        problem = warning("an earlier edit left a draft", hint, name, code="draft")
        yield Diagnosis(problem, command("bmad-messenger", "edit", "--draft", name))


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
            f"{format_time(newest)}, {span((newest - subject.now).total_seconds())} from now"
        )
        is_open = next((f"; `bmad-messenger edit {one}` corrects it" for one in ids if one in subject.queued), "")
        hint = f"{_COMPARE}; where this one is right, the sender's was ahead{is_open}; a closed message may stay so"
        yield Diagnosis(warning(what, hint, name, code="clock"), _set_clock())
    project = subject.project
    files = (project.queue, subject.queue.journal.path, project.folder / HOLDER_NAME, project.config)
    ages = [(path.stat().st_mtime - subject.now.timestamp(), path) for path in files if path.is_file()]
    ahead, file = max(ages, default=(0.0, project.queue))
    if ahead > _AHEAD.total_seconds():
        what = f"this file was last written {span(ahead)} from now, says the disk"
        mend = f"{_set_clock()}; {command('touch', project.name(file))}"
        yield Diagnosis(warning(what, _COMPARE, project.name(file), code="clock"), mend)


def _barred(what: str, path: Path, name: str) -> Diagnosis:
    problem = Problem(what, path=name, code="not-permitted")
    if path.stat().st_uid == os.geteuid():
        return Diagnosis(problem._replace(hint="its mode was changed"), command("chmod", "u+rwX", name))
    hint = "another user made it, as a command run with sudo does"
    return Diagnosis(problem._replace(hint=hint), f'sudo chown -R "$(id -u)" {command(name)}')


def _set_clock() -> str:
    """The command that sets this machine's clock by the network's; where there is none, the one that shows it."""
    if shutil.which("timedatectl"):
        return "sudo timedatectl set-ntp true"
    return "sudo sntp -sS time.apple.com" if sys.platform == "darwin" else "date -u"


def _names(subject: Subject, paths: list[Path]) -> list[str]:
    return [subject.project.name(path) for path in paths]
