"""Queues: what stays, what goes, and where it stands in the merged text."""

from __future__ import annotations

import pytest

from bmad_messenger.errors import DamagedError
from bmad_messenger.merge import merge_queues, queues, sections
from bmad_messenger.merge.joining import joined
from bmad_messenger.yaml.parse import parse
from tests.merge.written import IDS, File, Item, message

ONE, TWO, THREE = (Item(message(number)) for number in (1, 2, 3))
BASE = File((ONE, TWO)).text()


def test_what_one_side_changed_is_taken_as_it_is() -> None:
    ours = "# mine\n" + BASE.replace('status: "pending"', "status: 'read'   # at last", 1).replace("\n\n", "\n\n\n")

    assert merge_queues(BASE, ours, BASE).text == ours
    assert merge_queues(BASE, BASE, ours).text == ours


def test_changes_of_different_messages_are_both_taken_as_they_are() -> None:
    ours = BASE.replace("hello 1", "hello # 1")
    theirs = BASE.replace('"hello 2"', "'hello 2' # or 3")

    assert merge(BASE, ours, theirs) == ours.replace('"hello 2"', "'hello 2' # or 3")


def test_appended_messages_are_all_kept_the_earlier_one_first() -> None:
    ours, theirs = File((ONE, TWO, Item(message(4)), Item(message(3)))), File((ONE, TWO, Item(message(5))))

    assert order_of(merge(BASE, ours.text(), theirs.text())) == ["0001", "0002", "0004", "0005", "0003"]


def test_appended_messages_stand_apart() -> None:
    ours, theirs = File((ONE, TWO, THREE)), File((ONE, TWO, Item(message(4))))
    both = File((ONE, TWO, Item(message(4)), THREE))

    assert merge(BASE, ours.text(), theirs.text()) == both.text()


@pytest.mark.parametrize("empty", ["", "messages: []\n", "messages:\n", "# nothing yet\n"])
def test_messages_added_to_nothing_are_all_kept(empty: str) -> None:
    merged = merge(empty, File((ONE,)).text(), File((TWO,)).text())

    assert order_of(merged) == ["0001", "0002"]
    assert "messages:\n  - message_id" in merged


def test_deleted_message_that_the_other_side_left_alone_is_gone() -> None:
    ours, theirs = File((TWO,)).text(), BASE.replace("hello 2", "hi")

    assert order_of(merge(BASE, ours, theirs)) == ["0002"]


def test_queue_that_both_sides_emptied_says_so() -> None:
    ours = "# ours\n" + File((TWO,)).text()

    assert merge(BASE, ours, File((ONE,)).text()) == "# ours\nmessages: []\n"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "read"},
        {"read_by": {"dev": "2025-01-15T10:00:00Z"}},
        {"claimed_by": "a", "claimed_until": "2025-01-15"},
    ],
)
def test_closed_message_that_the_other_side_read_or_claimed_is_gone(change: dict[str, object]) -> None:
    theirs = File((Item({**message(1), **change}), TWO)).text()

    assert order_of(merge(BASE, File((TWO,)).text(), theirs)) == ["0002"]


@pytest.mark.parametrize("change", [{"status": "done"}, {"note": "wait"}, {"priority": "high"}])
def test_deleted_message_that_the_other_side_changed_is_kept(change: dict[str, object]) -> None:
    theirs = File((Item({**message(1), **change}), TWO)).text()

    result = merge_queues(BASE, File((TWO,)).text(), theirs)

    assert result.text == theirs
    assert result.notes == ("kept MSG-20250115-0001: ours took it out, theirs changed it",)


def test_closed_message_that_the_other_side_wrote_in_another_way_is_gone() -> None:
    base = File((Item({**message(1), "status": "done"}), TWO)).text()

    assert order_of(merge(base, base.replace('"done"', "done"), File((TWO,)).text())) == ["0002"]


def test_deleted_message_that_the_other_side_broke_is_kept() -> None:
    ours = BASE.replace('message: "hello 1"', 'message: "hello 1')

    assert merge(BASE, ours, File((TWO,)).text()) == ours


def test_new_comment_in_a_message_that_the_other_side_closed_is_kept() -> None:
    theirs = BASE.replace('type: "notify"', 'type: "notify" # remember', 1)

    assert merge(BASE, File((TWO,)).text(), theirs).startswith("messages:\n  # remember\n  - message_id")


