"""The doctor's check of the queue's lock: whether somebody holds it, for how long, and who that is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bmad_messenger.doctor.diagnosis import Diagnosis, command, span, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import Problem
from bmad_messenger.files import is_running
from bmad_messenger.message import parse_time
from bmad_messenger.queue.file import LOCK_NAME, Holder, host_name, read_holder


def free(subject: Subject) -> Iterator[Diagnosis]:
    """A lock that somebody holds, and that does not go from hand to hand.

    It is an error where it is held for longer than anybody waits for it, and otherwise good to know.
    """
    path = subject.project.folder / LOCK_NAME
    if not _is_held(path):
        return
    before = read_holder(subject.project)
    project = subject.a_moment_later(()).project  # who has just taken it has not yet said so
    holder = read_holder(project)
    if holder != before or not _is_held(path):
        return
    name = project.name(path)
    if holder is None or not _has_it(holder, path):
        yield _held_by_somebody(holder, name)
        return
    seconds = _held_for(holder, subject.now)
    how_long = "" if seconds == math.inf else f" for {span(seconds)}, since {holder.since}"
    problem = Problem(f"the queue's lock is held{how_long}", path=name, code="locked")
    who = f"process {holder.pid} ({holder.command}) has it: wait for it"
    if seconds <= subject.config.limits.lock_timeout:
        yield Diagnosis(problem._replace(hint=who, severity="note"))
        return
    hint = f"{who}, or end it; what it has not written yet is not written"
    yield Diagnosis(problem._replace(hint=hint), command("kill", str(holder.pid)))


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


def _has_it(holder: Holder, path: Path) -> bool:
    """Whether the process that last signed for a lock is certain to hold it now; only Linux tells, and of this machine.

    Its number may be another process's by now, and somebody else may have the lock without a word.
    """
    if holder.host != host_name():
        return False
    process = Path("/proc", str(holder.pid))
    with suppress(OSError):  # it is gone, or another user's
        for descriptor in os.listdir(process / "fd"):
            with suppress(OSError):  # it has just closed that file
                is_it = os.path.samefile(process / "fd" / descriptor, path)
                if is_it and "FLOCK" in (process / "fdinfo" / descriptor).read_text():
                    return True
    return False


def _held_by_somebody(last: Holder | None, name: str) -> Diagnosis:
    hint = "this command names those that have the file open"
    if last is not None:
        who = f"process {last.pid} ({last.command})"
        if last.host != host_name():
            hint = f"{who} on {last.host} was the last to say that it had it, at {last.since}: look there too; {hint}"
        elif is_running(last.pid):
            hint = f"{who} was the last to say that it had it, at {last.since}; {hint}"
        else:
            hint = f"{who}, which took it at {last.since}, is gone; what it started may hold it; {hint}"
    what = "the queue's lock is held, and it is not known by whom"
    return Diagnosis(warning(what, hint, name, code="locked"), command("fuser", "-v", name))


def _held_for(holder: Holder, now: datetime) -> float:
    """For how many seconds it has been held, by the holder's own word; for ever, where that is no time."""
    try:
        return max(0.0, (now - parse_time(holder.since)).total_seconds())
    except ValueError:
        return math.inf
