"""The doctor's check of the workflows' runs: files of runs that can't be read, so that nothing takes these on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bmad_messenger.doctor.conflicts import merge_again
from bmad_messenger.doctor.diagnosis import Diagnosis, command
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import ConflictError, MessengerError, NotFoundError, Problem
from bmad_messenger.workflow.runs import Runs


def are_there(subject: Subject) -> bool:
    """Whether the project has runs."""
    return bool(Runs(subject.project).ids())


def readable(subject: Subject) -> Iterator[Diagnosis]:
    """Files of runs that are damaged, or hold conflict markers."""
    runs = Runs(subject.project)
    for run_id in runs.ids():
        try:
            runs.read(run_id)
        except NotFoundError:  # somebody has removed it meanwhile
            continue
        except MessengerError as error:
            for problem in error.problems or (error.problem,):
                yield _diagnosis(subject, runs.path(run_id), problem)


def _diagnosis(subject: Subject, path: Path, problem: Problem) -> Diagnosis:
    name, tree = subject.project.name(path), subject.work_tree
    if problem.code == ConflictError.code:
        return Diagnosis(problem, merge_again(subject, path))
    if tree is not None and tree.name(path) in tree.modified:
        hint = "the run goes on from where git has it, and sends nothing a second time"
        return Diagnosis(problem._replace(hint=hint), command("git", "checkout", "--", name))
    hint = "git has it no better: the run is lost; forget it, and start it anew"
    return Diagnosis(problem._replace(hint=hint), command("rm", name))
