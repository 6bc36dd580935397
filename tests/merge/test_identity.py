"""Two different messages with one id: both are kept, one under a longer id, and what refers to it follows."""

from __future__ import annotations

from typing import Any

import pytest

from bmad_messenger.merge import merge_queues, merge_records
from bmad_messenger.message import ID_PATTERN, typed_digits
from bmad_messenger.yaml.parse import parse
from bmad_messenger.yaml.render import render_mapping
from tests.merge.written import IDS, TIMES, File, Item, message

FIRST = message(1, created=TIMES[0], payload={"message": "first"})
SECOND = message(1, created=TIMES[1], payload={"message": "second"})
OTHER = File((Item(message(0)),)).text()


def test_the_earlier_one_keeps_its_id() -> None:
    assert queue("", [FIRST], [SECOND]) == {IDS[1]: "first", renamed(): "second"}


def test_of_two_sent_at_once_the_same_one_keeps_its_id_in_every_clone() -> None:
    ours, theirs = ({**FIRST, "from": agent, "payload": {"message": agent}} for agent in ("tea", "sm"))

    assert queue("", [ours], [theirs]) == queue("", [theirs], [ours])
    assert len(queue("", [ours], [theirs])) == 2


def test_longer_id_is_an_id() -> None:
    assert ID_PATTERN.fullmatch(renamed())
    assert renamed().startswith(IDS[1])


def test_id_that_is_taken_is_made_longer_still() -> None:
    taken = {**message(2), "message_id": renamed(), "payload": {"message": "third"}}

    (longest,) = {*queue(text([taken]), [taken, FIRST], [taken, SECOND])} - {IDS[1], renamed()}

    assert longest.startswith(renamed())


@pytest.mark.parametrize(
    "change",
    [
        {"status": "read"},
        {"note": "x"},
        {"read_by": {"dev": TIMES[0]}},
        {"priority": "high"},
        {"payload": {"message": "reworded"}},
    ],
)
def test_longer_id_depends_on_nothing_that_changes_later(change: dict[str, Any]) -> None:
    assert renamed() in queue("", [FIRST], [{**SECOND, **change}])


def test_same_message_that_both_sides_changed_stays_one() -> None:
    result = merge_queues("", text([FIRST]), text([{**FIRST, "status": "read"}]))

    assert parse(result.text)["messages"] == [{**FIRST, "status": "read"}]


def test_same_message_that_one_side_has_reworded_stays_one() -> None:
    sent = {**FIRST, "payload": {"message": "first", "decision_doc": "docs/a.md"}}
    reworded = {**sent, "payload": {**sent["payload"], "message": "first of all"}}
    result = merge_queues("", text([sent]), text([reworded]))

    assert result.text.count("message_id") == 1
    assert [one.message for one in result.conflicts]


def test_same_message_whose_only_text_one_side_has_reworded_stays_one() -> None:
    sent, reworded = ({**FIRST, "payload": {"message": text}} for text in ("the PRD is done", "the PRD is ready"))
    result = merge_queues("", text([sent]), text([reworded]))

    assert result.text.count("message_id") == 1
    assert [one.message for one in result.conflicts]


def test_messages_of_one_second_that_say_nothing_alike_are_two() -> None:
    other = {**FIRST, "payload": {"message": "something else"}}

    assert sorted(queue("", [FIRST], [other]).values()) == ["first", "something else"]
    assert queue("", [FIRST], [other]) == queue("", [other], [FIRST])


def test_message_sent_twice_under_one_key_stays_one() -> None:
    ours, theirs = ({**FIRST, "idempotency_key": "k", "created": time} for time in TIMES[:2])

    assert queue("", [ours], [theirs]) == {IDS[1]: "first"}


def test_message_typed_in_once_and_adopted_in_two_clones_stays_one() -> None:
    typed = {key: value for key, value in FIRST.items() if key in ("type", "from", "to", "to_agents", "payload")}
    name = f"MSG-20250115-{typed_digits(typed)[:4]}"
    ours, theirs = ({**FIRST, "message_id": name, "created": time} for time in TIMES[:2])

    merged = by_id(merge_queues(text([typed]), text([ours]), text([theirs])).text)

    assert merged == {name: ours}
    assert merge_records("", record(theirs), record(ours)).text == record(ours)


def test_replies_follow_on_the_side_of_the_one_that_got_another_id() -> None:
    reply = message(2, reply_to=IDS[1], payload={"message": IDS[1], "x": [{"see": IDS[1]}, f"not {IDS[1]}"]})
    far = message(3, reply_to=IDS[1])

    merged = by_id(merge_queues("", text([FIRST, far]), text([SECOND, reply])).text)

    assert merged[IDS[2]]["reply_to"] == renamed()
    assert merged[IDS[2]]["payload"] == {"message": renamed(), "x": [{"see": renamed()}, f"not {IDS[1]}"]}
    assert merged[IDS[3]]["reply_to"] == IDS[1]


def test_message_that_was_there_before_follows_where_it_changed() -> None:
    base = text([message(2), message(3, note=IDS[1], reply_to=IDS[1])])
    ours, theirs = [FIRST, *messages_of(base)], [SECOND, message(2, reply_to=IDS[1]), messages_of(base)[1]]

    merged = by_id(merge_queues(base, text(ours), text(theirs)).text)

    assert merged[IDS[2]]["reply_to"] == renamed()
    assert merged[IDS[3]]["reply_to"] == IDS[1]