def test_comment_of_a_message_that_was_taken_out_stands_once() -> None:
    base = File((Item(ONE.fields, lead=("one",)), Item(TWO.fields, lead=("two",)), THREE)).text()
    ours = File((Item(TWO.fields, lead=("one", "two")), THREE)).text()
    theirs = File((Item(ONE.fields, lead=("one",)), Item(THREE.fields, lead=("two",)))).text()

    assert merge(base, ours, theirs) == File((Item(THREE.fields, lead=("one", "two")),)).text()


def test_comment_at_the_end_is_not_repeated_above_what_each_side_appended() -> None:
    base = f"{BASE}  # the end\n"
    ours, theirs = (f"{base}\n{File((item,)).text().partition(chr(10))[2]}" for item in (THREE, Item(message(4))))

    assert merge(base, ours, theirs).count("# the end") == 1


def test_comment_that_one_side_took_out_stays_out() -> None:
    base, ours, theirs = (File((Item(ONE.fields, lead=lead), TWO)).text() for lead in (("a",), (), ("a", "b")))

    assert merge(base, ours, theirs) == File((Item(ONE.fields, lead=("b",)), TWO)).text()


def test_comment_below_an_empty_list_does_not_become_a_messages_own() -> None:
    merged = merge("messages: []\n", File((ONE,)).text(), "messages: []\n        # the end\n")

    assert merged == f"{File((ONE,)).text()}  # the end\n"


def test_blank_lines_at_the_end_stay() -> None:
    ours, theirs = (f"{BASE.replace(f'hello {number}', 'hi')}\n\n" for number in (1, 2))

    assert merge(f"{BASE}\n\n", ours, theirs).endswith('"hi"\n\n\n')


def test_comments_that_both_sides_added_are_all_kept() -> None:
    ours, theirs = (
        f"# {side}\n{BASE.replace('  - message_id', f'  # {side}{chr(10)}  - message_id')}# {side}\n" for side in "ab"
    )

    merged = merge(BASE, ours, theirs)

    assert merged.startswith("# a\n# b\nmessages:\n  # a\n  # b\n  - message_id")
    assert merged.endswith("# a\n# b\n")


def test_moved_messages_keep_the_order_of_the_side_that_moved_them() -> None:
    base, ours = File((ONE, TWO, THREE)).text(), File((THREE, ONE, TWO)).text()
    theirs = base.replace("hello 1", "hi")

    assert order_of(merge(base, ours, theirs)) == ["0003", "0001", "0002"]


@pytest.mark.parametrize("margin", [0, 4])
def test_messages_are_indented_as_the_side_has_it_that_changed_that(margin: int) -> None:
    ours = File((ONE, TWO), margin=margin).text()
    theirs = File((ONE, Item({**TWO.fields, "priority": "high"}), THREE)).text()

    assert (
        merge(BASE, ours, theirs) == File((ONE, Item({**TWO.fields, "priority": "high"}), THREE), margin=margin).text()
    )


def test_message_that_would_say_something_else_where_it_is_to_stand_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = File((ONE, TWO), margin=0).text(), File((ONE, TWO, Item(message(3, payload={"x": "a\nb\n"})))).text()
    monkeypatch.setattr(sections, "_shifted_lines", lambda text, by: text)

    with pytest.raises(DamagedError, match="safely"):
        merge_queues(BASE, ours, theirs)


def test_line_ends_are_those_of_the_side_that_changed_them() -> None:
    ours, theirs = File((ONE, TWO), line_end="\r\n").text(), BASE.replace("hello 1", "hi")

    assert merge(BASE, ours, theirs) == theirs.replace("\n", "\r\n")


def test_line_ends_are_those_that_there_are_where_one_side_is_empty() -> None:
    base = BASE.replace("\n", "\r\n")

    merged = merge_queues(base, "", base.replace('"low"', '"high"', 1)).text

    assert merged.count("\r\n") == merged.count("\n") > 1


def test_lines_that_end_in_two_ways_stay_as_they_are() -> None:
    base = BASE.replace('"pm"\n', '"pm"\r\n')
    ours, theirs = base.replace("hello 1", "hi"), base.replace("hello 2", "hi")

    assert merge(base, ours, theirs) == base.replace("hello 1", "hi").replace("hello 2", "hi")


