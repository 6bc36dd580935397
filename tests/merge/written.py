"""Queues as the tool and people write them: messages, how each is written, and the comments around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from bmad_messenger.yaml.render import is_plain, quote, render_key

AGENTS = ("pm", "dev", "tea")
TIMES = tuple(f"2025-01-15T1{hour}:00:00Z" for hour in range(4))
IDS = tuple(f"MSG-20250115-{number:04x}" for number in range(6))
WORDS = ("done", "two\nlines\n", "a - message_id: fake", 'it\'s "so"', "# no comment", "ends\n\n", "é")


@dataclass(frozen=True)
class Item:
    """A message and how it is written; `lead`, `inner` and `trailing` are its comments."""

    fields: dict[str, Any]
    lead: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    trailing: tuple[str, ...] = ()
    style: str = '"'
    step: int = 2
    dash: str = "- "
    is_turned: bool = False
    is_airy: bool = False

    def lines(self, margin: int) -> list[str]:
        keys = [*self.fields]
        if self.is_turned:
            keys = [keys[0], *reversed(keys[1:])]
        column = margin + (4 if self.dash == "-   " else 2)
        lines: list[str] = []
        for number, key in enumerate(keys):
            if self.is_airy and number == 2:
                lines.append("")
            entry = self._entry(key, self.fields[key], column)
            if number == 0 and self.trailing:
                entry[0] += "".join(f"  # {comment}" for comment in self.trailing)
            lines += entry
            if number == 1:
                lines += [f"{' ' * column}# {comment}" for comment in self.inner]
        if self.dash == "-":
            lines.insert(0, f"{' ' * margin}-")
        else:
            lines[0] = f"{' ' * margin}{self.dash}{lines[0].lstrip(' ')}"
        return [f"{' ' * margin}# {comment}" for comment in self.lead] + lines

    def _entry(self, key: str, value: Any, column: int) -> list[str]:
        start = f"{' ' * column}{render_key(key)}:"
        if isinstance(value, dict) and value and not (self.style == '"' and key == "read_by"):
            below = (self._entry(name, item, column + self.step) for name, item in value.items())
            return [start, *(line for entry in below for line in entry)]
        if isinstance(value, dict):
            pairs = ", ".join(f"{render_key(name)}: {quote(item)}" for name, item in value.items())
            return [f"{start} {{{pairs}}}"]
        if isinstance(value, list):
            return [start, *(f"{' ' * (column + self.step)}- {element}" for element in value)]
        return self._text(start, value, column)

    def _text(self, start: str, text: str, column: int) -> list[str]:
        if text.endswith("\n"):
            mark = "|+" if text.endswith("\n\n") else "|"
            return [
                f"{start} {mark}",
                *(" " * (column + self.step) * bool(line) + line for line in text.split("\n")[:-1]),
            ]
        if self.style == "wrapped" and " " in text and '"' not in text and "#" not in text:
            first, _, rest = text.partition(" ")
            return [f'{start} "{first}', f'  {rest}"']
        style = self.style if self.style in ('"', "'") or is_plain(text) else '"'
        return [f"{start} {quote(text, '' if style == 'wrapped' else style)}"]

    def comments(self) -> tuple[str, ...]:
        """Every comment of the message."""
        return *self.lead, *self.inner, *self.trailing

    def record(self) -> str:
        """The message as a file of its own."""
        _, *lines = replace(self, lead=(), dash="-").lines(-2)
        return "\n".join((*(f"# {comment}" for comment in self.lead), *lines)) + "\n"


@dataclass(frozen=True)
class File:
    """A queue's file; `header` and `tail` are comments at its ends."""

    items: tuple[Item, ...] = ()
    header: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    after: tuple[tuple[str, str], ...] = ()
    margin: int = 2
    line_end: str = "\n"
    is_spaced: bool = True
    is_ended: bool = True

    def text(self) -> str:
        lines = [f"# {comment}" for comment in self.header]
        lines.append("messages:" if self.items else "messages: []")
        for number, item in enumerate(self.items):
            if number and self.is_spaced and lines[-1] != "":
                lines.append("")
            lines += item.lines(self.margin)
        lines += [f"{' ' * self.margin}# {comment}" for comment in self.tail]
        lines += [f"{key}: {value}" for key, value in self.after]
        return self.line_end.join(lines) + (self.line_end if self.is_ended else "")

    def comments(self) -> set[str]:
        """Every comment, each of which stands once."""
        return {*self.header, *self.tail, *(comment for item in self.items for comment in item.comments())}


