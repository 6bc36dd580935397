"""The merge of two versions of a run's file: each step as far as it has come on either side, and never a conflict.

Two clones may take one run on at the same time. They do the same, at other times: what they send is sent once, since it
carries the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.merge.fields import Mapped, canonical, when
from bmad_messenger.merge.messages import Merged
from bmad_messenger.merge.order import winner
from bmad_messenger.schemas import shipped_validator, violations
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping

_FORWARD: Final = ("pending", "running", "waiting", "cancelled", "failed", "delivering", "skipped", "done")
_RANK: Final[Mapping[str, int]] = {state: number for number, state in enumerate(_FORWARD)}
_UNSOUND: Final = ("failed", "cancelled")
_SOUND: Final = ("delivering", "skipped", "done")
_OVER: Final = ("done", "skipped", *_UNSOUND)
_PENDING: Final[Mapped] = {"state": "pending"}
_GIVEN: Final = ("params", "trigger", "parent", "file", "hash", "secrets")
_ASKED_AGAIN: Final = "asked_again"
_RUN_KEYS: Final = (
    *("run", "workflow", "state", "due", "waits_for", "started", "ended", "deadline", "ending", "retries", "file"),
    *("hash", "parent", "trigger", "before", "secrets", "error", "outputs", "params", "steps"),
)
_STEP_KEYS: Final = (
    *("state", "started", "ended", "attempts", "failures", "waits_for", "deadline", "outputs", "error", "items"),
    *("rounds", "repeat"),
)
_LEFT_OUT: Final = ("waits_for", "retries", "before", "attempts", "failures", "rounds", "repeat")
"""What does not stand in the file where it is empty or 0."""


def merge_runs(
    base: str, ours: str, theirs: str, *, labels: Sequence[str] = ("ours", "theirs"), path: str | None = None
) -> Merged:
    """Merge what two sides did to the file of a run.

    Of each step the side stands that has come further; of two that ended the same, the one that ended first. Where the
    sides took a step to different ends, as with two answers to one question, the whole run stands as on the side where
    that step ended first, and a note says so. The result does not depend on which side is called ours.

    Args:
        base: the file that both sides began with; empty where both made it. It may be unreadable.
        ours: the file of one side.
        theirs: the file of the other.
        labels: what the sides are called, in notes.
        path: the file's name.

    Raises:
        DamagedError: where neither side can be read.
    """
    side = winner(base, ours, theirs)
    if side is not None:
        return Merged((ours, theirs)[side])
    texts, runs = (ours, theirs), (_read(ours), _read(theirs))
    own, other = runs
    if own is None or other is None:
        return _readable(texts, runs, labels, path)
    if own["run"] != other["run"]:  # git took one file for another that was renamed
        return Merged(texts[int(path is not None and PurePath(path).stem == other["run"])])
    before = _read(base) or {}
    merged, note = merged_run(before if before.get("run") == own["run"] else {}, own, other)
    notes = () if note is None else (f"{path or own['run']}: {note}",)
    same = [text for text, run in zip(texts, runs, strict=True) if canonical(run) == canonical(merged)]
    return Merged(min(same) if same else _text(merged, min(map(_opening, texts))), notes=notes)


def merged_run(base: Mapped, ours: Mapped, theirs: Mapped) -> tuple[Mapped, str | None]:
    """What two sides made of a run, as the mappings of their files, and what a reader should know of it."""
    lead, other = sorted((ours, theirs), key=_standing)
    told_to_go_on = len(lead.get("retries", ())) - len(other.get("retries", ()))
    names = [*dict.fromkeys((*lead["steps"], *other["steps"]))]
    pairs = {name: (lead["steps"].get(name, _PENDING), other["steps"].get(name, _PENDING)) for name in names}
    if told_to_go_on:  # what it had failed at is tried again
        pairs = {name: (one, _PENDING if _is_undone(two) else two) for name, (one, two) in pairs.items()}
    different = {name: pair for name, pair in pairs.items() if _ended_differently(*pair)}
    if different:
        name, pair = min(different.items(), key=lambda item: (min(map(_ended, item[1])), item[0]))
        first = min((0, 1), key=lambda side: (_ended(pair[side]), canonical(pair[side])))
        step = f"the step {name!r} ended differently on the two sides"
        return (lead, other)[first], f"{step}; kept the run in which it ended first"
    steps = {name: _merged_step(*pair) for name, pair in pairs.items()}
    given = {key: (lead, other)[winner(*_all(key, base, lead, other)) or 0].get(key) for key in _GIVEN}
    known = {*other.get("before", ())}
    run = {
        **lead,
        **given,
        "started": min((lead["started"], other["started"]), key=when),
        "retries": sorted({*lead.get("retries", ()), *other.get("retries", ())}, key=when),
        "before": [one for one in lead.get("before", ()) if one in known],
        "steps": steps,
    }
    if lead["state"] in _OVER:  # what the other side has begun since is left
        run["steps"] = {name: one for name, one in steps.items() if name in lead["steps"] or one["state"] in _OVER}
    else:
        run |= _open(lead, other, steps, is_retried=told_to_go_on > 0)
    return _in_order(run, _RUN_KEYS), None


def _open(lead: Mapped, other: Mapped, steps: Mapped, *, is_retried: bool) -> dict[str, Any]:
    """The keys of a run that is not over that follow from those of both sides, or from its steps."""
    ending = lead if is_retried or "ending" in lead else other
    deadlines = [side["deadline"] for side in ((lead,) if is_retried else (lead, other)) if "deadline" in side]
    deadline = min(deadlines, key=when) if len(deadlines) == 2 - is_retried else None
    waits = [(place, one) for place, one in _places(steps) if one["state"] == "waiting"]
    times = [deadline, *(time for _, one in waits for time in _times(one))]
    as_before = [side for side in (lead, other) if side["state"] not in _OVER and _is_same(side["steps"], steps)]
    return {
        "ending": ending.get("ending"),
        "error": ending.get("error"),
        "deadline": deadline,
        "due": min((time for time in times if time is not None), key=when, default=None),
        "waits_for": [{"step": place, **one.get("waits_for", {})} for place, one in waits],
        "state": as_before[0]["state"] if as_before else "running",  # there may be more to do than on either side
    }


def _merged_step(ours: Mapped, theirs: Mapped) -> Mapped:
    """One step or round, as far as it has come on either side."""
    first, second = sorted((ours, theirs), key=_progress)
    merged = {**first}
    if first["state"] == second["state"] == "waiting" and _ASKED_AGAIN in second.get("waits_for", {}):
        waits_for = first.get("waits_for", {})
        merged["waits_for"] = {
            **waits_for,
            _ASKED_AGAIN: {**second["waits_for"][_ASKED_AGAIN], **waits_for.get(_ASKED_AGAIN, {})},
        }
    if first.get("rounds") and _is_same(first.get("items"), second.get("items")) and _repeat(first) == _repeat(second):
        merged |= _of_rounds([*map(_merged_step, first["rounds"], second["rounds"])])
    return _in_order(merged, _STEP_KEYS)


def _of_rounds(rounds: list[Mapped]) -> dict[str, Any]:
    """The keys of a step that follow from its rounds."""
    if not all(one["state"] in _OVER for one in rounds):
        return {"state": "running", "ended": None, "outputs": None, "error": None, "rounds": rounds}
    bad = next((one for state in _UNSOUND for one in rounds if one["state"] == state), None)
    return {
        "state": bad["state"] if bad else "done",
        "ended": max((one["ended"] for one in rounds if "ended" in one), key=when, default=None),
        "deadline": None,
        "outputs": [one.get("outputs") for one in rounds],
        "error": bad.get("error") if bad else None,
        "rounds": rounds,
    }


def _ended_differently(ours: Mapped, theirs: Mapped) -> bool:
    """Whether a step, or a round of it, was done on both sides and left different things."""
    if _repeat(ours) != _repeat(theirs):
        return False
    if _is_same(ours.get("items"), theirs.get("items")) and ours.get("rounds"):
        return any(map(_ended_differently, ours["rounds"], theirs["rounds"]))
    if ours["state"] not in _SOUND or theirs["state"] not in _SOUND:
        return False
    was_skipped = [one["state"] == "skipped" for one in (ours, theirs)]
    return was_skipped[0] != was_skipped[1] or not _is_same(_essence(ours), _essence(theirs))


def _essence(step: Mapped) -> Any:
    """What a step left, without what is different each time: when a wait was over, who had read a message by then."""
    outputs = step.get("outputs")
    return _plain({key: one for key, one in outputs.items() if key != "time"} if isinstance(outputs, dict) else outputs)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        whole = {key: _plain(one) for key, one in value.items() if key != _ASKED_AGAIN}
        return value.get("message_id", whole)
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _standing(run: Mapped) -> tuple[Any, ...]:
    """Sorts the two sides of a run: the one first that was told more often to go on, then the one that is further."""
    return -len(run.get("retries", ())), -_RANK[run["state"]], _ended(run), when(run["started"]), canonical(run)


def _progress(step: Mapped) -> tuple[Any, ...]:
    """Sorts the two sides of a step: the further first."""
    tries = -step.get("failures", 0), -len(step.get("attempts", ()))
    return -_repeat(step), -_RANK[step["state"]], _ended(step), tries, canonical(step)


def _is_undone(step: Mapped) -> bool:
    return step["state"] in _UNSOUND


def _repeat(step: Mapped) -> int:
    repeat: int = step.get("repeat", 0)
    return repeat


def _ended(one: Mapped) -> tuple[Any, ...]:
    return when(one.get("ended"))


def _places(steps: Mapped) -> Iterator[tuple[str, Mapped]]:
    """The steps, and in place of those that have rounds these, each with its name."""
    for name, step in steps.items():
        rounds = step.get("rounds")
        yield from ((f"{name}[{number}]", one) for number, one in enumerate(rounds)) if rounds else [(name, step)]


def _times(step: Mapped) -> list[str]:
    """When a step that waits is to be looked at again."""
    waits_for = step.get("waits_for", {})
    return [one[key] for one, key in ((waits_for, "time"), (waits_for, "retry"), (step, "deadline")) if key in one]


def _all(key: str, *sides: Mapped) -> list[str]:
    return [canonical(side.get(key)) for side in sides]


def _is_same(one: Any, other: Any) -> bool:
    return canonical(one) == canonical(other)


def _in_order(values: Mapped, keys: Sequence[str]) -> dict[str, Any]:
    """What is set, in the order of the file."""
    present = {key: values[key] for key in keys if values.get(key) is not None}
    return {key: value for key, value in present.items() if value or key not in _LEFT_OUT}


def _readable(texts: Sequence[str], runs: Sequence[Mapped | None], labels: Sequence[str], path: str | None) -> Merged:
    """The one side that can be read."""
    found = [text for text, run in zip(texts, runs, strict=True) if run is not None]
    if not found:
        raise DamagedError("neither side is the file of a run", hint="keep one of the two", path=path)
    label = labels[runs.index(None)]
    return Merged(found[0], notes=(f"{path}: {label} can't be read, so the other side stands",))


def _read(text: str) -> Mapped | None:
    """What a run's file holds; None where it can't be read."""
    try:
        run: Mapped = parse(text)
    except InvalidError:
        return None
    return None if violations(shipped_validator("run.schema.json"), run) else run


def _opening(text: str) -> str:
    """The comment that a file begins with."""
    lines = text.splitlines(keepends=True)
    length = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:length])


def _text(run: Mapped, opening: str) -> str:
    return opening + "\n".join(render_mapping(run, 0)) + "\n"
