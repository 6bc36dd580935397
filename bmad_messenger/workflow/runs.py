"""The files of the runs, in `runs/` of the messenger's folder: read, written whole, one writer at a time."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from bmad_messenger.config import Project
from bmad_messenger.errors import InvalidError, LockTimeoutError, MessengerError, NotFoundError
from bmad_messenger.files import make_folder, open_regular, publish, read_text, refusals
from bmad_messenger.layout import ignore_local
from bmad_messenger.message import parse_time
from bmad_messenger.workflow.run import ID_PATTERN, Run, State
from bmad_messenger.workflow.run_text import parse_run, render_run
from bmad_messenger.yaml.parse import parse

_SUFFIX: Final = ".yaml"
_WORD_SUFFIX: Final = ".cancel.journal"  # a name that git is told to ignore
_HEAD_BYTES: Final = 8192
_END_OF_HEAD: Final = re.compile(r"^started:", re.MULTILINE)
_STATE: Final = re.compile(r'^state: "?(\w+)"?$', re.MULTILINE)
_SETTLED: Final = frozenset(state.value for state in State) - {State.WAITING.value}


class Head(NamedTuple):
    """What stands at the top of a run's file: enough to know whether there is anything to do."""

    run_id: str
    state: State
    due: datetime | None
    waits_for: tuple[Mapping[str, Any], ...]


class Word(NamedTuple):
    """Word that a run is to be cancelled, for the process that is at it: why, and whether even its last steps end."""

    note: str | None = None
    is_last: bool = False


class Runs:
    """The runs of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = project.folder / "runs"

    def path(self, run_id: str) -> Path:
        """Where the run is kept."""
        return self.folder / f"{run_id}{_SUFFIX}"

    def name(self, run_id: str) -> str:
        """What the run's file is called in errors."""
        return self.project.name(self.path(run_id))

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

    def exists(self, run_id: str) -> bool:
        """Whether there is a file of the run, whatever it holds."""
        return os.path.lexists(self.path(run_id))

    def read(self, run_id: str) -> Run:
        """The run.

        Raises:
            NotFoundError: where there is none.
            DamagedError: where its file can't be read.
        """
        text = read_text(self.path(run_id), self.name(run_id))
        if text is None:
            raise NotFoundError(f"there is no run {run_id!r}", hint="`bmad-messenger workflow runs` lists them")
        return parse_run(text, self.name(run_id))

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
        with refusals("read", self.name(run_id)), open_regular(self.path(run_id)) as file:
            text = file.read(_HEAD_BYTES).decode(errors="replace")
        end = _END_OF_HEAD.search(text)
        top = text[: end.start()] if end is not None else ""
        state = _STATE.search(top)
        if state is not None and state[1] in _SETTLED:
            return Head(run_id, State(state[1]), None, ())
        try:
            mapping = parse(top)
            due = mapping.get("due")
            return Head(run_id, State(mapping["state"]), due and parse_time(due), _dated(mapping.get("waits_for", ())))
        except (InvalidError, AttributeError, KeyError, TypeError, ValueError):  # the whole file tells what is wrong
            run = self.read(run_id)
            return Head(run_id, run.state, run.due, _dated(run.waits))

    def write(self, run: Run, *, new: bool = False) -> bool:
        """Keep the run as it now stands; a `new` one only where there is none of its id. Whether it was written."""
        with refusals("write", self.name(run.run_id)):
            make_folder(self.folder)
            if new:
                ignore_local(self.project)
                self.drop_word(run.run_id)  # it was about another run of this id, whose file is gone
            return publish(self.path(run.run_id), render_run(run).encode(), replace=not new, follow=False)

    @contextmanager
    def locked(self, run_id: str, timeout: float) -> Iterator[None]:
        """Hold the run for oneself.

        Raises:
            LockTimeoutError: where somebody else holds it for `timeout` seconds.
        """
        import filelock

        with refusals("lock", self.project.name(self.folder)):
            make_folder(self.folder)
            lock = filelock.FileLock(self._lock(run_id), timeout=timeout, poll_interval=0.01)
            try:
                lock.acquire()
            except filelock.Timeout:
                message = f"the run {run_id} is being worked on by another process"
                raise LockTimeoutError(message, hint="wait for it, or end it") from None
        try:
            yield
        finally:
            lock.release()

    def leave_word(self, run_id: str, word: Word) -> None:
        """Say that the run is to be cancelled; its lock need not be held. It counts until `drop_word`."""
        with refusals("write", self.project.name(self.folder)):
            publish(self._word(run_id), json.dumps(word._asdict()).encode(), follow=False)

    def word(self, run_id: str) -> Word | None:
        """What was said by `leave_word`."""
        text = read_text(self._word(run_id), self.project.name(self.folder))
        if text is None:
            return None
        try:
            found = json.loads(text)
            return Word(found["note"], found["is_last"])
        except (KeyError, TypeError, ValueError):  # that it is there is what counts
            return Word()

    def drop_word(self, run_id: str) -> None:
        """Forget what was said by `leave_word`; the run's lock is held, or there is no such run."""
        with refusals("remove", self.project.name(self.folder)), suppress(FileNotFoundError):
            os.unlink(self._word(run_id))

    def with_word(self) -> frozenset[str]:
        """The ids of the runs that were said to be cancelled."""
        with refusals("read", self.project.name(self.folder)), suppress(FileNotFoundError, NotADirectoryError):
            names = os.listdir(self.folder)
            return frozenset(name[1:].removesuffix(_WORD_SUFFIX) for name in names if name.endswith(_WORD_SUFFIX))
        return frozenset()

    def remove(self, run_id: str) -> None:
        """Forget a run."""
        with refusals("remove", self.name(run_id)):
            for path in (self.path(run_id), self._lock(run_id), self._word(run_id)):
                with suppress(FileNotFoundError):
                    os.unlink(path)

    def _lock(self, run_id: str) -> Path:
        return self.folder / f".{run_id}.lock"

    def _word(self, run_id: str) -> Path:
        return self.folder / f".{run_id}{_WORD_SUFFIX}"


def run_id_of(workflow: str, started: datetime, *cause: str) -> str:
    """The id of a run; the same cause gives the same id, so that a thing is started once."""
    digest = hashlib.sha256("\0".join((workflow, *cause)).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{workflow}-{started:%Y%m%d}-{digest[:8]}"


def _dated(waits_for: Any) -> tuple[Mapping[str, Any], ...]:
    """What a run waits for, its times as times."""
    return tuple({**one, "since": parse_time(one["since"])} if "since" in one else one for one in waits_for)
