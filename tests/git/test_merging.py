"""Tests of `bmad_messenger.git.merging`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger.errors import InvalidError
from tests.git.clones import Clone, clone_of, empty_remote, first_clone_of


@pytest.fixture
def ann(tmp_path: Path) -> Clone:
    return first_clone_of(empty_remote(tmp_path / "remote.git"), tmp_path / "ann")


@pytest.fixture
def ben(ann: Clone, tmp_path: Path) -> Clone:
    return clone_of(tmp_path / "remote.git", tmp_path / "ben")


def test_a_merge_by_message_needs_no_set_up(ann: Clone, ben: Clone) -> None:
    ann.send("from ann")
    ben.send("from ben")
    ann.sync()
    ben.sync()

    assert len(ben.open_texts()) == 2
    assert ben.git("config", "--get-regexp", "bmad", check=False) == ""
    assert ben.is_clean()


def test_the_user_s_own_attributes_count_all_the_same(
    ann: Clone, ben: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    attributes = tmp_path / "config" / "git" / "attributes"
    attributes.parent.mkdir(parents=True)
    attributes.write_text("*.py merge=union\n")
    for clone, line in ((ann, "import ann\n"), (ben, "import ben\n")):
        clone.write("code.py", line)
        clone.git("commit", "--quiet", "--all", "-m", "mine")
        clone.send(line)
        clone.sync()

    assert sorted((ben.folder / "code.py").read_text().splitlines()) == ["import ann", "import ben"]
    assert len(ben.open_texts()) == 2


def test_the_project_s_attributes_count_all_the_same(ann: Clone, ben: Clone) -> None:
    ann.write(".gitattributes", "*.py merge=union\n")
    ann.git("add", ".gitattributes")
    ann.git("commit", "--quiet", "-m", "attributes")
    ann.sync()
    ben.sync()
    for clone, line in ((ann, "import ann\n"), (ben, "import ben\n")):
        clone.write("code.py", line)
        clone.git("commit", "--quiet", "--all", "-m", "mine")
        clone.send(line)
        clone.sync()

    assert sorted((ben.folder / "code.py").read_text().splitlines()) == ["import ann", "import ben"]


@pytest.mark.parametrize("ignores_queue", [True, False])
def test_two_messages_with_one_id_are_both_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignores_queue: bool
) -> None:
    ann = first_clone_of(empty_remote(tmp_path / "here.git"), tmp_path / "one", ignores_queue=ignores_queue)
    ben = clone_of(tmp_path / "here.git", tmp_path / "two")
    monkeypatch.setattr("secrets.token_hex", lambda length: "a1b2" * 16)
    ids = {clone.send(clone.folder.name).message_id for clone in (ann, ben)}
    for clone in (ann, ben, ann):
        clone.sync()

    assert len(ids) == 1
    assert sorted(ann.open_texts()) == sorted(ben.open_texts()) == ["one", "two"]
    assert {one.message_id for one in ann.messenger.list()} == {*ann.messenger.archive.ids()} > ids
    assert ann.head() == ben.head()
    assert ann.is_clean()
    assert ben.is_clean()


def test_a_merge_that_is_refused_leaves_nothing_behind(ann: Clone, ben: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda length: "a1b2" * 16)
    for clone, text in ((ann, "print(2)\n"), (ben, "print(3)\n")):
        clone.write("code.py", text)
        clone.git("commit", "--quiet", "--all", "-m", "mine")
        clone.send(text)
    ann.sync()

    with pytest.raises(InvalidError, match=r"code\.py"):
        ben.sync()
    assert ben.is_clean()
    assert len([*ben.messenger.archive.ids()]) == 1