def test_byte_order_mark_stays() -> None:
    base, ours, theirs = (
        f"\ufeff{text}" for text in (BASE, BASE.replace("hello 1", "hi"), BASE.replace("hello 2", "hi"))
    )

    assert merge(base, ours, theirs).startswith("\ufeffmessages:")


def test_other_keys_of_the_file_are_merged_like_a_messages_fields() -> None:
    base = f"a: 1\n{BASE}b: 1\n"
    ours, theirs = base.replace("a: 1", "a: 2").replace("hello 1", "hi"), base.replace("b: 1", "b: 2\nc: 3")

    assert merge(base, ours, theirs) == f"a: 2\n{BASE.replace('hello 1', 'hi')}b: 2\nc: 3\n"


def test_message_typed_by_hand_is_kept_once() -> None:
    typed = f"{BASE}\n  - type: notify\n    to: dev\n"

    assert merge(typed, typed.replace("hello 1", "hi"), typed.replace("hello 2", "hi")).count("type: notify") == 1


def test_message_adopted_on_one_side_is_not_kept_twice() -> None:
    typed = f"{BASE}\n  - type: notify\n    to: dev\n"
    adopted = f"{BASE}\n  - message_id: MSG-20250115-0009\n    type: notify\n    to: dev\n"

    assert merge(typed, adopted, typed.replace("hello 1", "hi")) == adopted.replace("hello 1", "hi")


def test_second_message_with_one_id_on_a_side_is_kept() -> None:
    ours, theirs = (File((ONE, Item({**TWO.fields, "message_id": IDS[1], "note": note}))).text() for note in "ab")

    result = merge_queues(BASE, ours, theirs)

    assert result.text.count("message_id") == 2
    assert [problem.message.split(" was ")[0] for problem in result.conflicts] == [f"{IDS[1]}: note"]


def test_message_that_one_side_broke_is_kept_beside_the_others() -> None:
    ours, theirs = BASE.replace('from: "pm"', 'from: "pm', 1), BASE.replace("hello 1", "hi")

    result = merge_queues(BASE, ours, theirs)

    assert [result.text.count(part) for part in ('from: "pm\n', '"hi"', "0001", "0002")] == [1, 1, 2, 1]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("messages: [{message_id: a}]\n", (1, 1)),
        ("other: 1\n", (1, 1)),
        ("messages:\n  - message_id: a\n x: 1\n", (3, 2)),
        ("messages:\n<<<<<<< ours\n  - message_id: a\n=======\n>>>>>>> theirs\n", (2, 1)),
    ],
)
def test_side_whose_messages_cannot_be_told_apart_is_refused(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(DamagedError, match=r"^q\.yaml:.*: mine: ") as refused:
        merge_queues(BASE, text, File((ONE,)).text(), labels=("mine", "yours"), path="q.yaml")

    problem = refused.value.problem
    assert (problem.line, problem.column) == place


@pytest.mark.parametrize("base", ["messages: [\n", "messages: [{message_id: a}]\n", "x\n"])
def test_base_that_cannot_be_read_counts_as_empty(base: str) -> None:
    assert order_of(merge(base, File((ONE, TWO)).text(), File((ONE, THREE)).text())) == ["0001", "0002", "0003"]


def test_conflict_in_the_base_counts_as_absent_and_the_rest_of_it_does_not() -> None:
    note = "<<<<<<<<< a\n    note: a\n=========\n    note: b\n>>>>>>>>> b\n"
    base = BASE.replace('    status: "pending"\n', f'    status: "pending"\n{note}', 1)
    ours, theirs = BASE.replace("hello 1", "hi"), File((ONE,)).text()

    assert merge(base, ours, theirs) == File((ONE,)).text().replace("hello 1", "hi")


def test_merged_text_that_does_not_hold_what_it_should_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = BASE.replace("hello 1", "hi"), BASE.replace('"low"', '"high"')
    monkeypatch.setattr(queues, "joined", lambda *arguments, **options: joined(*arguments, **options)[:-3])

    with pytest.raises(DamagedError, match=r"q\.yaml: the two sides"):
        merge_queues(BASE, ours, theirs, path="q.yaml")


def merge(base: str, ours: str, theirs: str) -> str:
    """The merged text, which is the same in both directions."""
    result, turned = merge_queues(base, ours, theirs), merge_queues(base, theirs, ours)
    assert result.conflicts == ()
    assert turned.text == result.text
    return result.text


def order_of(text: str) -> list[str]:
    return [one["message_id"][-4:] for one in parse(text)["messages"]]
