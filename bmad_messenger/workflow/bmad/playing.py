"""Plays a BMAD workflow through before anything is done: what will be run, what the agent has to do, in order.

Conditions read nothing but variables, so all of it is known beforehand. The rules:

- A condition that is no plain comparison of known variables is the agent's to judge. What it holds is shown, each part
  with the conditions that it depends on, and its `<exec>` elements are not run; nor are those inside a tag that BMAD
  does not know, an example, a question or an output.
- An `optional` step is left out unless it is chosen (`step_3`) or jumped to; `repeat="3"` plays three times, any other
  `repeat` once. `{{iteration}}` is how many times the step in hand has begun.
- `<check>If …:</check>`, the old form, holds for what follows it, up to the next one or the end of what it stands in.
- `<goto>` jumps where it names a step or an anchor, and so does an action that says `GOTO step 3` and nothing else; an
  action that begins with HALT ends the play. A hundred jumps are a loop without end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from html import unescape
from typing import Any, Final

from bmad_messenger.errors import InvalidError, Problem
from bmad_messenger.findings import show
from bmad_messenger.workflow.bmad import phrases
from bmad_messenger.workflow.bmad.conditions import decide, is_true, words_of
from bmad_messenger.workflow.bmad.definition import Definition
from bmad_messenger.workflow.bmad.elements import ids_of, read_element, read_raw
from bmad_messenger.workflow.bmad.instructions import EXEC, FRAMES, ITEMS, STEPS, TEXT, Instructions, Mark
from bmad_messenger.workflow.bmad.play import Part, Play, Standing
from bmad_messenger.workflow.bmad.variables import ITERATION, as_text

MOST_JUMPS: Final = 100
_MOST_PASSES: Final = 1000
_MOST_PARTS: Final = 10_000  # beyond those that the instructions have

_MOST_CONDITIONS: Final = 32  # that are shown of those inside each other
_TRANSPARENT: Final = (*FRAMES, "action", "anchor")
_ANSWER_KEYS: Final = ("var", "variable", "response", "name", "store", "id")
_COUNT: Final = re.compile(r"[0-9]{1,9}")


def play(definition: Definition, given: Mapping[str, Any]) -> Play:
    """Play a workflow through.

    Args:
        definition: the workflow.
        given: the variables of the command line, which also answer questions and choose optional steps.

    Raises:
        InvalidError: where it jumps without end or to a step that there is not, or repeats too often.
    """
    if definition.instructions is None:
        return Play(definition)
    player = _Player(definition, definition.instructions, given)
    player.play()
    return Play(definition, tuple(player.finished()), tuple(dict.fromkeys(player.problems)))


def optional_steps(definition: Definition) -> dict[str, str]:
    """What chooses each of the optional steps, and the step's goal."""
    marks = definition.instructions.marks if definition.instructions else ()
    return {
        _choice(mark): _goal(mark)
        for mark in marks
        if mark.name in STEPS and _is_optional(mark) and mark.attributes.get("n")
    }


def names_read(definition: Definition) -> set[str]:
    """The names under which a value on the command line means something."""
    marks = definition.instructions.marks if definition.instructions else ()
    conditions = [mark.attributes[key] for mark in marks for key in ("if", "repeat") if key in mark.attributes]
    questions = {mark.attributes.get(key, "") for mark in marks if mark.name == "ask" for key in _ANSWER_KEYS}
    return {
        *definition.variables.declared,
        *definition.mentioned,
        *(word for text in conditions for word in words_of(text)),
        *optional_steps(definition),
        *questions,
    } - {""}


@dataclass(slots=True)
class _Frame:
    """An element that is being played; `item` is the number of the part that its text belongs to."""

    mark: int
    close: int
    step: int | None = None
    depends_on: tuple[str, ...] = ()
    opaque: str = ""  # the tag around it that hides the `<exec>` elements in it
    item: int | None = None
    passes: int = 0  # that are left
    judged: tuple[str, ...] = ()  # the old form's condition for what follows, where the agent has to judge it
    is_barred: bool = False  # whether one that does not hold keeps out what follows

    @property
    def conditions(self) -> tuple[str, ...]:
        """What the agent has to judge before anything that stands here."""
        return self.depends_on + self.judged


