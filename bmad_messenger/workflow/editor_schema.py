"""The JSON Schema of a workflow as an editor of one project wants it: with its tasks, agents, types and routes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bmad_messenger.messenger import Messenger
from bmad_messenger.shipped import shipped
from bmad_messenger.task_parameters import Parameters, parameters_of
from bmad_messenger.tasks import BUILT_IN, summary_of, tasks_of

_EXPRESSION: Final = {"type": "string", "pattern": r"\{[{%]"}


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
            "then": _given(parameters_of(task), known if name in BUILT_IN else {}),
        }
        for name, task in found.items()
    ]
    schema["$defs"]["agent"]["anyOf"] = [{"enum": [*messenger.config.agents]}, _EXPRESSION]
    return schema


def _given(takes: Parameters, known: Mapping[str, list[str]]) -> dict[str, Any]:
    """What is asked of a step that runs a task."""
    required = [name for name, one in takes.by_name.items() if one.is_required]
    params = {
        "properties": {name: _param(name, one.schema, known) for name, one in takes.by_name.items()},
        "required": required,
        "additionalProperties": takes.is_open,
    }
    return {"properties": {"with": params}, **({"required": ["with"]} if required else {})}


def _param(name: str, schema: Mapping[str, Any], known: Mapping[str, list[str]]) -> dict[str, Any]:
    if name in known:
        return {"anyOf": [{"enum": known[name]}, _EXPRESSION]}
    return {"anyOf": [schema, _EXPRESSION]} if schema else {}