def message(number: int, **fields: Any) -> dict[str, Any]:
    """A message under the file's keys; its payload comes last."""
    start = {
        "message_id": IDS[number],
        "type": "notify",
        "from": "pm",
        "to_agents": ["dev", "tea"],
        "priority": "low",
        "created": TIMES[number % len(TIMES)],
        "status": "pending",
    }
    mapping = {**start, "payload": {"message": f"hello {number}"}, **fields}
    return {**{key: value for key, value in mapping.items() if key != "payload"}, "payload": mapping["payload"]}


MAYBE = st.sampled_from((True, False, False))


@st.composite
def items(draw: st.DrawFn, number: int, name: str) -> Item:
    """A message written in some way; its comments begin with `name`."""
    fields = message(number, payload={"message": draw(st.sampled_from(WORDS)), "x": {"a": "1", "b": "2"}})
    return restyled(draw, Item(fields, lead=(f"{name}{number}",) if draw(MAYBE) else ()))


def restyled(draw: st.DrawFn, item: Item) -> Item:
    """The message written in another way."""
    return replace(
        item,
        style=draw(st.sampled_from(('"', '"', "'", "", "wrapped"))),
        step=draw(st.sampled_from((2, 4))),
        dash=draw(st.sampled_from(("- ", "- ", "-   ", "-"))),
        is_turned=draw(MAYBE),
        is_airy=draw(MAYBE),
    )


@st.composite
def files(draw: st.DrawFn) -> File:
    """A queue of up to three messages."""
    numbers = draw(st.sampled_from(((0,), (0, 1), (0, 1, 2), (1, 3), ())))
    return File(
        tuple(draw(items(number, "b")) for number in numbers),
        header=("header",) if draw(MAYBE) else (),
        tail=("tail",) if draw(MAYBE) else (),
        after=(("owner", "pm"),) if draw(MAYBE) else (),
        margin=draw(st.sampled_from((2, 2, 0, 4))),
        line_end=draw(st.sampled_from(("\n", "\n", "\r\n"))),
        is_spaced=not draw(MAYBE),
        is_ended=not draw(MAYBE),
    )


@st.composite
def edited(draw: st.DrawFn, file: File, name: str) -> File:
    """The queue after some edits of one side, whose comments begin with `name`."""
    for number in range(draw(st.integers(1, 5))):
        edit = draw(st.sampled_from(EDITS))
        file = edit(draw, file, f"{name}{number}")
    return file


@st.composite
def changed(draw: st.DrawFn, item: Item, name: str) -> Item:
    """The message after some changes of one side, whose comments begin with `name`."""
    file = File((item,))
    for number in range(draw(st.integers(1, 5))):
        file = _change(draw, file, f"{name}{number}")
    return file.items[0]


def _add(draw: st.DrawFn, file: File, name: str) -> File:
    free = [number for number in range(2, len(IDS)) if IDS[number] not in {i.fields["message_id"] for i in file.items}]
    if not free:
        return file
    item = draw(items(draw(st.sampled_from(free)), name))
    answered = draw(st.sampled_from(IDS))
    if draw(MAYBE):
        item = replace(
            item,
            fields=message(IDS.index(item.fields["message_id"]), reply_to=answered, payload=item.fields["payload"]),
        )
    at = draw(st.sampled_from((len(file.items), len(file.items), 0)))
    below = at == len(file.items) and bool(file.tail) and draw(st.booleans())  # where an append goes
    if below:
        item, file = replace(item, lead=(*file.tail, *item.lead)), replace(file, tail=())
    return replace(file, items=(*file.items[:at], item, *file.items[at:]))


