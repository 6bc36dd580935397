"""Archive files: one message each, and the text around it."""

from __future__ import annotations

import pytest

from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.merge import mappings, merge_records
from bmad_messenger.merge.joining import joined
from bmad_messenger.yaml.render import render_mapping
from tests.merge.written import message

ONE = message(1)
BASE = "\n".join(render_mapping(ONE, 0)) + "\n"
READ = BASE.replace("pending", "read")
DONE = BASE.replace("pending", "done")


def test_what_one_side_changed_is_taken_as_it_is() -> None:
    ours = f"# mine\n{DONE}# end"

    assert merge_records(BASE, ours, BASE).text == ours
    assert merge_records(BASE, BASE, ours).text == ours


def test_comments_of_both_sides_stay() -> None:
    sender = 'from: "pm"'
    ours = DONE.replace(sender, f"# ours\n{sender} # at last")
    theirs = f"# theirs\n{READ.replace(sender, f'# too{chr(10)}{sender}')}# end\n"

    merged = f"# theirs\n{DONE.replace(sender, f'# ours{chr(10)}# too{chr(10)}{sender} # at last')}# end\n"
    assert merge_records(BASE, ours, theirs).text == merged
    assert merge_records(BASE, theirs, ours).text == merged


def test_empty_file_gives_way() -> None:
    assert merge_records(BASE, "", DONE).text == DONE
    assert merge_records(BASE, DONE, "\n").text == DONE


def test_other_id_in_the_file_is_a_conflict() -> None:
    result = merge_records("", BASE, DONE.replace("0001", "0002").replace("11:00", "12:00"))

    assert [problem.message.split(" was ")[0] for problem in result.conflicts] == ["MSG-20250115-0001: message_id"]
    assert result.others == {}


def test_merged_text_that_does_not_say_what_it_should_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings, "joined", lambda *arguments, **options: joined(*arguments, **options)[:-3])

    with pytest.raises(DamagedError, match=r"a\.yaml: the two sides"):
        merge_records(BASE, READ, DONE, path="a.yaml")


@pytest.mark.parametrize(
    ("text", "line"), [("- a\n", 1), ("message_id: 'a\n", 1), ("a: 1\na: 2\n", 2), ("a: 1\n<<<<<<< x\n", 2)]
)
def test_side_that_is_no_message_is_refused(text: str, line: int) -> None:
    with pytest.raises((InvalidError, DamagedError), match="mine: ") as refused:
        merge_records("", text, BASE, labels=("mine", "yours"), path="a.yaml")

    assert (refused.value.problem.path, refused.value.problem.line) == ("a.yaml", line)
