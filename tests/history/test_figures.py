"""Figures of the history."""

from __future__ import annotations

from datetime import timedelta

from bmad_messenger.history.entry import Entry
from bmad_messenger.history.figures import Figures, Statistics, statistics
from tests.history.messages import NOON, done, message

ROSTER = ("dev", "architect", "pm")


def figures(*messages: object) -> Statistics:
    return statistics([Entry(one) for one in messages], ROSTER)  # type: ignore[arg-type]


def test_each_route_is_counted_with_its_median_times() -> None:
    on_route = {"route": "prd-complete"}

    found = figures(
        done(1, 10, 100, **on_route), done(2, 20, 300, **on_route), done(3, 60, 200, **on_route), message(4, **on_route)
    )

    assert found.routes == (Figures("prd-complete", messages=4, open=1, waited=20, worked=200),)


def test_the_median_of_two_is_between_them() -> None:
    assert figures(done(1, 10, 0), done(2, 20, 0)).types[0].waited == 15


def test_what_is_on_no_route_is_counted_by_its_type() -> None:
    found = figures(message(1), message(2, type="review", route="implementation-complete"))

    assert [one.name for one in found.types] == ["clarify"]


def test_what_nobody_has_read_has_no_times() -> None:
    assert figures(message(1)).types == (Figures("clarify", messages=1, open=1, waited=None, worked=None),)


def test_an_agent_answers_for_what_it_was_sent_and_when_it_read_it() -> None:
    readers = {"dev": NOON + timedelta(seconds=30), "architect": NOON + timedelta(seconds=90)}
    to_all = message(0, from_agent="pm", to_agent=None, to_agents="all", read_by=readers)

    assert [(one.name, one.messages, one.waited) for one in figures(to_all).agents] == [
        ("architect", 1, 90),
        ("dev", 1, 30),
    ]


def test_nothing_has_no_figures() -> None:
    assert figures() == Statistics((), (), ())
