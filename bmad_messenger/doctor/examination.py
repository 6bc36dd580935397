"""The doctor's visit: every check in its order, what they find, and with `fix` what is done about it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from bmad_messenger import __version__
from bmad_messenger.config import Project
from bmad_messenger.doctor import archive, btmsg, git, local, lock, queue, runs, settings
from bmad_messenger.doctor.diagnosis import Check, Diagnosis, Fix
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import MessengerError, NotFoundError, Problem, StorageError
from bmad_messenger.git.repository import Repository

CHECKS: Final = (
    Check("no file is left out of the work tree", git.whole, git.is_there),
    Check("the folders are there", local.folders),
    Check("the files of `init` are this version's", settings.layout, needs_all=True),
    Check("the config is valid", settings.config),
    Check("the plugins load", settings.plugins),
    Check("the project's message types are valid", settings.types),
    Check("everything can be written", local.permissions),
    Check("the disk has room", local.space),
    Check("the lock is free", lock.free),
    Check("no dead process left a file", local.left_behind),
    Check("no edit left a draft", local.drafts),
    Check("the clock is right", local.clock),
    Check("the queue is there", queue.present, needs_all=True),
    Check("the queue can be read, and its messages are valid", queue.readable),
    Check("the records of the archive can be read", archive.readable),
    Check("no record is empty", archive.filled, needs_all=True),
    Check("every record is in its place", archive.in_place),
    Check("queue and archive agree", queue.settled, queue.is_archived, needs_all=True),
    Check("the files of the runs can be read", runs.readable, runs.are_there),
    Check("git has merged queue and archive", git.merged, git.is_there),
    Check("git ignores neither queue nor archive", git.ignored, git.is_there),
    Check("git holds queue and archive", git.held, git.is_there),
    Check("git holds no local file", git.local_files, git.is_there),
    Check("git merges by message", git.driver, git.is_there, needs_all=True),
    Check("btmsg has every message", btmsg.level, btmsg.is_on, needs_all=True),
)
"""In this order: what others stand on comes first."""

_MOST: Final = 100  # findings of one check


@dataclass(frozen=True, slots=True)
class Report:
    """What a visit comes to: `sound` are the checks that found nothing, `fixed` what was done, `about` the versions."""

    findings: tuple[Diagnosis, ...]
    sound: tuple[str, ...]
    fixed: tuple[str, ...]
    about: Mapping[str, str]

    @property
    def is_ill(self) -> bool:
        """Whether one of the findings is an error."""
        return any(finding.problem.severity == "error" for finding in self.findings)


def examine(project: Project, *, fix: bool = False) -> Report:
    """Look for everything that may be wrong with a project; without `fix` nothing is changed.

    Args:
        project: the project.
        fix: do what is safe to do about the findings; those that are left are reported.
    """
    findings, sound = _look(project)
    fixed: list[str] = []
    failed: list[Diagnosis] = []
    if fix:
        for one in dict.fromkeys(finding.fix for finding in findings if finding.fix is not None):
            try:
                fixed += one(project)
            except MessengerError as error:
                failed.append(_failed(one, error))
        findings, sound = _look(project)
    return Report((*findings, *failed), tuple(sound), tuple(fixed), _about(project))


def _look(project: Project) -> tuple[list[Diagnosis], list[str]]:
    """What the checks find, and what is said of those that find nothing."""
    subject = Subject(project)
    findings: dict[Problem, Diagnosis] = {}  # what several checks stumble on is told once
    sound: list[str] = []
    for check in CHECKS:
        found = _found(check, subject)
        if found == []:
            sound.append(check.sound)
        for finding in (found or ())[:_MOST]:
            findings.setdefault(finding.problem, finding)
        if found is not None and len(found) > _MOST:
            more = Problem(f"and {len(found) - _MOST} more of this kind", code="more")
            findings[more] = Diagnosis(more)
    return [*findings.values()], sound


def _found(check: Check, subject: Subject) -> list[Diagnosis] | None:
    """What one check finds, None where it does not apply; where it fails itself, that is a finding."""
    found: list[Diagnosis] = []
    try:
        if not check.applies(subject) or (check.needs_all and not subject.is_whole):
            return None
        for finding in check.look(subject):
            found.append(finding)  # noqa: PERF402  # what was found before a failure counts
    except MessengerError as error:
        found += [Diagnosis(problem) for problem in error.problems or (error.problem,)]
    except OSError as error:
        found.append(Diagnosis(StorageError.of_os(error, "read", str(error.filename or "a file")).problem))
    except Exception as error:  # noqa: BLE001  # a bug in one check must not hide what the others find
        what = f"whether {check.sound} can't be told: {type(error).__name__}: {error}"
        found.append(Diagnosis(Problem(what, "this is a bug in bmad-messenger: report it", code="internal")))
    return found


def _failed(fix: Fix, error: MessengerError) -> Diagnosis:
    what = (fix.__doc__ or "").partition("\n")[0].rstrip(".").lower()
    return Diagnosis(error.problem._replace(message=f"--fix could not {what}: {error.problem.message}"))


def _about(project: Project) -> dict[str, str]:
    """The versions of what is at work here."""
    try:
        git = Repository(project.root).ask("version").text.removeprefix("git version ")
    except NotFoundError:
        git = "not installed"
    return {
        "project": str(project.root),
        "bmad-messenger": __version__,
        "python": sys.version.partition(" ")[0],
        "git": git,
        "sqlite": f"{sqlite3.sqlite_version} {'with' if _has_search() else 'without'} FTS5",
    }


def _has_search() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE search USING fts5(body)")
        except sqlite3.OperationalError:
            return False
        return True
