"""What `validate` says of the files of a commit, for its review."""

from __future__ import annotations

from pathlib import Path

import pytest

from bmad_messenger import Messenger
from tests.git.reviewing import FOLDER, QUEUE, Commit, ask, edit, record, reviewed, the_finding


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('type: "clarify"', 'type: "clarfy"', 'there is no message type "clarfy"'),
        ('to: "architect"', 'to: "architekt"', "there is no agent 'architekt'"),
        ('question: "JWT or cookies?"', "quest: 5", "payload"),
        ('status: "pending"', 'status: "pending"\n    route: "nowhere"', "there is no route"),
        ('question: "JWT or cookies?"', 'question: "JWT', "not YAML"),
        ("    payload:", "<<<<<<< a\n=======\n>>>>>>> b\n    payload:", "conflict"),
    ],
)
def test_a_new_message_that_is_invalid_is_found(
    old: str, new: str, words: str, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    ask(messenger)
    edit(repository, old, new)
    commit()

    found = reviewed(repository).findings

    assert words in found[0].message
    assert (found[0].path, found[0].line is None) == (QUEUE, False)


def test_an_invalid_file_of_the_archive_is_found(
    repository: Path, messenger: Messenger, commit: Commit, asked: str
) -> None:
    messenger.close(asked)
    record(messenger, asked).write_text("message_id: 5\n", "utf-8")
    commit()

    assert {one.path for one in reviewed(repository).findings} == {
        record(messenger, asked).relative_to(repository).as_posix()
    }


def test_what_was_invalid_before_is_not_found_again(repository: Path, messenger: Messenger, commit: Commit) -> None:
    ask(messenger)
    edit(repository, 'type: "clarify"', 'type: "clarfy"')
    commit()
    edit(repository, "messages:", "# A comment above\nmessages:")
    messenger.send(type="notify", from_agent="pm", to_agent="dev", payload={"message": "m"})
    commit()

    assert reviewed(repository).findings == ()


def test_a_message_that_a_merge_doubled_is_found(repository: Path, commit: Commit, asked: str) -> None:
    text = (repository / QUEUE).read_text("utf-8")
    (repository / QUEUE).write_text(text + text.partition("messages:\n")[2], "utf-8")
    commit()

    assert f"{asked} stands twice" in the_finding(repository).message


def test_the_commits_own_rules_judge(repository: Path, messenger: Messenger, commit: Commit) -> None:
    (repository / FOLDER / "config.yaml").write_text("agents: {add: [ops]}\n", "utf-8")
    Messenger.open(repository).send(type="notify", from_agent="ops", to_agent="dev", payload={"message": "m"})
    commit()
    (repository / FOLDER / "config.yaml").unlink()

    assert reviewed(repository).findings == ()


def test_rules_that_a_message_breaks_since_are_found(repository: Path, commit: Commit, asked: str) -> None:
    (repository / FOLDER / "config.yaml").write_text("agents: {remove: [architect]}\n", "utf-8")
    commit()

    assert "there is no agent 'architect'" in the_finding(repository).message


@pytest.mark.parametrize("config", [b"agents: 5\n", b"{", b"\xff"])
def test_a_config_that_is_invalid_is_found(
    config: bytes, repository: Path, messenger: Messenger, commit: Commit
) -> None:
    ask(messenger)
    (repository / FOLDER / "config.yaml").write_bytes(config)
    commit()

    assert the_finding(repository).path == f"{FOLDER}/config.yaml"


def test_a_type_of_the_projects_own_is_known(repository: Path, commit: Commit) -> None:
    schemas = repository / FOLDER / "schemas"
    schemas.mkdir()
    (schemas / "retro.schema.json").write_text(
        '{"properties": {"doc_path": {"type": "string", "format": "artifact-path"}}}', "utf-8"
    )
    messenger = Messenger.open(repository)
    sent = messenger.send(type="retro", from_agent="pm", to_agent="dev", payload={"doc_path": "prd.md"})
    commit()

    found = reviewed(repository)

    assert (found.findings, found.artifacts) == ((), {sent.message_id: ["prd.md"]})


def test_a_link_in_the_place_of_the_config_leads_nowhere(
    repository: Path, messenger: Messenger, commit: Commit
) -> None:
    ask(messenger)
    (repository / FOLDER / "config.yaml").symlink_to("/etc/passwd")
    commit()

    assert reviewed(repository).findings == ()
