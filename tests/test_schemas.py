"""The shipped JSON Schemas are schemas, say what they are to an editor, and reach nothing but each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bmad_messenger.message import KEY_ORDER, parse_time
from bmad_messenger.schemas import BASE, DIALECT, schema_violations, shipped_validator, validator_of, violations
from bmad_messenger.shipped import shipped

FOLDER = shipped("schemas")
NAMES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.schema.json"))


def read(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return schema


def subschemas(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema that an editor may show: those of properties, items and definitions."""
    for key in ("properties", "patternProperties", "$defs"):
        for name, part in schema.get(key, {}).items():
            yield f"{path}/{name}", part
            yield from subschemas(part, f"{path}/{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield f"{path}/{key}", schema[key]
            yield from subschemas(schema[key], f"{path}/{key}")


@pytest.mark.parametrize("name", NAMES)
def test_shipped_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(read(name))


@pytest.mark.parametrize("name", NAMES)
def test_references_of_a_shipped_schema_lead_somewhere(name: str) -> None:
    assert schema_violations(read(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_shipped_schema_says_where_it_lives(name: str) -> None:
    schema = read(name)

    assert (schema["$schema"], schema["$id"]) == (DIALECT, f"{BASE}{name}")


@pytest.mark.parametrize("name", NAMES)
def test_an_editor_finds_words_for_everything(name: str) -> None:
    schema = read(name)
    parts = [(name, schema), *((place, part) for place, part in subschemas(schema, name) if not is_pointer(part))]

    assert [place for place, part in parts if not (part.get("title") and part.get("description"))] == []


def is_pointer(part: dict[str, Any]) -> bool:
    """Whether the words stand where a reference leads, or in the definitions that it joins."""
    return list(part) in (["$ref"], ["allOf"]) or "$ref" in part.get("then", {})


@pytest.mark.parametrize("name", NAMES)
def test_every_value_of_an_enumeration_is_described(name: str) -> None:
    for place, part in subschemas(read(name), name):
        if "enum" in part:
            assert len(part.get("enumDescriptions", ())) == len(part["enum"]), place


def test_the_message_schema_knows_the_keys_of_the_file() -> None:
    assert tuple(read("message.schema.json")["$defs"]["envelope"]["properties"]) == KEY_ORDER


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("payload/")])
def test_the_example_of_a_payload_is_valid(name: str) -> None:
    schema = read(name)

    assert violations(validator_of(schema), schema["examples"][0]) == []


@pytest.mark.parametrize(
    "time",
    [
        "2025-01-15T10:30:00Z",
        "2025-01-15T10:30:00.5+01:00",
        "2024-02-29T23:59:59-00:00",
    ],
)
def test_a_time_that_the_schema_allows_can_be_read(time: str) -> None:
    assert violations(validator_of({"format": "date-time"}), time) == []
    assert parse_time(time).tzinfo is not None


@pytest.mark.parametrize(
    "time",
    [
        "tomorrow",
        "2025-01-15",
        "2025-01-15T10:30:00",
        "2025-02-30T10:30:00Z",
        "2025-01-15T25:00:00Z",
        "2025-01-15T10:30:00Z\n",
        "0001-01-01T00:00:00+05:00",
        "\uff12025-01-15T10:30:00Z",
        "",
    ],
)
def test_what_is_no_time_is_refused(time: str) -> None:
    (finding,) = violations(validator_of({"format": "date-time"}), time)

    assert "wanted a date and time with its zone, such as 2025-01-15T10:30:00Z" in finding.message


@pytest.mark.parametrize("uri", ["https://example.com/a?b=c#d", "mailto:pm@example.com", "urn:isbn:12", "x:%20"])
def test_a_uri_is_accepted(uri: str) -> None:
    assert violations(validator_of({"format": "uri"}), uri) == []


@pytest.mark.parametrize("uri", ["example.com", "https://a b", "https://a\n", "", "://x", "x:%zz", "https://ä.de"])
def test_what_is_no_uri_is_refused(uri: str) -> None:
    (finding,) = violations(validator_of({"format": "uri"}), uri)

    assert "wanted a URI such as https://example.com" in finding.message


def test_formats_are_asked_of_text_alone() -> None:
    assert violations(validator_of({"format": "date-time"}), 5) == []
    assert violations(validator_of({"format": "uri"}), None) == []


@pytest.mark.parametrize(
    "reference",
    [
        "http://example.com/x.json",
        "https://bmad-messenger.dev/schemas/none.schema.json",
        "https://bmad-messenger.dev/schemas/../../etc/passwd",
        "file:///etc/passwd",
        "other.schema.json",
        "#/$defs/none",
    ],
)
def test_a_reference_to_elsewhere_is_refused(reference: str) -> None:
    (finding,) = schema_violations({"properties": {"a": {"$ref": reference}}})

    assert finding.path == ("properties", "a", "$ref")
    assert "nothing is fetched from the network" in finding.message


def test_a_schema_may_use_the_shipped_ones_and_itself() -> None:
    schema = {
        "properties": {
            "agent": {"$ref": f"{BASE}common.schema.json#/$defs/agent"},
            "own": {"$ref": "#/$defs/own"},
            "embedded": {"$ref": "https://example.com/inner/a.json"},
        },
        "$defs": {
            "own": {"type": "string"},
            "inner": {
                "$id": "https://example.com/inner/a.json",
                "$ref": "#/$defs/b",
                "$defs": {"b": {"type": "string"}},
            },
        },
    }

    assert schema_violations(schema) == []
    value = {"agent": "../x", "own": 1, "embedded": 2}
    assert [finding.path for finding in violations(validator_of(schema), value)] == [
        ("agent",),
        ("own",),
        ("embedded",),
    ]


def test_a_value_that_looks_like_a_reference_is_none() -> None:
    assert schema_violations({"const": {"$ref": "http://example.com"}, "examples": [{"$ref": "x"}]}) == []


def test_a_schema_that_refers_to_itself_without_end_is_reported() -> None:
    (finding,) = violations(validator_of({"$ref": "#"}), {})

    assert finding.message == "the schema refers to itself without end"


@pytest.mark.parametrize("schema", [True, [], "x", None])
def test_a_schema_is_a_mapping(schema: Any) -> None:
    (finding,) = schema_violations(schema)

    assert finding.message.startswith("wanted a mapping")


@pytest.mark.parametrize("dialect", ["http://json-schema.org/draft-07/schema#", 5])
def test_another_dialect_is_refused(dialect: Any) -> None:
    (finding,) = schema_violations({"$schema": dialect})

    assert finding.path == ("$schema",)
    assert DIALECT in finding.message


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "strin"}, ("type",)),
        ({"properties": {"a": {"pattern": "("}}}, ("properties", "a", "pattern")),
        ({"required": "a"}, ("required",)),
    ],
)
def test_what_is_no_schema_is_reported_where_it_is_wrong(schema: Any, path: tuple[str, ...]) -> None:
    assert [finding.path for finding in schema_violations(schema)] == [path]


