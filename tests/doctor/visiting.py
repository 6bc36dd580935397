"""A visit of the doctor, which must leave every file as it is, to the byte and the nanosecond.

What the readers of a SQLite database share in memory (`-shm`) is no file in this sense.
"""

from __future__ import annotations

from pathlib import Path

from bmad_messenger import Messenger
from bmad_messenger.doctor.diagnosis import Diagnosis
from bmad_messenger.doctor.examination import Report, examine


def visit(messenger: Messenger) -> Report:
    """What the doctor finds, without a change to anything in or around the project."""
    around = messenger.project.root.parent
    before = state(around)
    report = examine(messenger.project)
    assert state(around) == before
    return report


def found(messenger: Messenger, code: str) -> Diagnosis:
    """The one finding of this code."""
    (finding,) = [finding for finding in visit(messenger).findings if finding.problem.code == code]
    return finding


def codes(report: Report) -> list[str]:
    """The codes of what was found."""
    return [finding.problem.code for finding in report.findings]


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Everything in a folder: kinds, modes, times and content."""
    entries = {}
    for path in (folder, *sorted(path for path in folder.rglob("*") if not path.name.endswith("-shm"))):
        status = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        entries[str(path.relative_to(folder))] = (status.st_mode, status.st_mtime_ns, status.st_size, content)
    return entries