def _delete(draw: st.DrawFn, file: File, name: str) -> File:
    """Take a message out; its comments stay, as when a command takes it, or go with it."""
    if not file.items:
        return file
    at = draw(st.integers(0, len(file.items) - 1))
    gone, rest = file.items[at], [*file.items[:at], *file.items[at + 1 :]]
    file = replace(file, items=tuple(rest))
    if draw(st.booleans()) or not gone.lead:
        return file
    if at == len(rest):
        return replace(file, tail=(*gone.lead, *file.tail))
    rest[at] = replace(rest[at], lead=(*gone.lead, *rest[at].lead))
    return replace(file, items=tuple(rest))


def _change(draw: st.DrawFn, file: File, name: str) -> File:
    """Change a message as a command or a person does."""
    if not file.items:
        return file
    at = draw(st.sampled_from((0, 0, len(file.items) - 1)))
    item = file.items[at]
    fields = dict(item.fields)
    payload = fields.pop("payload")
    what = draw(
        st.sampled_from(
            (
                "status",
                "close",
                "read",
                "claim",
                "note",
                "note",
                "priority",
                "payload",
                "lead",
                "inner",
                "trailing",
                "style",
                "drop",
            )
        )
    )
    time, agent = draw(st.sampled_from(TIMES)), draw(st.sampled_from(AGENTS))
    if what == "status":
        fields["status"] = draw(st.sampled_from(("pending", "read")))
    elif what == "close":
        fields |= {"status": draw(st.sampled_from(("done", "cancelled", "expired"))), "closed": time}
    elif what == "read":
        fields["read_by"] = {**fields.get("read_by", {}), agent: time}
    elif what == "claim":
        fields |= {"claimed_by": agent, "claimed_until": time}
    elif what == "note":
        fields["note"] = draw(st.sampled_from(WORDS))
    elif what == "priority":
        fields["priority"] = draw(st.sampled_from(("low", "high", "medium")))
    elif what == "payload":
        payload = {**payload, draw(st.sampled_from(("message", "more"))): draw(st.sampled_from(WORDS))}
        if draw(MAYBE):
            payload["x"] = {**payload["x"], draw(st.sampled_from(("a", "c"))): name}
    elif what == "drop":
        fields.pop("note", None)
        payload = {key: value for key, value in payload.items() if key != "more"}
    elif what == "style":
        item = restyled(draw, item)
    else:
        item = replace(item, **{what: (*getattr(item, what), name)})
    item = replace(item, fields={**fields, "payload": payload})
    return replace(file, items=(*file.items[:at], item, *file.items[at + 1 :]))


def _move(draw: st.DrawFn, file: File, name: str) -> File:
    return replace(file, items=tuple(draw(st.permutations(file.items))))


def _refile(draw: st.DrawFn, file: File, name: str) -> File:
    """Write the file in another way, as an editor or a formatter does."""
    what = draw(st.sampled_from(("header", "tail", "after", "margin", "line_end", "is_spaced", "is_ended")))
    if what in ("header", "tail"):
        return replace(file, **{what: (*getattr(file, what), name)})
    if what == "after":
        return replace(file, after=(*file.after, (f"x-{name}", "1")))
    values = {"margin": (0, 2, 4), "line_end": ("\n", "\r\n"), "is_spaced": (True, False), "is_ended": (True, False)}
    return replace(file, **{what: draw(st.sampled_from(values[what]))})


EDITS = (_add, _add, _delete, _change, _change, _change, _change, _move, _refile)
