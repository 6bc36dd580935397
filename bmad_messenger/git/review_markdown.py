"""A review as Markdown, for a pull request's page: no word of a message can be taken for markup, a name or a link."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from bmad_messenger.comparison import ABSENT, Record
from bmad_messenger.errors import Problem
from bmad_messenger.git.review import Review, Thread
from bmad_messenger.history.entry import Entry, duration_text
from bmad_messenger.markdown import code, table
from bmad_messenger.message import Message, summary_of

_MOST_ROWS: Final = 50
"""How many rows a table has: GitHub takes 65,536 characters for a comment."""

_LONGEST: Final = 500  # characters of a finding
_SHORT: Final = 10  # characters of a commit's name
_NONE: Final = "-"


def review_markdown(review: Review) -> str:
    """The Markdown of a review, its findings first."""
    compared, commits = review.comparison, review.commits
    threads = [line for thread in review.threads[:_MOST_ROWS] for line in _thread(thread, review)]
    parts = (
        f"## Messages: {_counts(review)}\n",
        f"From {code(commits.base[:_SHORT])} to {code(commits.head[:_SHORT])}.\n",
        *_section("Findings", map(_problem, review.findings), None),
        *_section("New", (_new_row(one, review) for one in compared.new), _NEW),
        *_section("Changed", _changed_rows(review), _CHANGED),
        *_section("Closed", (_closed_row(one) for one in compared.closed), _CLOSED),
        *_section("Threads", threads, None),
        *_section("Notes", map(_problem, review.notes), None),
    )
    return "\n".join(parts)


_NEW: Final = ("id", "from → to", "type", "priority", "route", "about", "artifact")
_CHANGED: Final = ("id", "from → to", "field", "old", "new")
_CLOSED: Final = ("id", "from → to", "type", "how", "waited", "worked", "note")


def _counts(review: Review) -> str:
    compared = review.comparison
    counts = {
        "new": compared.new,
        "changed": compared.changed,
        "closed": compared.closed,
        "read": compared.read,
        "deleted": compared.deleted,
    }
    words = [f"{len(ones)} {what}" for what, ones in counts.items() if ones] or ["nothing new"]
    if review.findings:
        words.append(f"**{len(review.findings)} finding{'s' if len(review.findings) > 1 else ''}**")
    return ", ".join(words)


def _section(title: str, rows: Iterable[Any], columns: Sequence[str] | None) -> Iterator[str]:
    """A section with a table of these columns, or a list; nothing where it is empty."""
    found = [*rows]
    if not found:
        return
    # Every finding is shown, however many they are: each has to be mended.
    shown = found if columns is None else found[:_MOST_ROWS]
    yield f"### {title}\n"
    yield "".join(f"{line}\n" for line in shown) if columns is None else table(columns, shown)
    if len(found) > len(shown):
        yield f"… and {len(found) - len(shown)} more.\n"


def _problem(problem: Problem) -> str:
    where = f"{code(problem.where)}: " if problem.path else ""
    hint = f"; {code(problem.hint, _LONGEST)}" if problem.hint else ""
    return f"- {where}{code(problem.message, _LONGEST)}{hint}"


def _new_row(record: Record, review: Review) -> list[str]:
    message = record.message
    documents = review.artifacts.get(message.message_id, [])
    return [
        code(message.message_id),
        code(_way(message)),
        code(message.type),
        message.priority.label,
        code(message.route or "") or _NONE,
        code(summary_of(message)) or _NONE,
        ", ".join(map(code, dict.fromkeys(documents))) or _NONE,
    ]


def _changed_rows(review: Review) -> Iterator[list[str]]:
    for difference in review.comparison.changed:
        message = difference.after.message
        for change in difference.fields:
            cells = (".".join(change.path), _value(change.old), _value(change.new))
            yield [code(message.message_id), code(_way(message)), *(code(cell) or _NONE for cell in cells)]


def _closed_row(record: Record) -> list[str]:
    message, entry = record.message, Entry(record.message)
    return [
        code(message.message_id),
        code(_way(message)),
        code(message.type),
        message.status.value,
        *(_NONE if time is None else duration_text(time) for time in (entry.waited, entry.worked)),
        code(message.note or "") or _NONE,
    ]


def _thread(thread: Thread, review: Review) -> Iterator[str]:
    """A thread as a list: where it begins, and below it what is new, changed or closed."""
    new = {record.message.message_id for record in review.comparison.new}
    closed = {record.message.message_id for record in review.comparison.closed}
    yield f"- {_told(thread.first)}"
    for message in thread.messages:
        one = message.message_id
        events = [word for word, ids in (("new", new), (message.status.value, closed)) if one in ids] or ["changed"]
        yield f"  - {', '.join(events)}: {_told(message)}"


def _told(message: Message) -> str:
    about = code(summary_of(message))
    return f"{code(message.message_id)} {code(f'{message.type} {_way(message)}')}{f': {about}' if about else ''}"


def _way(message: Message) -> str:
    recipients = ", ".join(message.to_agents) if isinstance(message.to_agents, tuple) else message.to_agents
    return f"{message.from_agent} → {message.to_agent or recipients}"


def _value(value: Any) -> str:
    """A field's value as a person reads it."""
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
