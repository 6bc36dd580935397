"""The JSON Schema of a workflow as an editor of one project wants it: with its tasks, agents, types and routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bmad_messenger.messenger import Messenger
from bmad_messenger.shipped import shipped
from bmad_messenger.tasks import Parameter, parameters_of, summary_of, tasks_of

_EXPRESSION: Final = {"type": "string", "pattern": r"\{\{"}
_TYPES: Final = {"str": ["string", "number", "boolean"], "int": "integer", "float": "number", "bool": "boolean"}


def schema_for(messenger: Messenger) -> dict[str, Any]:
    """The schema; where a value is an expression, nothing else is asked of it."""
    schema: dict[str, Any] = json.loads(shipped("schemas/workflow.schema.json").read_text("utf-8"))
    step = schema["$defs"]["step"]
    found = tasks_of(messenger)
    step["properties"]["exec"]["anyOf"] = [
        {"const": name, "description": summary_of(task)} for name, task in found.items()
    ]
    known = {
        "type": [*messenger.types.names],
        "type_filter": [*messenger.types.names],
        "route": [*messenger.routes.by_id],
        **{name: [*messenger.config.agents] for name in ("agent", "from_agent", "to_agent")},
    }
    step["allOf"] = [
        {
            "if": {"properties": {"exec": {"const": name}}, "required": ["exec"]},
            "then": {"properties": {"with": _params(parameters_of(task), known)}},
        }
        for name, task in found.items()
    ]
    schema["$defs"]["agent"]["anyOf"] = [{"enum": [*messenger.config.agents]}, _EXPRESSION]
    return schema


def _params(takes: Mapping[str, Parameter], known: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "properties": {name: _param(name, one, known) for name, one in takes.items()},
        "required": [name for name, one in takes.items() if one.is_required],
        "additionalProperties": False,
    }


def _param(name: str, one: Parameter, known: Mapping[str, list[str]]) -> dict[str, Any]:
    if name in known:
        return {"anyOf": [{"enum": known[name]}, _EXPRESSION]}
    return {} if one.kind is None else {"anyOf": [{"type": _TYPES[one.kind]}, _EXPRESSION]}
