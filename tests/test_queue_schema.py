"""The schema beside the queue: whole in itself, true to the shipped ones, and with words for an editor to show."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bmad_messenger import Messenger, demo
from bmad_messenger.schemas import read_schema
from bmad_messenger.yaml.parse import parse


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return dict(read_schema("queue"))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The queue that the demo leaves."""
    root = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BMAD_MESSENGER_PLUGINS", "")
        demo.run(root, io.StringIO().write)
    return parse((root / "_bmad-output/messenger/message-queue.yaml").read_text())


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the schema."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)


def test_it_is_a_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)


def test_it_refers_to_nothing(schema: dict[str, Any]) -> None:
    assert [part["$ref"] for part in parts(schema) if isinstance(part.get("$ref"), str)] == []


def test_it_accepts_the_demo_s_queue(schema: dict[str, Any], played: dict[str, Any]) -> None:
    assert played["messages"]
    assert [error.message for error in Draft202012Validator(schema).iter_errors(played)] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "reed"), ("priority", "urgent"), ("message_id", "MSG-1"), ("to_agents", []), ("statsu", "read")],
)
def test_it_refuses_what_is_wrong(key: str, value: Any, schema: dict[str, Any], played: dict[str, Any]) -> None:
    message = {**played["messages"][0], key: value}

    assert not Draft202012Validator(schema).is_valid({"messages": [message]})


def test_it_knows_the_payloads_of_the_shipped_types(schema: dict[str, Any]) -> None:
    message = {"type": "clarify", "from": "dev", "to": "pm", "payload": {"context": "no question"}}

    errors = [error.message for error in Draft202012Validator(schema).iter_errors({"messages": [message]})]

    assert errors == ["'question' is a required property"]


def test_every_field_has_a_title_and_a_description(schema: dict[str, Any]) -> None:
    bare = [
        name
        for part in parts(schema)
        if part.get("type") == "object" and isinstance(part.get("properties"), dict)
        for name, field in part["properties"].items()
        if isinstance(field, dict) and "$ref" not in field and not {"title", "description"} <= field.keys()
    ]

    assert bare == []


def test_the_file_is_what_a_project_gets(schema: dict[str, Any], tmp_path: Path) -> None:
    messenger = Messenger.open(tmp_path)
    messenger.init()

    assert json.loads((messenger.project.folder / "queue.schema.json").read_text()) == schema
