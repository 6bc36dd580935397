"""What git runs for a file: the merge drivers, and the text that `git diff` shows. Quick to start, and no side is lost.

python -m bmad_messenger.git.drivers merge BASE OURS THEIRS SIZE PATH [BASE_LABEL OURS_LABEL THEIRS_LABEL]
python -m bmad_messenger.git.drivers base BASE OURS THEIRS SIZE PATH
python -m bmad_messenger.git.drivers textconv FILE
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bmad_messenger.config import ROSTER, Project
from bmad_messenger.conflict import LONGEST, SHORTEST
from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.files import decode, publish
from bmad_messenger.message import ID_PATTERN

if TYPE_CHECKING:
    from bmad_messenger.merge import Merged

LEFT_MARKED: Final = 10
"""How `main` says that a conflict stands marked in the file: 1 is also what Python says where it finds no program."""

RUNS: Final = "runs"
"""The folder of the runs' files."""

_ENOUGH: Final = 100_000  # objects, before the collector looks for circles: more than a merge of small files makes


class Versions(NamedTuple):
    """The three versions of one file in a merge, as files; the result is written over `ours`.

    `path` is the file's name in the repository, `marker_size` how long the marks of a conflict are, `labels` what our
    side and theirs are called there.
    """

    base: Path
    ours: Path
    theirs: Path
    path: str
    marker_size: int = SHORTEST
    labels: tuple[str, str] = ("ours", "theirs")


def main(arguments: Sequence[str]) -> int:
    """Do what git asks for in `arguments`; returns the exit code."""
    gc.set_threshold(_ENOUGH)
    task, *names = arguments
    if task == "textconv":
        show(Path(names[0]))
        return 0
    if task == "base":
        merge_ancestors(_versions(names))
        return 0
    return 0 if merge(_versions(names)) else LEFT_MARKED


def merge(versions: Versions) -> bool:
    """Merge three versions of a queue, or of a file of the archive, by message, or of a run, by step.

    Returns whether there is no conflict left. Where the messages of a version can't be told apart, or this program
    fails, the versions are merged by lines, and that counts as a conflict. On stderr stands what was decided, and where
    something is left to decide.
    """
    try:
        merged = _merged(versions)
        conflicts = (*merged.conflicts, *_write_others(merged, versions))
        _write(versions.ours, merged.text)
    except Exception as error:  # noqa: BLE001  # whatever is wrong here, the user has to get both sides
        _say(f"{versions.path}: merged by lines, look at all of it: {_reason(error)}")
        _merge_by_lines(versions)
        return False
    for note in merged.notes:
        _say(note)
    for problem in conflicts:
        _say(str(problem))
    return not conflicts


def merge_ancestors(versions: Versions) -> None:
    """Merge two ancestors of a merge that has several: a version that only stands for what both sides come from.

    Nobody gets to see it. So where the two are in conflict, it is what they come from in turn.
    """
    try:
        merged = _merged(versions)
    except MessengerError:
        merged = None
    if merged is None or merged.conflicts or merged.others:
        publish(versions.ours, versions.base.read_bytes(), lasting=False)
    else:
        _write(versions.ours, merged.text)


def show(path: Path) -> None:
    """Write what `git diff` shows for a file to stdout."""
    from bmad_messenger.git.readable import readable

    sys.stdout.buffer.write(readable(path.read_bytes()).encode("utf-8", "backslashreplace"))


def _versions(names: Sequence[str]) -> Versions:
    base, ours, theirs, size, path, *labels = names
    _, our_label, their_label = map(_shown, labels or ("", "", ""))
    # Before 2.44, git has no names for the sides, and leaves `%X` as it is.
    sides = ("ours" if our_label in ("", "%X") else our_label, "theirs" if their_label in ("", "%Y") else their_label)
    return Versions(Path(base), Path(ours), Path(theirs), path, _recognised(int(size)), sides)


def _recognised(size: int) -> int:
    """How long the marks become: as long as git wants them, unless every command here would take them for text."""
    return size if SHORTEST <= size <= LONGEST else SHORTEST


def _merged(versions: Versions) -> Merged:
    texts = (_text(version) for version in (versions.base, versions.ours, versions.theirs))
    return _merge_of(versions)(*texts, path=versions.path)


def _merge_of(versions: Versions) -> Callable[..., Merged]:
    """The merge for files of this kind, with the settings of this merge."""
    from bmad_messenger.merge import merge_queues, merge_records, merge_runs

    path = os.path.abspath(versions.path)
    if Path(path).parent.name == RUNS:
        return partial(merge_runs, labels=versions.labels)
    is_record = ID_PATTERN.fullmatch(Path(path).stem) is not None
    folder = Path(os.path.dirname(path) if not is_record else os.path.dirname(os.path.dirname(os.path.dirname(path))))
    merge = merge_records if is_record else merge_queues
    return partial(merge, labels=versions.labels, marker_size=versions.marker_size, roster=_roster(folder))


def _text(path: Path) -> str:
    return decode(path.read_bytes(), path.name)


def _roster(folder: Path) -> tuple[str, ...]:
    """The agents of the project whose messenger is in `folder`; a config that can't be read tells none."""
    project = Project(folder.parent.parent)
    if not os.path.exists(project.config):
        return ROSTER
    from bmad_messenger.settings import load_config

    try:
        return load_config(project)[0].agents
    except MessengerError:
        return ROSTER


def _write_others(merged: Merged, versions: Versions) -> tuple[Problem, ...]:
    """Write the messages that can't stay in the file, since another has it, into files of their own beside it.

    Returns:
        What is in conflict there: such a file may be there already, and hold another state of the same message.
    """
    waiting = [*merged.others.items()]
    conflicts: list[Problem] = []
    while waiting:
        message_id, text = waiting.pop()
        path = Path(versions.path).with_name(f"{message_id}.yaml")
        if path.exists():
            known = _text(path)
            both = _merge_of(versions)("", known, text, path=str(path))
            waiting += both.others.items()
            conflicts += both.conflicts
            if both.text == known:
                continue
            text = both.text
        publish(path, text.encode(), follow=False)
        _say(f"wrote {path}: add it to git, it holds another message with the same id")
    return tuple(conflicts)


def _write(path: Path, text: str) -> None:
    publish(path, text.encode(), lasting=False)


def _merge_by_lines(versions: Versions) -> None:
    """Merge as git does without a driver; where git does not take the files for text, put one below the other.

    What both sides changed stands whole in the conflict: git would leave out lines that their messages have in common.
    """
    import subprocess

    ours, theirs = versions.labels
    names = [part for label in (ours, "base", theirs) for part in ("-L", label)]
    files = [str(path) for path in (versions.ours, versions.base, versions.theirs)]
    command = ["git", "merge-file", "--diff3", f"--marker-size={versions.marker_size}", *names, *files]
    if subprocess.run(command, capture_output=True, check=False).returncode not in range(128):
        marks = [sign * versions.marker_size for sign in "<=>"]
        texts = [path.read_bytes().rstrip(b"\n") for path in (versions.ours, versions.theirs)]
        lines = (
            f"{marks[0]} {ours}".encode(),
            texts[0],
            marks[1].encode(),
            texts[1],
            f"{marks[2]} {theirs}\n".encode(),
        )
        publish(versions.ours, b"\n".join(lines), lasting=False)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MessengerError) else f"{type(error).__name__}: {error}"


def _say(line: str) -> None:
    sys.stderr.write(f"bmad-messenger: {_shown(line)}\n")


def _shown(line: str) -> str:
    """A line without what a terminal would obey, or a file could not hold."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
