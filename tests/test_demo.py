"""The demo plays the reference's whole chain, without a single warning, and leaves a valid project."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from bmad_messenger import Message, Messenger, Status, demo
from bmad_messenger.message import SHIPPED_TYPES
from bmad_messenger.routes import Routes

EXAMPLE = Path(__file__).parent.parent / "_bmad-output"


@dataclass(frozen=True)
class Played:
    """What the demo said and what it left."""

    lines: list[str]
    root: Path
    messenger: Messenger
    messages: list[Message]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BMAD_MESSENGER_PLUGINS", "")
        patch.setenv("BMAD_MESSENGER_DISABLE", "btmsg")
        root = demo.run(tmp_path_factory.mktemp("demo"), said.append)
        messenger = Messenger.open(root)
        messages = [messenger.get(message_id) for message_id in messenger.archive.ids()]
    return Played("\n".join(said).split("\n"), root, messenger, sorted(messages, key=lambda one: one.created))


def kind(message: Message) -> tuple[str, str, str]:
    """What tells one message of the demo from another, in every run."""
    return message.type, message.route or "", message.status.value


def test_there_is_no_warning(played: Played) -> None:
    assert [line for line in played.lines if "!" in line] == []


def test_every_type_of_the_reference_is_sent(played: Played) -> None:
    assert {message.type for message in played.messages} == set(SHIPPED_TYPES)


def test_every_route_of_the_reference_is_travelled(played: Played) -> None:
    assert {message.route for message in played.messages} - {None} == {route.id for route in Routes.shipped()}


@pytest.mark.parametrize(
    ("from_agent", "to_agent"),
    [
        ("analyst", "pm"),
        ("pm", "architect"),
        ("pm", "ux-designer"),
        ("architect", "sm"),
        ("ux-designer", "sm"),
        ("sm", "dev"),
        ("dev", "tea"),
        ("tea", "dev"),
    ],
)
def test_the_work_is_handed_on_and_done(from_agent: str, to_agent: str, played: Played) -> None:
    ways = [message for message in played.messages if (message.from_agent, message.to_agent) == (from_agent, to_agent)]

    assert ways
    assert {message.status for message in ways} == {Status.DONE}


def test_a_clarify_is_answered(played: Played) -> None:
    (question,) = (message for message in played.messages if message.type == "clarify")
    (answer,) = (message for message in played.messages if message.reply_to == question.message_id)

    assert (answer.from_agent, answer.to_agent) == (question.to_agent, question.from_agent)
    assert (question.status, answer.status) == (Status.DONE, Status.DONE)


def test_what_is_open_is_for_the_user_and_for_all(played: Played) -> None:
    still_open = [message for message in played.messages if not message.status.is_closed]

    assert {message.type for message in still_open} == {"escalate", "notify", "collaborate"}
    (collaborate,) = (message for message in still_open if message.type == "collaborate")
    assert collaborate.payload["deadline"]


def test_each_message_is_shown_with_its_file(played: Played) -> None:
    text = "\n".join(played.lines)

    for message in played.messages:
        assert text.count(message.message_id) >= 2
        assert played.messenger.archive.name_of(message.message_id) in text


def test_the_board_shows_what_is_open_the_most_urgent_first(played: Played) -> None:
    at = played.lines.index("Open now")

    assert [line.split()[0] for line in played.lines[at + 1 : at + 4]] == ["critical", "medium", "low"]


def test_it_says_where_to_look_and_how_to_go_on(played: Played) -> None:
    text = "\n".join(played.lines[-3:])

    assert str(played.messenger.project.queue) in text
    assert str(played.messenger.project.archive) in text
    assert f"receive-message --agent user --project {played.root}" in text


def test_what_it_leaves_is_valid_and_settled(played: Played) -> None:
    assert played.messenger.validate() == []
    assert list(played.messenger.sync()) == []


def test_the_example_in_this_repository_is_what_it_leaves(played: Played, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / EXAMPLE.name, ignore=shutil.ignore_patterns(".queue.*"))
    example = Messenger.open(tmp_path)
    kept = [example.get(message_id) for message_id in example.archive.ids()]

    assert example.validate() == []
    assert sorted(map(kind, kept)) == sorted(map(kind, played.messages))
    assert sorted(map(kind, example.list())) == sorted(map(kind, played.messenger.list()))


def test_without_a_folder_it_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    root = demo.run(None, lambda _: None)

    assert root.parent == tmp_path
    assert (root / "_bmad-output" / "messenger" / "message-queue.yaml").exists()


def test_it_plays_twice_in_one_project(tmp_path: Path) -> None:
    said: list[str] = []
    demo.run(tmp_path, said.append)
    demo.run(tmp_path, said.append)

    assert [line for line in said if "!" in line] == []
    assert Messenger.open(tmp_path).validate() == []
