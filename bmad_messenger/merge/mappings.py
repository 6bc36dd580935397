"""Two changed versions of a mapping made one: by its keys, and by the keys of the mappings in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from bmad_messenger.findings import show, show_path
from bmad_messenger.merge.fields import ABSENT, Path, Settle, canonical
from bmad_messenger.merge.joining import Blocks, Outcome, joined, levelled, lost_comments
from bmad_messenger.merge.order import merged_order, winner
from bmad_messenger.merge.pieces import Conflict, is_settled, side_of
from bmad_messenger.merge.sections import Block, comments, cut_flow, cut_mapping
from bmad_messenger.message import KEY_ORDER
from bmad_messenger.yaml.render import render_entry, render_inline, render_key

Others = Mapping[str, Callable[[], Outcome]]
"""Keys whose values are no mappings, and what merges them where both sides changed them."""

_NONE: Final[Others] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Mappings:
    """Merges mappings; `name` is what they belong to, for whoever has to settle a conflict."""

    name: str
    settle: Settle

    def merge(self, blocks: Blocks[str], path: Path = (), others: Others = _NONE) -> Outcome:
        """One mapping of the three that stand at `path` of what they belong to."""
        base, ours, theirs = blocks = levelled(blocks)
        settled = self.settle(path, base.values, ours.values, theirs.values)
        order = merged_order([*base.sections], [*ours.sections], [*theirs.sections], rank=_rank)
        outcomes: dict[str, Outcome] = {}
        for key in order:
            text = _text(ours, key)
            if key in settled:
                outcomes[key] = _Field.of(blocks, key).set_to(settled[key])
            elif text is not None and text == _text(theirs, key):
                value = ours.values[key]
                outcomes[key] = Outcome((text,), (value, value))
            else:
                outcomes[key] = self._merge_field(_Field.of(blocks, key), (*path, key), others)
        return Outcome(joined(blocks, order, outcomes), (_values(outcomes, 0), _values(outcomes, 1)))

    def _merge_field(self, field: _Field, path: Path, others: Others) -> Outcome:
        side = winner(*field.texts)
        if side is None and field.key in others:
            return others[field.key]()
        if side is None:
            side = field.side_by_value()
        if side is not None:
            return field.of_side(side)
        _, ours, theirs = field.values
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return self._merge_nested(field, path)
        return self._conflict(field, path)

    def _merge_nested(self, field: _Field, path: Path) -> Outcome:
        """A mapping among the values, by its own keys; in braces where it is so on both sides and nothing conflicts."""
        base, ours, theirs = (field.block(side) for side in range(3))
        outcome = self.merge((base, ours, theirs), path)
        assert outcome.pieces is not None  # a merged mapping may be empty, but is there
        if is_settled(outcome.pieces):
            value = outcome.values[0]
            if value and not (ours.is_flow and theirs.is_flow):
                return outcome
            line = f"{render_key(field.key)}: {render_inline(value)}\n"
            return Outcome((line,), outcome.values, tuple(comments(side_of(outcome.pieces, 0), field.column)))
        return outcome if all(outcome.values) else self._conflict(field, path)

    def _conflict(self, field: _Field, path: Path) -> Outcome:
        _, ours, theirs = field.values
        changes = (f"changed to {show(value)}" if value is not ABSENT else "taken out" for value in (ours, theirs))
        what = f"{self.name}: {show_path(path)} was {' on one side, and on the other '.join(changes)}"
        lines = Conflict(what, field.texts[1] or "", field.texts[2] or "")
        return Outcome((lines,), (ours, theirs))


@dataclass(frozen=True, slots=True)
class _Field:
    """One key of a mapping: its text and its value in base, ours and theirs; None and `ABSENT` where there is none."""

    key: str
    column: int
    texts: tuple[str | None, str | None, str | None]
    values: tuple[Any, Any, Any]

    @classmethod
    def of(cls, blocks: Blocks[str], key: str) -> _Field:
        base, ours, theirs = blocks
        texts = (_text(base, key), _text(ours, key), _text(theirs, key))
        values = (base.values.get(key, ABSENT), ours.values.get(key, ABSENT), theirs.values.get(key, ABSENT))
        return cls(key, ours.column, texts, values)

    def side_by_value(self) -> int | None:
        """Whose value stands; where both say the same, either text does."""
        base, ours, theirs = (canonical(value) for value in self.values)
        if ours == theirs:
            return self._either()
        return winner(base, ours, theirs)

    def of_side(self, side: int) -> Outcome:
        """The field as one side has it."""
        base, *texts = self.texts
        kept, lost = texts[side], texts[1 - side]
        above = lost_comments(base, kept, lost, self.column)
        value = self.values[1 + side]
        return Outcome(None if kept is None else (kept,), (value, value), above)

    def set_to(self, value: Any) -> Outcome:
        """The field with this value, as the side has it that says so, or in a text of its own."""
        same = [side for side in (0, 1) if canonical(self.values[1 + side]) == canonical(value)]
        if same:
            return self.of_side(self._either() if len(same) == 2 else same[0])
        lines = render_entry(self.key, value, self.column)
        text = "\n".join(lines)[self.column :] + "\n"
        base, ours, theirs = self.texts
        lost = (*lost_comments(base, text, ours, self.column), *lost_comments(base, text, theirs, self.column))
        return Outcome((text,), (value, value), tuple(dict.fromkeys(sorted(lost))))

    def block(self, side: int) -> Block[str]:
        """The mapping that is the field's value; one without sections where it is none."""
        text, value = self.texts[side], self.values[side]
        if text is None or not isinstance(value, dict):
            return Block()
        if text.endswith("}\n") and text == f"{render_key(self.key)}: {render_inline(value)}\n":
            return cut_flow(self.key, value, self.column)
        return cut_mapping(text, (self.key,), self.column)

    def _either(self) -> int:
        """One of two texts that say the same: the side that changed it, or else always the same of the two."""
        base, ours, theirs = self.texts
        side = winner(base, ours, theirs)
        return int((theirs or "") < (ours or "")) if side is None else side


def _text(block: Block[str], key: str) -> str | None:
    section = block.sections.get(key)
    return None if section is None else section.text


def _values(outcomes: Mapping[str, Outcome], side: int) -> dict[str, Any]:
    """What the keys that stay say with every conflict settled for one side."""
    return {
        key: outcome.values[side]
        for key, outcome in outcomes.items()
        if outcome.pieces is not None and outcome.values[side] is not ABSENT
    }


def _rank(key: str) -> tuple[int, str]:
    """Sorts a message's keys as the tool writes them, and the project's own ones last."""
    return KEY_ORDER.index(key) if key in KEY_ORDER else len(KEY_ORDER), key
