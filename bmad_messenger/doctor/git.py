"""The doctor's checks of the repository: what git ignores, does not hold, holds by mistake, or has not merged."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from bmad_messenger.conflict import conflict_of
from bmad_messenger.doctor.diagnosis import Diagnosis, command, count, some, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.doctor.work_tree import WorkTree
from bmad_messenger.errors import Problem
from bmad_messenger.files import read_text
from bmad_messenger.git.install import missing
from bmad_messenger.git.left_out import way_back, what_is_left_out
from bmad_messenger.layout import LOCAL_FILES
from bmad_messenger.message import ID_PATTERN

_OLD: Final = 24 * 3600.0  # seconds after which a record that nobody has committed was forgotten
_COMMIT: Final = "bmad-messenger git sync --no-push"
_A_RECORD: Final = Path("2025-01", "MSG-20250115-a1b2.yaml")


def is_there(subject: Subject) -> bool:
    """Whether the project is in a repository, and git is installed."""
    return subject.work_tree is not None


def whole(subject: Subject) -> Iterator[Diagnosis]:
    """Files of ours that a sparse checkout leaves out."""
    tree, project = subject.git, subject.project
    if tree.left_out:
        what = what_is_left_out(project, tree.left_out)
        hint = "no command sees them; do nothing else here before they are there"
        problem = Problem(what, hint, project.name(project.folder), code="left-out")
        yield Diagnosis(problem, way_back(tree.repository, project))


def ignored(subject: Subject) -> Iterator[Diagnosis]:
    """Rules by which git ignores the queue or the archive."""
    tree, project = subject.git, subject.project
    by_file: dict[str, dict[tuple[int, str], list[str]]] = {}
    for what, path in (("the queue", project.queue), ("the archive", project.archive / _A_RECORD)):
        if found := tree.rule(path):
            file, line, rule = found
            by_file.setdefault(file, {}).setdefault((line, rule), []).append(what)
    for file, rules in by_file.items():  # one command a file: the second would find other lines under its numbers
        told = " and ".join(f"{' and '.join(parts)} by the rule `{rule}`" for (_, rule), parts in rules.items())
        name = project.name(tree.path(file))
        lines = "that line" if len(rules) == 1 else "those lines"
        hint = f"the command deletes {lines}, and keeps the file as it was in {name}.old"
        problem = warning(
            f"git ignores {told}: no other clone gets them, no review sees them", hint, name, code="ignored"
        )
        deleted = (word for line, _ in rules for word in ("-e", f"{line}d"))
        first = min(line for line, _ in rules)
        yield Diagnosis(problem._replace(line=first), command("sed", "-i.old", *deleted, "--", name))


def held(subject: Subject) -> Iterator[Diagnosis]:
    """A queue and records that git does not hold, and records that it holds and the disk has no more."""
    tree, project = subject.git, subject.project
    if tree.name(project.queue) in tree.untracked:
        what = "git does not hold the queue: no other clone gets it"
        yield Diagnosis(warning(what, path=subject.queue.name, code="untracked"), _COMMIT)
    new = sorted(_records(subject, tree, tree.untracked))
    if new:
        yield _uncommitted(subject, new, is_first=not _records(subject, tree, tree.tracked))
    gone = sorted(_records(subject, tree, tree.deleted))
    if gone:
        ids = [path.stem for path in gone]
        what = f"git holds {count(gone, 'record', 'records')} that the disk has no more: {some(ids)}"
        mend = f"git ls-files -z --deleted -- {command(subject.archive.name)} | xargs -0 git checkout --"
        yield Diagnosis(warning(what, path=project.name(gone[0]), code="deleted"), mend)


def local_files(subject: Subject) -> Iterator[Diagnosis]:
    """Files of this clone alone that git holds by mistake: then each commit changes those of the others."""
    local = [
        name
        for name in sorted(subject.git.tracked)
        if any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in LOCAL_FILES)
    ]
    if local:
        files = [subject.project.name(subject.git.path(name)) for name in local]
        what = f"git holds {count(files, 'file', 'files')} that should be local to each clone: {some(files)}"
        yield Diagnosis(warning(what, path=files[0], code="tracked"), command("git", "rm", "--cached", "--", *files))


def driver(subject: Subject) -> Iterator[Diagnosis]:
    """A merge driver that is not installed in this clone, or leads nowhere."""
    if not subject.project.folder.is_dir():
        return
    by_cure: dict[str, list[str]] = {}
    for problem in missing(subject.project):
        by_cure.setdefault(problem.hint, []).append(problem.message)
    for cure, messages in by_cure.items():
        more = f", and {len(messages) - 1} more" if len(messages) > 1 else ""
        hint = "until then git merges line by line; `bmad-messenger git install --check` tells all"
        yield Diagnosis(warning(f"{messages[0]}{more}", hint, code="driver"), cure.partition("`")[2].partition("`")[0])


def merged(subject: Subject) -> Iterator[Diagnosis]:
    """Files of ours that a merge has left for somebody to resolve, and in which nothing is left to do."""
    tree, project = subject.git, subject.project
    for name in sorted(tree.unmerged):
        path = tree.path(name)
        shown = project.name(path)
        text = read_text(path, shown)
        if text is None or conflict_of(text, shown) is None:  # else its own check tells
            what = f"the {tree.under_way or 'merge'} waits for this file: it is resolved, and git has not been told"
            mend = command("git", "rm" if text is None else "add", "--", shown)
            yield Diagnosis(Problem(what, path=shown, code="unmerged"), mend)


def _records(subject: Subject, tree: WorkTree, names: Iterable[str]) -> list[Path]:
    """Those of the files that are records of the archive."""
    archive = f"{tree.name(subject.project.archive)}/"
    return [tree.path(name) for name in names if name.startswith(archive) and ID_PATTERN.match(tree.path(name).name)]


def _uncommitted(subject: Subject, new: list[Path], *, is_first: bool) -> Diagnosis:
    ids = [path.stem for path in new]
    name = subject.project.name(new[0])
    if is_first:
        what = f"git holds none of the archive, which has {count(new, 'record', 'records')}: no other clone gets them"
        return Diagnosis(warning(what, path=subject.archive.name, code="untracked"), _COMMIT)
    what = f"{count(new, 'record is', 'records are')} not committed yet: {some(ids)}"
    is_old = any(time.time() - path.lstat().st_mtime > _OLD for path in new)
    problem = warning(what, "until then no other clone gets them", name, code="untracked")
    return Diagnosis(problem if is_old else problem._replace(severity="note"), _COMMIT)