def test_time_written_in_another_way_is_the_same_time() -> None:
    ours, theirs = FIRST, {**FIRST, "created": FIRST["created"].replace("Z", "+00:00")}

    assert queue("", [ours], [theirs]) == {IDS[1]: "first"}


def test_merge_says_which_message_got_another_id() -> None:
    result = merge_queues("", text([FIRST]), text([SECOND]), labels=("HEAD", "topic"))

    assert result.notes == (f"two messages had the id {IDS[1]}: that of topic is now {renamed()}",)


def test_third_clone_that_knows_the_second_by_its_old_id_changes_the_right_one() -> None:
    settled = merge_queues("", text([FIRST]), text([SECOND])).text
    third = text([{**SECOND, "priority": "high"}, message(2, reply_to=IDS[1])])

    for ours, theirs in ((settled, third), (third, settled)):
        merged = by_id(merge_queues(text([SECOND]), ours, theirs).text)

        assert {name: (one["priority"], one["payload"]["message"]) for name, one in merged.items()} == {
            IDS[1]: ("low", "first"),
            renamed(): ("high", "second"),
            IDS[2]: ("low", "hello 2"),
        }
        assert merged[IDS[2]]["reply_to"] == renamed()


@pytest.mark.parametrize("base", [[], [message(2)]])
def test_second_that_one_side_told_apart_before_is_not_doubled(base: list[dict[str, Any]]) -> None:
    settled = merge_queues("", text([FIRST]), text([SECOND])).text
    read = {**SECOND, "status": "read", "read_by": {"dev": TIMES[2]}}

    for ours, theirs in ((settled, text([*base, read])), (text([*base, read]), settled)):
        merged = by_id(merge_queues(text(base) if base else "", ours, theirs).text)

        assert {name: one["status"] for name, one in merged.items() if name != IDS[2]} == {
            IDS[1]: "pending",
            renamed(): "read",
        }


def test_third_clone_that_closed_the_second_does_not_bring_it_back() -> None:
    settled = merge_queues("", text([FIRST]), text([SECOND])).text

    result = merge_queues(text([SECOND]), settled, "messages: []\n# x\n")

    assert [*by_id(result.text)] == [IDS[1]]
    assert result.notes == ()


def test_second_that_one_clone_closed_by_its_longer_id_does_not_become_the_first() -> None:
    settled = text([FIRST, {**SECOND, "message_id": renamed()}])

    assert queue(text([SECOND]), messages_of(settled), [{**FIRST, "status": "read"}]) == {IDS[1]: "first"}


def test_base_from_before_two_were_told_apart_turns_nothing_back() -> None:
    second = {**SECOND, "message_id": renamed()}
    base = text([{**SECOND, "status": "read"}])

    merged = by_id(merge_queues(base, text([FIRST, second]), text([{**FIRST, "status": "read"}, second])).text)

    assert merged[IDS[1]]["status"] == "read"


def test_longer_id_of_a_message_that_cannot_be_read_is_no_matter() -> None:
    broken = text([SECOND]).replace('message: "second"', 'message: "second')
    longer = {**message(2), "message_id": f"{IDS[1]}abcd"}

    merged = merge_queues(broken, broken + "# x\n", text([FIRST, longer])).text

    assert [*by_id(merged)] == [IDS[1], longer["message_id"]]


@pytest.mark.parametrize("closed", [False, True])
def test_archive_keeps_both_under_the_ids_that_the_queue_gives_them(closed: bool) -> None:
    second = {**SECOND, **({"status": "done", "closed": TIMES[2]} if closed else {})}
    ours, theirs = record(FIRST), f"# kept\n{record(second)}# too\n"

    for result in (merge_records("", ours, theirs), merge_records("", theirs, ours)):
        assert result.text == ours
        assert result.others == {renamed(): theirs.replace(IDS[1], renamed())}


def test_archive_tells_apart_what_another_clone_told_apart_before() -> None:
    ours = record({**SECOND, "status": "done"})

    result = merge_records(record(SECOND), ours, record(FIRST))

    assert result.text == record(FIRST)
    assert result.others == {renamed(): ours.replace(IDS[1], renamed())}


def test_archive_turns_nothing_back_where_the_base_is_from_before_two_were_told_apart() -> None:
    base, ours = record({**SECOND, "status": "done"}), record({**FIRST, "status": "done"})

    assert merge_records(base, ours, record(FIRST)).text == ours
    assert merge_records(base, record(FIRST), ours).text == ours


def messages_of(merged: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parse(merged)["messages"]
    return found


def queue(base: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, str]:
    """What the messages of the merged queue say, by id, the same in both directions."""
    merged = merge_queues(base, text(ours), text(theirs)).text
    assert merge_queues(base, text(theirs), text(ours)).text == merged
    return {name: one["payload"]["message"] for name, one in by_id(merged).items()}


def renamed() -> str:
    """The id that the second gets."""
    (name,) = merge_records("", record(FIRST), record(SECOND)).others
    return name


def by_id(merged: str) -> dict[str, dict[str, Any]]:
    return {one["message_id"]: one for one in messages_of(merged)}


def text(messages: list[dict[str, Any]]) -> str:
    return File(tuple(Item(one) for one in messages)).text()


def record(fields: dict[str, Any]) -> str:
    return "\n".join(render_mapping(fields, 0)) + "\n"
