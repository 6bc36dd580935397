"""The files of the runs, in `runs/` of the messenger's folder: read, written whole, one writer at a time."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from bmad_messenger.config import Project
from bmad_messenger.errors import MessengerError, NotFoundError
from bmad_messenger.files import make_folder, open_regular, publish, read_text, refusals
from bmad_messenger.message import parse_time
from bmad_messenger.workflow.run import ID_PATTERN, Run, State, parse_run, render_run
from bmad_messenger.yaml.parse import parse

_SUFFIX: Final = ".yaml"
_HEAD_BYTES: Final = 8192
_END_OF_HEAD: Final = re.compile(r"^started:", re.MULTILINE)


class Head(NamedTuple):
    """What stands at the top of a run's file: enough to know whether there is anything to do."""

    run_id: str
    state: State
    due: datetime | None
    waits_for: tuple[Mapping[str, Any], ...]


class Runs:
    """The runs of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.folder / "runs"

    def path(self, run_id: str) -> Path:
        """Where the run is kept."""
        return self.folder / f"{run_id}{_SUFFIX}"

    def ids(self) -> list[str]:
        """The ids of all runs, by name."""
        with refusals("read", self.project.name(self.folder)), suppress(FileNotFoundError, NotADirectoryError):
            names = sorted(os.listdir(self.folder))
            found = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
            return [name for name in found if ID_PATTERN.fullmatch(name)]
        return []

    def resolve(self, name: str) -> str:
        """The id of the run that `name` means: an id, or any part that begins or ends just one.

        Raises:
            NotFoundError: where there is none, or more than one.
        """
        ids = self.ids()
        found = [name] if name in ids else [one for one in ids if name and (one.startswith(name) or one.endswith(name))]
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFoundError(f"there is no run {name[:80]!r}", hint="`bmad-messenger workflow runs` lists them")
        some = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        raise NotFoundError(f"{name!r} may mean {len(found)} runs: {some}", hint="give more of the id")

    def read(self, run_id: str) -> Run:
        """The run.

        Raises:
            NotFoundError: where there is none.
            DamagedError: where its file can't be read.
        """
        name = self.project.name(self.path(run_id))
        text = read_text(self.path(run_id), name)
        if text is None:
            raise NotFoundError(f"there is no run {run_id!r}", hint="`bmad-messenger workflow runs` lists them")
        return parse_run(text, name)

    def heads(self) -> Iterator[Head | MessengerError]:
        """The top of every run's file, by id; for one that can't be read the error."""
        for run_id in self.ids():
            try:
                head = self.head(run_id)
            except MessengerError as error:
                yield error
            else:
                yield head

    def head(self, run_id: str) -> Head:
        """The top of a run's file; raises what `read` does."""
        name = self.project.name(self.path(run_id))
        with refusals("read", name), open_regular(self.path(run_id)) as file:
            text = file.read(_HEAD_BYTES).decode(errors="replace")
        end = _END_OF_HEAD.search(text)
        if end is None:
            run = self.read(run_id)
            return Head(run_id, run.state, run.due, tuple(run.waits))
        state = re.search(r'^state: "?(\w+)"?$', text[: end.start()], re.MULTILINE)
        if state is None or state[1] != State.WAITING.value:
            return Head(run_id, self.read(run_id).state if state is None else State(state[1]), None, ())
        mapping = parse(text[: end.start()], path=name)
        due = mapping.get("due")
        return Head(run_id, State.WAITING, due and parse_time(due), tuple(mapping.get("waits_for") or ()))

    def write(self, run: Run, *, new: bool = False) -> bool:
        """Keep the run as it now stands; a `new` one only where there is none of its id. Whether it was written."""
        with refusals("write", self.project.name(self.path(run.run_id))):
            make_folder(self.folder)
            return publish(self.path(run.run_id), render_run(run).encode(), replace=not new, follow=False)

    @contextmanager
    def locked(self, run_id: str, timeout: float) -> Iterator[bool]:
        """Hold the run for oneself; says whether that came about within `timeout` seconds."""
        import filelock

        with refusals("lock", self.project.name(self.folder)):
            make_folder(self.folder)
            lock = filelock.FileLock(self.folder / f".{run_id}.lock", timeout=timeout, poll_interval=0.01)
            try:
                lock.acquire()
            except filelock.Timeout:
                yield False
                return
        try:
            yield True
        finally:
            lock.release()

    def remove(self, run_id: str) -> None:
        """Forget a run."""
        with refusals("remove", self.project.name(self.path(run_id))), suppress(FileNotFoundError):
            os.unlink(self.path(run_id))
            os.unlink(self.folder / f".{run_id}.lock")


def run_id_of(workflow: str, started: datetime, *cause: str) -> str:
    """The id of a run; the same cause gives the same id, so that a thing is started once."""
    digest = hashlib.sha256("\0".join((workflow, *cause)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{workflow}-{started:%Y%m%d}-{digest[:8]}"