class _Player:
    """Goes through the marks once, jumping and repeating as they say."""

    def __init__(self, definition: Definition, instructions: Instructions, given: Mapping[str, Any]) -> None:
        self.variables, self.instructions, self.given = definition.variables, instructions, given
        self.marks = instructions.marks
        self.problems: list[Problem] = []
        self._parts: list[Part] = []
        self._pieces: dict[int, list[str]] = {}  # the text of a part, as it comes
        self._frames = [_Frame(-1, len(self.marks))]
        self._is_over = False
        self._jumps = 0
        self._visits: dict[int, int] = {}
        self._chosen: set[int] = set()  # the steps that were jumped to
        self._targets = {"step": _first(self.marks, STEPS, "n"), "anchor": _first(self.marks, ("anchor",), "id")}
        self._ids = ids_of(self.marks)

    def play(self) -> None:
        """Go through the instructions from the start to the end."""
        number = 0
        while not self._is_over:
            while len(self._frames) > 1 and number >= self._frames[-1].close:
                number = self._leave(number)
            if number >= len(self.marks):
                return
            number = self._visit(number)

    def finished(self) -> Iterator[Part]:
        """The parts with their text; those that only hold others are left out."""
        for number, part in enumerate(self._parts):
            text = part.text or " ".join(self._pieces.get(number, ()))
            more = {ITERATION: part.visit}
            filled = phrases.compact(self.variables.filled(unescape(text), more))
            if filled or part.attributes or number not in self._pieces:
                attributes = {key: self.variables.filled(value, more) for key, value in part.attributes.items()}
                yield replace(part, text=filled, attributes={**attributes, **_only(part.attributes, "if")})

    def _visit(self, number: int) -> int:
        """Play one mark; return the number of the next."""
        mark, frame = self.marks[number], self._frames[-1]
        if mark.name == "check":
            return self._check(number)
        if frame.is_barred:
            return mark.close
        if mark.name == TEXT:
            return self._text(number)
        holds, conditions = self._condition(mark.attributes.get("if"))
        if holds is False:
            step = number if mark.name in STEPS else None
            self._add(
                number, Standing.SKIPPED, why=f"{mark.attributes['if']} does not hold", text=_goal(mark), step=step
            )
            return mark.close
        if mark.name in STEPS:
            return self._step(number, conditions)
        if mark.name == EXEC:
            return self._exec(number, conditions)
        if mark.name == "goto":
            return self._goto(number, conditions)
        if mark.name == "anchor" or mark.name in FRAMES:
            return self._enter(number, conditions)
        return self._item(number, conditions)

    def _leave(self, number: int) -> int:
        """End the innermost element, or begin it anew where it is repeated; return where to go on."""
        frame = self._frames.pop()
        if not frame.passes:
            return number
        self._begin(frame.mark, frame.depends_on)
        self._frames.append(replace(frame, passes=frame.passes - 1, item=None, judged=(), is_barred=False))
        return frame.mark + 1

    def _condition(self, source: str | None) -> tuple[bool | None, tuple[str, ...]]:
        """Whether a condition holds here, and all that the agent then has to judge."""
        frame = self._frames[-1]
        if source is None:
            return True, frame.conditions
        values = {ITERATION: self._visit_of(frame.step), **self.variables.values}
        holds = decide(source, values, self.instructions.mentioned)
        if holds is not None or len(frame.conditions) >= _MOST_CONDITIONS:
            return holds, frame.conditions
        return holds, (*frame.conditions, phrases.compact(source))

    def _enter(self, number: int, conditions: tuple[str, ...], opaque: str = "", item: int | None = None) -> int:
        """Begin an element that holds others."""
        mark, frame = self.marks[number], self._frames[-1]
        if mark.close > number + 1:
            step = number if mark.name in STEPS else frame.step
            self._frames.append(_Frame(number, mark.close, step, conditions, frame.opaque or opaque, item))
        return number + 1

    def _text(self, number: int) -> int:
        """A text is that of the tag around it which says something, or the agent's; around steps it is for readers."""
        frame, text = self._frames[-1], self._source(number)
        is_between = frame.item is None or self._parts[frame.item].kind == TEXT
        if is_between and frame.item != len(self._parts) - 1 and (frame.mark >= 0 or not self._targets["step"]):
            if self._is_plain(frame.conditions) and phrases.ends(text):
                return self._end(number, text)
            frame.item = self._add(number, Standing.AGENT, frame.conditions)
        if frame.item is not None:
            self._pieces.setdefault(frame.item, []).append(text)
        return number + 1

    def _item(self, number: int, conditions: tuple[str, ...]) -> int:
        """A tag that says something: to the agent, but for an action that jumps, or ends the play."""
        mark, frame = self.marks[number], self._frames[-1]
        opaque = "" if mark.name in _TRANSPARENT else mark.name
        if mark.name not in ITEMS and frame.item is not None:
            return self._enter(number, conditions, opaque, frame.item)
        if mark.name == "action" and self._is_plain(conditions) and mark.close > number + 1:
            text = self._source(number + 1)
            to = phrases.jump(text) if mark.close == number + 2 else None
            if to is not None and to.lower() in self._targets["step"]:
                return self._jump(number, ("step", to), text)
            if phrases.ends(text):
                return self._end(number, text)
        answer = self._answer(number)
        standing = Standing.AGENT if answer is None else Standing.ANSWERED
        item = self._add(number, standing, conditions, why=answer or "")
        if mark.close > number + 1:
            self._pieces[item] = []
        return self._enter(number, conditions, opaque, item)

    def _answer(self, number: int) -> str | None:
        """What the command line says to a question, by the name that its tag or the action after it gives."""
        mark = self.marks[number]
        if mark.name != "ask":
            return None
        names = [mark.attributes.get(key, "") for key in _ANSWER_KEYS]
        following = [one.name for one in self.marks[mark.close : mark.close + 2]]
        if following == ["action", TEXT]:
            names.append(phrases.stored_in(self._source(mark.close + 1)) or "")
        return next((as_text(self.given[name]) for name in names if name in self.given), None)

    def _step(self, number: int, conditions: tuple[str, ...]) -> int:
        """A step: left out, or played as often as it says."""
        mark = self.marks[number]
        choice = _choice(mark)
        if _is_optional(mark) and number not in self._chosen and not is_true(self.given.get(choice, False)):
            why = f"it is optional; --param {choice}=yes plays it"
            self._add(number, Standing.SKIPPED, why=why, text=_goal(mark), step=number)
            return mark.close
        repeat = self.variables.filled(mark.attributes.get("repeat", ""), {}).strip()
        passes = int(repeat) if _COUNT.fullmatch(repeat) else 1
        if passes > _MOST_PASSES:
            raise self._error(number, f"this step is to be played {passes} times", f"at most {_MOST_PASSES} are played")
        if passes == 0:
            self._add(number, Standing.SKIPPED, why="it is to be played 0 times", text=_goal(mark), step=number)
            return mark.close
        self._begin(number, conditions)
        following = self._enter(number, conditions)
        if following < mark.close:
            self._frames[-1].passes = passes - 1
        return following

    def _begin(self, number: int, conditions: tuple[str, ...]) -> None:
        self._visits[number] = self._visit_of(number, 0) + 1
        standing = Standing.AGENT if conditions else Standing.BEGUN
        self._add(number, standing, conditions, text=_goal(self.marks[number]), step=number)

    def _check(self, number: int) -> int:
        """A check: what it holds depends on its condition; where it holds nothing else, what follows it does."""
        mark, frame = self.marks[number], self._frames[-1]
        inside = number + 1
        source = mark.attributes.get("if")
        if source is None and mark.close > inside:
            source = phrases.old_condition(self._source(inside))
            inside += source is not None
        is_old = source is not None and inside >= mark.close
        if is_old:
            frame.judged, frame.is_barred = (), False
        if frame.is_barred:
            return mark.close
        before = frame.conditions
        holds, conditions = self._condition(source)
        if holds is None:
            self._add(number, Standing.AGENT, before, text=source or "")
        elif not holds:
            self._add(number, Standing.SKIPPED, before, why=f"{source} does not hold")
        if is_old:
            frame.judged, frame.is_barred = conditions[len(before) :], holds is False
        elif holds is not False:
            self._enter(number, conditions)
            return inside
        return mark.close

    def _exec(self, number: int, conditions: tuple[str, ...]) -> int:
        """An `<exec>`: run here, or left to the agent."""
        mark, frame = self.marks[number], self._frames[-1]
        if self._is_plain(conditions) and not _is_optional(mark):
            self._visits[number] = self._visit_of(number, 0) + 1
            variables = self.variables.texts({ITERATION: self._visit_of(frame.step)})
            open_ones = {name: self.variables.values[name] for name in self.variables.open_ones}
            found = read_element(self.instructions, mark, variables, open_ones)
            again = "" if self._visits[number] == 1 else f"-pass-{self._visits[number]}"
            part = self._add(number, Standing.RUN, why="; ".join(one.message for one in found.problems))
            element = found.element or read_raw(self.instructions, mark)
            self._parts[part] = replace(self._parts[part], id=self._ids[number] + again, element=element)
            self.problems += found.problems
        else:
            why = f"it stands in <{frame.opaque}>" if frame.opaque else ""
            part = self._add(number, Standing.AGENT, conditions, why=why)
            self._parts[part] = replace(self._parts[part], element=read_raw(self.instructions, mark))
        return mark.close

    def _goto(self, number: int, conditions: tuple[str, ...]) -> int:
        """A goto: a jump, where it is clear whether and where to."""
        mark = self.marks[number]
        text = self._source(number + 1) if mark.close > number + 1 else ""
        named = [(key, mark.attributes[key]) for key in ("step", "anchor") if mark.attributes.get(key)]
        to = named[0] if named else phrases.target(text)
        shown = " ".join(to) if to is not None else text
        if to is None or not self._is_plain(conditions):
            self._add(number, Standing.AGENT, conditions, text=shown)
            return mark.close
        return self._jump(number, (to[0], self.variables.filled(to[1], {})), shown)

    def _jump(self, number: int, to: tuple[str, str], shown: str) -> int:
        """Go on at a step or an anchor, as if all that it stands in had been entered."""
        kind, name = to
        known = self._targets[kind]
        if name.lower() not in known:
            near = get_close_matches(name.lower()[:80], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
            raise self._error(number, f"there is no {kind} {show(name)} to go to", hint)
        self._jumps += 1
        if self._jumps > MOST_JUMPS:
            hint = "let its condition read a variable that ends it, such as {{iteration}}"
            raise self._error(number, f"more than {MOST_JUMPS} jumps: this loop has no end", hint)
        self._add(number, Standing.JUMPED, text=shown)
        target = known[name.lower()]
        self._chosen.add(target)
        around: list[int] = []
        while (parent := self.marks[around[-1] if around else target].parent) >= 0:
            around.append(parent)
        del self._frames[1:]
        self._frames[0].judged, self._frames[0].is_barred = (), False
        for outer in reversed(around):
            self._enter(outer, (), "" if self.marks[outer].name in _TRANSPARENT else self.marks[outer].name)
        return target

    def _end(self, number: int, text: str) -> int:
        self._add(number, Standing.ENDED, text=text)
        self._is_over = True
        return number

    def _is_plain(self, conditions: tuple[str, ...]) -> bool:
        """Whether what stands here is reached for sure."""
        return not conditions and not self._frames[-1].opaque

    def _visit_of(self, number: int | None, default: int = 1) -> int:
        return default if number is None else self._visits.get(number, default)

    def _source(self, number: int) -> str:
        """The text of a mark that is text; nothing for any other."""
        mark = self.marks[number]
        return self.instructions.text[mark.start : mark.end] if mark.name == TEXT else ""

    def _add(
        self,
        number: int,
        standing: Standing,
        depends_on: tuple[str, ...] = (),
        *,
        why: str = "",
        text: str = "",
        step: int | None = None,
    ) -> int:
        """Add a part for a mark; returns the part's number."""
        if len(self._parts) >= _MOST_PARTS + len(self.marks):
            raise self._error(number, f"the play has more than {len(self._parts)} parts", "let it repeat less")
        mark, frame = self.marks[number], self._frames[-1]
        step = frame.step if step is None else step
        line, column = self.instructions.place(mark.start)
        self._parts.append(
            Part(
                kind=mark.name,
                standing=standing,
                line=line,
                column=column,
                step=None if step is None else self.marks[step].attributes.get("n"),
                visit=self._visit_of(step),
                text=text,
                attributes=mark.attributes,
                depends_on=depends_on,
                why=why,
            )
        )
        return len(self._parts) - 1

    def _error(self, number: int, message: str, hint: str) -> InvalidError:
        line, column = self.instructions.place(self.marks[number].start)
        return InvalidError(message, hint=hint, path=self.instructions.name, line=line, column=column)


def _first(marks: tuple[Mark, ...], names: tuple[str, ...], key: str) -> dict[str, int]:
    """The first mark of each value of an attribute."""
    found: dict[str, int] = {}
    for number, mark in enumerate(marks):
        if mark.name in names and mark.attributes.get(key):
            found.setdefault(mark.attributes[key].lower(), number)
    return found


def _only(attributes: Mapping[str, str], key: str) -> dict[str, str]:
    return {key: attributes[key]} if key in attributes else {}


def _goal(mark: Mark) -> str:
    return mark.attributes.get("goal") or mark.attributes.get("title") or ""


def _is_optional(mark: Mark) -> bool:
    return is_true(mark.attributes.get("optional", False))


def _choice(mark: Mark) -> str:
    """The parameter that chooses an optional step."""
    return "step_" + re.sub(r"\W+", "_", mark.attributes.get("n", ""))
