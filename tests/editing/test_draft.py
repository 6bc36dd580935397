"""The copy: what stands in it, who may read it, and how it is found again."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import DamagedError, InvalidError, Messenger, NotFoundError
from bmad_messenger.editing import left_drafts
from tests.editing.person import TYPED, Person, adding, kept, meanwhile, read, replacing, send, texts


def test_the_copy_says_what_it_is_and_where_its_schema_is_and_that_is_not_kept(messenger: Messenger) -> None:
    person = Person(adding(TYPED))
    person.edits(messenger)
    head = person.opened[0].partition("# yaml-language-server: $schema=queue")[0]

    assert head.startswith("# yaml-language-server: $schema=../queue.schema.json\n#: A copy of the queue.\n")
    assert (person.path.parent / "../queue.schema.json").exists()
    assert person.path.name.endswith(".yaml")
    assert "#:" not in read(messenger)
    assert "../queue" not in read(messenger)


def test_nobody_else_can_read_a_draft_and_git_leaves_it_out(messenger: Messenger) -> None:
    root = messenger.project.root
    subprocess.run(["git", "init", "--quiet", root], check=True)
    seen: dict[str, Any] = {}

    def look(text: str) -> str:
        folder = messenger.project.folder / ".drafts"
        seen["modes"] = {stat.S_IMODE(path.stat().st_mode) for path in (*folder.glob("message*"),)}
        seen["folder"] = stat.S_IMODE(folder.stat().st_mode)
        status = ["git", "-C", root, "status", "--porcelain", "--untracked-files=all"]
        seen["git"] = subprocess.run(status, check=True, capture_output=True, text=True).stdout
        return text

    Person(look).edits(messenger)

    assert seen["modes"] == {0o600}
    assert seen["folder"] == 0o700
    assert "message-queue.yaml" in seen["git"]
    assert ".drafts" not in seen["git"]


def test_a_link_in_the_place_of_the_drafts_is_not_followed(messenger: Messenger, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (messenger.project.folder / ".drafts").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DamagedError, match="is a link"):
        Person().edits(messenger)

    assert [*(tmp_path / "elsewhere").iterdir()] == []


@pytest.mark.parametrize("name", ["nothing.yaml", "message-queue.1.yaml", "../message-queue.yaml", ""])
def test_what_is_no_draft_is_not_gone_on_with(messenger: Messenger, name: str) -> None:
    with pytest.raises(NotFoundError, match="is no draft"):
        Person().edits(messenger, draft=Path(name))


def test_a_draft_is_found_from_any_folder(
    messenger: Messenger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(messenger)
    with pytest.raises(InvalidError) as caught:
        Person(replacing('type: "notify"', 'type: "notfy"')).edits(messenger)
    monkeypatch.chdir(tmp_path)
    for name_of in (lambda draft: Path(draft.name), messenger.project.name, lambda draft: draft):
        name = Path(name_of(kept(caught, messenger)))
        with pytest.raises(InvalidError) as caught:
            Person(lambda text: text).edits(messenger, draft=name)


def test_a_draft_is_gone_on_with_by_one_alone(messenger: Messenger) -> None:
    with pytest.raises(InvalidError) as caught:
        Person(adding(TYPED.replace("notify", "notfy"))).edits(messenger)
    draft = kept(caught, messenger)

    def again() -> None:
        with pytest.raises(NotFoundError, match="is no draft"):
            Person().edits(messenger, draft=draft)

    Person(meanwhile(again, replacing("notfy", "notify"))).edits(messenger, draft=draft)

    assert texts(messenger) == ["typed"]


def test_a_draft_that_somebody_is_editing_is_not_left(messenger: Messenger) -> None:
    folder = messenger.project.folder / ".drafts"
    seen: list[Path] = []
    Person(meanwhile(lambda: seen.extend(left_drafts(messenger.project)))).edits(messenger)
    for name in ("message-queue.999999999.yaml", "message-queue.999999999.base", "message-queue.999999998.yaml"):
        (folder / name).write_text("")

    assert seen == []
    assert left_drafts(messenger.project) == [folder / "message-queue.999999999.yaml"]


def test_what_came_too_late_can_be_looked_at_and_not_be_saved(messenger: Messenger) -> None:
    closed = send(messenger, "one")
    step = meanwhile(
        lambda: messenger.close(closed.message_id), lambda text: adding(TYPED)(text.replace("one", "mine"))
    )
    (draft,) = Person(step).edits(messenger).drafts

    assert "mine" in draft.read_text()
    assert "typed" not in draft.read_text()
    assert left_drafts(messenger.project) == []
    with pytest.raises(NotFoundError):
        Person().edits(messenger, draft=draft)
    assert texts(messenger) == ["typed"]