QUEUE = {"message_id": "MSG-20250115-a1b2", "priority": "high", "created": "2025-01-15T10:30:00Z", "status": "pending"}
TYPED = {"type": "notify", "from": "pm", "to_agents": ["dev"], "payload": {"message": "x"}}


@pytest.mark.parametrize("queue", [{"messages": None}, {"messages": []}, {"messages": [TYPED, {**QUEUE, **TYPED}]}])
def test_an_editor_accepts_the_queue(queue: Any) -> None:
    assert violations(shipped_validator("queue.schema.json"), queue) == []


@pytest.mark.parametrize("queue", [None, [], {}, {"messages": {}}, {"messages": [1]}])
def test_an_editor_refuses_what_is_no_queue(queue: Any) -> None:
    assert violations(shipped_validator("queue.schema.json"), queue) != []


def test_an_editor_sees_the_payload_of_a_shipped_type() -> None:
    queue = {"messages": [{**TYPED, "payload": {"mesage": "x"}}]}

    (finding,) = violations(shipped_validator("queue.schema.json"), queue)

    assert finding.path == ("messages", 0, "payload", "message")


def test_an_editor_does_not_ask_a_routed_message_for_the_type_s_fields() -> None:
    message = {"type": "handoff", "from": "pm", "to": "dev", "route": "a", "payload": {"b": 1}}

    assert violations(shipped_validator("queue.schema.json"), {"messages": [message]}) == []


def test_an_archived_message_is_complete() -> None:
    archived = shipped_validator("message.schema.json")

    assert violations(archived, {**QUEUE, **TYPED}) == []
    assert {finding.path[0] for finding in violations(archived, TYPED)} == set(QUEUE)


def test_routes_file_names_its_schema_for_editors() -> None:
    path = shipped("workflows/routes.yaml")
    first = path.read_text(encoding="utf-8").splitlines()[0]
    _, _, target = first.partition("# yaml-language-server: $schema=")

    assert Path(path.parent, target).resolve() == (FOLDER / "routes.schema.json").resolve()
