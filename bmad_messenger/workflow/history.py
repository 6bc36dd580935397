"""Which runs may be forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from bmad_messenger import message as messages
from bmad_messenger.errors import InvalidError, MessengerError, NotFoundError
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.model import seconds_of
from bmad_messenger.workflow.run import Run


def old_runs(runs: Iterable[Run], messenger: Messenger, older_than: str, keep: int) -> list[Run]:
    """The runs that are over since `older_than`, but for the last `keep` of each workflow.

    One that a message started is needed while that message is open, and one that another run waits for until that is
    over: the run's file is what keeps it from being started again.

    Raises:
        InvalidError: where `older_than` is no time span.
    """
    try:
        end = messages.now() - timedelta(seconds=seconds_of(older_than))
    except (ValueError, OverflowError):
        raise InvalidError(f"{older_than!r} is no time span", hint="write it as 45m, 3h, 2d or 4w") from None
    known = {run.run_id: run for run in runs}
    found: list[Run] = []
    kept: dict[str, int] = {}
    for run in sorted(known.values(), key=lambda one: one.started, reverse=True):
        kept[run.workflow] = kept.get(run.workflow, 0) + 1
        is_old = run.state.is_over and run.ended is not None and run.ended <= end
        if is_old and kept[run.workflow] > keep and not _is_needed(run, known, messenger):
            found.append(run)
    return found[::-1]


def _is_needed(run: Run, known: dict[str, Run], messenger: Messenger) -> bool:
    if run.parent is not None:
        parent = known.get(run.parent["run"])
        return parent is not None and not parent.state.is_over
    if run.trigger is None:
        return False
    try:
        return not messenger.get(run.trigger["message_id"]).status.is_closed
    except NotFoundError:
        return False
    except MessengerError:  # once it is mended, it may be open
        return True
