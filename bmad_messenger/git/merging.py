"""Merges what others pushed, by message, in a work tree of its own: neither the user's nor their index sees it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from bmad_messenger.conflict import conflicts_in
from bmad_messenger.errors import GitError, InvalidError, MessengerError, Problem
from bmad_messenger.files import decode, read_text
from bmad_messenger.git.branch import Branch, Remote
from bmad_messenger.git.committing import OwnFiles, record, settings
from bmad_messenger.git.drivers import RUNS
from bmad_messenger.git.install import DRIVER, driver_settings
from bmad_messenger.git.repository import Answer, Repository
from bmad_messenger.merge import merge_records
from bmad_messenger.message import ID_PATTERN

_ATTRIBUTES_NAME: Final = ".gitattributes"
_ATTRIBUTES: Final = f"""\
message-queue.yaml merge={DRIVER}
MSG-*.yaml merge={DRIVER}
**/messenger/runs/*.yaml merge={DRIVER}
**/messenger/runs/*.on merge=union
"""
_BOTH_SIDES: Final = frozenset(("2", "3"))  # as git numbers them
_FIELD: Final = re.compile(r"^[ \t]*(?:- )?[\"']?([\w-]+)[\"']?[ \t]*:", re.MULTILINE)
_BY_HAND: Final = "`git pull --no-rebase`, edit the marked places, commit, and sync again"


def merged(files: OwnFiles, branch: Branch, ours: str, theirs: str, upstream: Remote) -> str:
    """The commit that has both: one of the two where it has the other, or else a merge of them; no branch has it yet.

    Args:
        files: the messenger's files, which are merged by message.
        branch: the branch that `ours` is the last commit of.
        ours: a commit.
        theirs: another.
        upstream: where `theirs` comes from.

    Raises:
        InvalidError: where both sides changed the same thing; it names each place.
        GitError: where git refuses.
    """
    repository = files.repository
    for one, other in ((ours, theirs), (theirs, ours)):
        if repository.ask("merge-base", "--is-ancestor", one, other).code == 0:
            return other
    unrelated = ("--allow-unrelated-histories",) if _holds_nothing_else(files, ours) else ()
    arguments = ("merge-tree", "--write-tree", "-z", *unrelated, ours, theirs)
    answer, tree = _run_beside(files, ours, arguments)
    if answer.code not in (0, 1):
        raise GitError.of_git(arguments, answer.errors)
    if answer.code == 1 and (conflicts := tuple(_conflicts(files, tree, answer.names[1:]))):
        raise InvalidError.of(conflicts, f"can't merge {upstream.label}")
    subject = f"Merge {upstream.label} into {branch.name}\n"
    return record(repository, tree, (ours, theirs), subject)


def _holds_nothing_else(files: OwnFiles, commit: str) -> bool:
    """Whether a commit has only the messenger's files: each clone of an empty remote may begin such a history."""
    names = files.repository.run("ls-tree", "-r", "-z", "--full-tree", "--name-only", commit).names
    return all(files.holds(name) for name in names)


def _run_beside(files: OwnFiles, ours: str, arguments: tuple[str, ...]) -> tuple[Answer, str]:
    """What `git merge-tree` answers, and the tree that came of it.

    It runs in a folder that holds what the drivers of a merge look at, the attributes and the messenger's settings,
    and where git and the drivers may leave files: drivers write there what can't stay in the file that they merge.
    """
    repository = files.repository
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder, files.own_index(ours) as environment:
        scratch = Repository(Path(os.path.realpath(folder), "tree"))
        scratch.root.mkdir()
        names = repository.run("ls-files", "-z", environment=environment).names
        config = files.path(files.project.config)
        files.write_out([one for one in names if one == config or _is_attributes(one)], str(scratch.root), environment)
        for name in {os.path.dirname(one) for one in names if files.holds(one)}:
            Path(scratch.root, name).mkdir(parents=True, exist_ok=True)
        known = _files_in(scratch.root)
        environment |= {"GIT_DIR": str(repository.git_folder.absolute()), "GIT_WORK_TREE": str(scratch.root)}
        attributes = Path(folder, "attributes")
        attributes.write_text(f"{_user_attributes(repository)}\n{_ATTRIBUTES}", encoding="utf-8")
        driver = settings({**driver_settings(), "core.attributesFile": str(attributes)})
        answer = scratch.ask(*arguments, environment=environment | driver)
        tree = answer.names[0] if answer.code in (0, 1) else ""
        added = sorted(_files_in(scratch.root) - known)
        for name in added:
            _join(scratch.root / name, repository.ask("cat-file", "blob", f"{tree}:{name}"))
        if tree and added:
            scratch.run("read-tree", tree, environment=environment)
            content = "".join(f"{one}\0" for one in added).encode()
            scratch.run("update-index", "--add", "-z", "--stdin", content=content, environment=environment)
            tree = scratch.run("write-tree", environment=environment).text
        return answer, tree


def _join(path: Path, known: Answer) -> None:
    """Merge a record that a driver wrote with the one that the merged tree has in its place, if it has one.

    Raises:
        InvalidError: where the two have different values in one field.
    """
    if known.code == 0:
        merged_record = merge_records("", decode(known.output, path.name), decode(path.read_bytes(), path.name))
        if merged_record.conflicts:
            raise InvalidError.of(merged_record.conflicts, f"can't merge {path.name}")
        path.write_text(merged_record.text, encoding="utf-8", newline="")


def _is_attributes(path: str) -> bool:
    return path.rpartition("/")[2] == _ATTRIBUTES_NAME


def _files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _user_attributes(repository: Repository) -> str:
    """What the user's own file of attributes says, which git reads for every repository."""
    named = repository.ask("config", "--type=path", "--get", "core.attributesFile").text
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    path = repository.root / (named or os.path.join(folder, "git", "attributes"))
    return read_text(path, str(path)) or ""


def _conflicts(files: OwnFiles, tree: str, report: list[str]) -> Iterable[Problem]:
    """What a merge could not decide, each place of each file.

    Args:
        files: the messenger's files.
        tree: what came of the merge.
        report: what git says: a line for each side of each file, an empty one, and its messages.
    """
    sides: dict[str, set[str]] = {}
    for line in report[: report.index("")]:
        entry, _, path = line.partition("\t")
        sides.setdefault(path, set()).add(entry.rpartition(" ")[2])
    is_installed = files.repository.ask("config", "--get", f"merge.{DRIVER}.driver").code == 0
    advice = f"decide it by hand: {'' if is_installed else '`bmad-messenger git install`, '}{_BY_HAND}"
    for path, present in sides.items():
        is_run = files.holds(path) and PurePosixPath(path).parent.name == RUNS
        if is_run and not present >= _BOTH_SIDES:
            continue  # one side has forgotten the run, and the other taken it on: it is in the tree
        places = [*_places(files.repository, tree, path)] if files.holds(path) and not is_run else []
        for what in places or ["both sides changed it"]:
            yield Problem(what, advice, path, code=InvalidError.code)


def _places(repository: Repository, tree: str, path: str) -> Iterable[str]:
    """The conflicts in a queue or a file of the archive, each with its message and field."""
    answer = repository.ask("cat-file", "blob", f"{tree}:{path}")
    text = answer.output.decode(errors="replace")
    with suppress(MessengerError):
        for conflict in conflicts_in(text, path):
            before = [found[0] for found in ID_PATTERN.finditer(f"{path}\n{text[: conflict.start]}")]
            field = _FIELD.search(text, conflict.start, conflict.end)
            what = f"the field {field[1]!r}" if field else "the same lines"
            whose = f" of {before[-1]}" if before else ""
            yield f"both sides changed {what}{whose}"
