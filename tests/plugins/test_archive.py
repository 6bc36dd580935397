"""The archive is a plugin like any other: it records each send and each close, and can be switched off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bmad_messenger import DamagedError, Messenger, Status, StorageError

NOTE: dict[str, Any] = {"type": "notify", "from_agent": "pm", "to_agent": "dev", "payload": {"message": "news"}}


@pytest.fixture
def without(tmp_path: Path) -> Messenger:
    """A messenger that keeps no history."""
    messenger = Messenger.open(tmp_path)
    messenger.init()
    messenger.project.config.write_text("plugins: {disable: [archive]}\n")
    return Messenger.open(tmp_path)


def test_it_records_what_is_sent_and_what_is_closed(messenger: Messenger) -> None:
    sent = messenger.send(**NOTE)
    assert messenger.archive.read(sent.message_id) == sent

    (closed,) = messenger.close(sent.message_id)
    assert messenger.archive.read(sent.message_id) == closed


def test_switched_off_it_keeps_nothing(without: Messenger) -> None:
    sent = without.send(**NOTE)
    without.receive("dev")

    (closed,) = without.close(sent.message_id)

    assert closed.status is Status.DONE
    assert without.list() == []
    assert list(without.archive.ids()) == []


def test_what_it_can_not_write_stays_in_the_queue(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = messenger.send(**NOTE)

    def full(*_: object) -> None:
        raise StorageError("no space left", hint="make some")

    monkeypatch.setattr(messenger.archive, "rewrite", full)

    with pytest.raises(DamagedError, match="no space left"):
        messenger.close(sent.message_id)

    assert messenger.list() == [sent]


def test_what_it_can_not_record_is_recorded_by_sync(
    messenger: Messenger, problems: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no space left", hint="make some")

    with monkeypatch.context() as patch:
        patch.setattr(messenger.archive, "record", full)
        sent = messenger.send(**NOTE)

    assert ["no space left" in problem.message for problem in problems] == [True]
    assert list(messenger.sync()) == [f"recorded {sent.message_id} in the archive"]


def test_sync_removes_what_dead_processes_left(messenger: Messenger) -> None:
    sent = messenger.send(**NOTE)
    torn = messenger.archive.path(sent.message_id).with_name(".MSG-20250115-a1b2.yaml.99999999.tmp")
    torn.write_text("torn")

    assert list(messenger.sync()) == [f"removed the leftover {messenger.project.name(torn)}"]
    assert not torn.exists()
