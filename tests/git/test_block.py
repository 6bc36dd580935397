"""A marked block in a file of somebody else's: `bmad_messenger.git.block`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger.errors import DamagedError
from bmad_messenger.git.block import block_in, read_bytes_as_text, with_block, without_block, write_text_as_bytes

TEXTS = st.lists(st.sampled_from(["#!/bin/sh", "exit 0", "", "# a comment", "a\r"])).map("\n".join) | st.text()


@given(TEXTS, st.booleans())
def test_what_was_there_comes_back_byte_for_byte(text: str, first: bool) -> None:
    with_one = with_block(text, ["one"], "hook", first=first)
    with_other = with_block(with_one, ["other", "lines"], "hook", first=first)

    assert block_in(with_one) == "one\n"
    assert block_in(with_other) == "other\nlines\n"
    assert [without_block(each, "hook") for each in (with_one, with_other)] == [text, text]


def test_block_stands_at_the_end() -> None:
    assert with_block("theirs", ["ours"], "hook").startswith("theirs\n# >>>")


def test_first_block_stands_below_the_interpreter_s_line() -> None:
    text = with_block("#!/bin/bash\nexit 0\n", ["ours"], "hook", first=True)

    assert text.startswith("#!/bin/bash\n# >>>")
    assert text.endswith("<<<\nexit 0\n")


def test_first_block_of_a_script_without_a_last_line_end() -> None:
    assert with_block("#!/bin/sh", ["ours"], "hook", first=True).startswith("#!/bin/sh\n# >>>")


def test_renewed_block_stays_where_it_is() -> None:
    text = f"above\n{with_block('', ['old'], 'hook')}below\n"

    assert with_block(text, ["new"], "hook", first=True) == text.replace("old", "new")


def test_second_copy_of_the_block_goes() -> None:
    block = with_block("", ["ours"], "hook")

    assert with_block(f"{block}between\n{block}", ["ours"], "hook") == f"{block}between\n"


@pytest.mark.parametrize("line", [1, 3])
def test_block_that_lost_a_mark_is_left_alone(line: int) -> None:
    lines = with_block("theirs\n", ["ours"], "hook").split("\n")
    del lines[line]

    with pytest.raises(DamagedError, match=r"hook:\d: a mark .* stands alone"):
        with_block("\n".join(lines), ["new"], "hook")


def test_bytes_that_are_no_text_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "hook"
    path.write_bytes(b"#!/bin/sh\n\xff\xfe\r\n")

    write_text_as_bytes(path, with_block(read_bytes_as_text(path, "hook") or "", ["ours"], "hook"), "hook")
    write_text_as_bytes(path, without_block(read_bytes_as_text(path, "hook") or "", "hook"), "hook")

    assert path.read_bytes() == b"#!/bin/sh\n\xff\xfe\r\n"


def test_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_bytes_as_text(tmp_path / "hook", "hook") is None
