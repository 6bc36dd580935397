"""`routes`, `types` and `agents`: what may be sent, by whom, with which payload."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import write, write_json, write_table
from bmad_messenger.errors import UsageError
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.messenger import Messenger
from bmad_messenger.yaml.render import render_mapping

Example = Annotated[bool, typer.Option("--example", help="Print an example payload, fit for --payload -.")]


def routes(
    route: Annotated[
        str | None, typer.Argument(help="A route's id, to see its payload.", autocompletion=complete.routes)
    ] = None,
    example: Example = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """List who hands what to whom, or show one route.

    \b
    Example:
      bmad-messenger routes prd-complete --example |
        bmad-messenger send-message --route prd-complete --payload -
    """
    _require_name(route, example)
    known = Messenger.open(project, report=warn).routes
    if route is not None:
        chosen = known.get(route)
        if example:
            _write_payload(chosen.example(), as_json)
        elif as_json:
            write_json(chosen.to_mapping())
        else:
            write(f"{chosen.id}: {chosen.trigger}, {chosen.from_agent} to {chosen.to_agent}\n\n")
            _write_fields(chosen.payload, chosen.payload)
    elif as_json:
        write_json({"routes": [one.to_mapping() for one in known]})
    else:
        columns = ("id", "phase", "from", "to", "trigger", "types", "payload")
        rows = [
            (one.id, one.phase, one.from_agent, one.to_agent, one.trigger, ", ".join(one.types), ", ".join(one.payload))
            for one in known
        ]
        write_table(columns, rows, empty="No routes.")


def types(
    type: Annotated[
        str | None, typer.Argument(help="A type's name, to see its payload.", autocompletion=complete.types)
    ] = None,
    example: Example = False,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """List the message types, or show one.

    \b
    Example:
      bmad-messenger types clarify --example |
        bmad-messenger send-message --type clarify --from dev --to architect --payload -
    """
    _require_name(type, example)
    known = Messenger.open(project, report=warn).types
    if type is not None:
        if example:
            _write_payload(known.example(type), as_json)
        elif as_json:
            write_json({**_type_document(known, type), "schema": known.schema_of(type), "example": known.example(type)})
        else:
            schema = known.schema_of(type)
            write(f"{type}: {schema.get('description', '')}\n\n")
            _write_fields(schema.get("properties", {}), schema.get("required", ()))
    else:
        documents = [_type_document(known, name) for name in known.names]
        if as_json:
            write_json({"types": documents})
        else:
            rows = [(one["name"], one["priority"], ", ".join(one["fields"]), one["description"]) for one in documents]
            write_table(("type", "priority", "payload", "for"), rows, empty="No types.")


def agents(as_json: Json = False, project: Project = None) -> None:
    """List who can send and receive, and on which routes.

    \b
    Example:
      bmad-messenger agents
    """
    messenger = Messenger.open(project, report=warn)
    documents = [
        {
            "name": agent,
            "sends": [route.id for route in messenger.routes if route.from_agent == agent],
            "receives": [route.id for route in messenger.routes if route.to_agent == agent],
        }
        for agent in messenger.config.agents
    ]
    if as_json:
        write_json({"agents": documents})
    else:
        rows = [(str(one["name"]), ", ".join(one["sends"]), ", ".join(one["receives"])) for one in documents]
        write_table(("agent", "sends", "receives"), rows, empty="No agents.")


def _require_name(name: str | None, example: bool) -> None:
    if example and name is None:
        raise UsageError("--example needs a name", hint="give one of those that are listed without it")


def _write_payload(payload: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(payload)
    else:
        write("".join(f"{line}\n" for line in render_mapping(payload, 0)))


def _type_document(known: MessageTypes, name: str) -> dict[str, Any]:
    schema = known.schema_of(name)
    return {
        "name": name,
        "description": schema.get("description", ""),
        "priority": known.default_priority(name).label,
        "fields": [*schema.get("properties", {})],
    }


def _write_fields(fields: Mapping[str, Any], required: Any) -> None:
    rows = []
    for name, schema in fields.items():
        kinds = schema.get("type", "") if isinstance(schema, Mapping) else ""
        kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
        description = schema.get("description", "") if isinstance(schema, Mapping) else ""
        rows.append((name, kind, "yes" if name in required else "no", description))
    write_table(("field", "type", "required", "meaning"), rows, empty="Any payload.")
