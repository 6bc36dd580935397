"""The message types of a project, and whether a message keeps to its type and its route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, InvalidError, Problem, StorageError
from bmad_messenger.files import read_text, refusals
from bmad_messenger.findings import Finding, Source, near_misses, nearest, report, show, unknown_key
from bmad_messenger.message import SHIPPED_TYPES, Priority
from bmad_messenger.project_files import check_document
from bmad_messenger.routes import Route, Routes
from bmad_messenger.schemas import SUFFIX, read_schema, shipped_validator, validator_of, violations
from bmad_messenger.yaml.parse import Document, parse_located

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_LARGEST: Final = 1_048_576  # bytes of a schema


@dataclass(frozen=True, slots=True)
class MessageTypes:
    """Every type a message may have: the shipped ones, those of plugins, and those of the project, which win.

    `added` holds the payload schemas that plugins bring, `files` those of the project. A schema is read, and one that
    is not shipped is checked, when its type is first asked for.
    """

    added: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    project: Project | None = None
    _schemas: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _validators: dict[tuple[str, bool], Draft202012Validator] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def load(cls, project: Project | None = None, added: Mapping[str, Mapping[str, Any]] | None = None) -> MessageTypes:
        """The types that `project` and plugins (`added`) make up, with the shipped ones."""
        files: list[Path] = []
        if project:
            with refusals("read", project.name(project.schemas)):
                files = sorted(project.schemas.glob(f"*{SUFFIX}"))
        return cls(added or {}, {file.name.removesuffix(SUFFIX): file for file in files}, project)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all types, the shipped ones first."""
        return tuple(dict.fromkeys((*SHIPPED_TYPES, *self.added, *self.files)))

    def schema_of(self, type: str) -> Mapping[str, Any]:
        """The JSON Schema of the type's payload.

        Raises:
            InvalidError: where there is no such type, naming the nearest; or where its schema is none.
        """
        if type not in self._schemas:
            self._schemas[type] = self._load(type)
        return self._schemas[type]

    def default_priority(self, type: str) -> Priority:
        """The priority of a message of that type unless its sender gives one (reference: Priority Levels)."""
        return Priority.parse(self.schema_of(type).get("default_priority", Priority.MEDIUM.label))

    def example(self, type: str) -> dict[str, Any]:
        """A payload that shows what the type holds: its schema's first example."""
        example: Any = next(iter(self.schema_of(type).get("examples", ())), {})
        return dict(example) if isinstance(example, Mapping) else {}

    def check_payload(self, type: str, payload: Any, route: Route | None = None) -> tuple[Problem, ...]:
        """Everything that is wrong with a payload, together.

        On a route that names payload fields, those fields are required, and none of the type's own is.

        Raises:
            InvalidError: where there is no such type.
        """
        return report(self.payload_findings(type, payload, route))

    def payload_findings(self, type: str, payload: Any, route: Route | None) -> Iterator[Finding]:
        """What `check_payload` reports, with the path of each finding inside the message."""
        at = ("payload",)
        if not isinstance(payload, Mapping):
            yield Finding(at, f"payload: wanted a mapping, found {show(payload)}")
            return
        for key in payload:
            if not isinstance(key, str):
                yield Finding(at, f"payload: wanted keys that are text, found {show(key)}")
                return
        fields = route.payload if route else {}
        findings = violations(self._validator(type, routed=bool(fields)), payload, at)
        if fields:
            findings += violations(validator_of({"properties": fields, "required": [*fields]}), payload, at)
        known = {**self.schema_of(type).get("properties", {}), **fields}
        near = near_misses((key for key in payload if key not in known), known, payload)
        yield from (unknown_key(at, key, meant) for key, meant in near.items())
        yield from (f for f in findings if not (f.missing and f.path[1:] in {(meant,) for meant in near.values()}))

    def _validator(self, type: str, *, routed: bool) -> Draft202012Validator:
        if (type, routed) not in self._validators:
            schema = dict(self.schema_of(type))
            if routed:  # the route says what has to be there
                schema.pop("required", None)
            self._validators[type, routed] = validator_of(schema)
        return self._validators[type, routed]

    def _load(self, type: str) -> Mapping[str, Any]:
        if type in self.files:
            return self._read(type, self.files[type])
        if type in self.added:
            problems = check_document("type", Document(self.added[type]), f"the plugin's type {type}")
            if problems:
                raise InvalidError.of(problems, f"the schema of the type {type!r}")
            return self.added[type]
        if type in SHIPPED_TYPES:
            return read_schema(f"payload/{type}")
        known = f"{nearest(type, self.names)}the types are {', '.join(self.names)}"
        raise InvalidError(f"there is no message type {show(type)}", hint=known)

    def _read(self, type: str, file: Path) -> Mapping[str, Any]:
        name = self.project.name(file) if self.project else str(file)
        try:
            text = read_text(file, name, _LARGEST)
        except StorageError:
            raise
        except DamagedError as error:  # what is wrong is the type alone
            raise InvalidError.of((error.problem,), "") from None
        if text is None:
            raise InvalidError(f"{name} leads nowhere", hint="mend the link, or delete it", path=name)
        document = parse_located(text, path=name)
        problems = check_document("type", document, name)
        if problems:
            raise InvalidError.of(problems, f"the schema of the type {type!r}")
        schema: Mapping[str, Any] = document.value
        return schema


def check_message(
    mapping: Any, types: MessageTypes, routes: Routes, *, complete: bool = True, source: Source | None = None
) -> tuple[Problem, ...]:
    """Everything that is wrong with a message as the file has it, its payload included.

    Args:
        mapping: the message under the file's keys.
        types: the project's types.
        routes: the project's routes.
        complete: whether id, priority, date and status must be there; not so in a message that was typed in by hand.
        source: the text it came from, for file, line and column.
    """
    return report(_message_findings(mapping, types, routes, complete), source)


def _message_findings(mapping: Any, types: MessageTypes, routes: Routes, complete: bool) -> Iterator[Finding]:
    if not isinstance(mapping, Mapping):
        yield Finding((), f"a message is a mapping of keys, this is {show(mapping)}")
        return
    form = "stored" if complete else "envelope"
    yield from violations(shipped_validator(f"message.schema.json#/$defs/{form}"), mapping)
    type, name, payload = mapping.get("type"), mapping.get("route"), mapping.get("payload")
    route = None
    if isinstance(name, str):
        try:
            route = routes.get(name)
        except InvalidError as error:
            yield Finding(("route",), f"route: {error.problem.message}", error.problem.hint)
    if isinstance(type, str):
        try:
            types.schema_of(type)
        except InvalidError as error:
            yield Finding(("type",), f"type: {error.problem.message}", error.problem.hint)
        else:
            if isinstance(payload, Mapping):  # what else it may be, the envelope's schema has reported
                yield from types.payload_findings(type, payload, route)
