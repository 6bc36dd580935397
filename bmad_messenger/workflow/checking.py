"""What is wrong with a workflow in its project: tasks, agents, types, routes and payloads that there are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.findings import Finding, Source, report, unknown_key
from bmad_messenger.messenger import Messenger
from bmad_messenger.outbox import priority_of, read_payload
from bmad_messenger.routes import Route
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.tasks import as_wanted, parameters_of, tasks_of
from bmad_messenger.workflow.expressions import texts_in
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import RECEIVE, SEND, Step, Workflow
from bmad_messenger.yaml.parse import Path

_AGENT_PARAMS: Final = ("from_agent", "to_agent", "agent")


def problems_in(workflow: Workflow, source: Source, messenger: Messenger, library: Library) -> tuple[Problem, ...]:
    """Everything that can be known to be wrong before a run begins, each with its place in the file."""
    return report(_Checker(messenger, library).workflow(workflow), source)


class _Checker:
    """Checks against one project; a value with an expression in it is only known when it runs, and is let pass."""

    def __init__(self, messenger: Messenger, library: Library) -> None:
        self.messenger, self.library = messenger, library
        self.tasks = tasks_of(messenger)

    def workflow(self, workflow: Workflow) -> Iterator[Finding]:
        yield from self._agents({"agent": workflow.agent}, ())
        if workflow.trigger is not None:
            yield from self._message(workflow.trigger, ("on", "message"))
        for step in workflow.all_steps:
            if step.kind == "exec":
                yield from self._exec(step)
            elif step.kind == "workflow":
                yield from self._nested(step)
            elif step.kind == "ask":
                yield from self._agents(step.what, (*step.at, "ask"), ("of", "from"))
            elif "message" in step.what:
                yield from self._message(step.what["message"], (*step.at, "wait", "message"))

    def _exec(self, step: Step) -> Iterator[Finding]:
        task = self.tasks.get(step.what)
        if task is None:
            yield Finding((*step.at, "exec"), f"there is no task {step.what!r}", _near(step.what, self.tasks))
            return
        takes = parameters_of(task)
        for name, value in step.params.items():
            if name not in takes:
                near = get_close_matches(name, takes, n=1)
                yield unknown_key((*step.at, "with"), name, near[0] if near else None, takes)
            elif not _is_open(value):
                yield from _refused((*step.at, "with", name), as_wanted, name, value, takes[name].kind)
        for name, one in takes.items():
            if one.is_required and name not in step.params:
                yield Finding((*step.at, "with"), f"{step.what} needs the parameter {name!r}", f"add `{name}`")
        at = (*step.at, "with")
        yield from self._agents(step.params, at, _AGENT_PARAMS)
        if "priority" in step.params and step.what in (SEND, RECEIVE) and not _is_open(step.params["priority"]):
            yield from _refused((*at, "priority"), priority_of, step.params["priority"])
        if step.what == RECEIVE:
            yield from self._type(step.params.get("type_filter"), (*at, "type_filter"))
        elif step.what == SEND:
            yield from self._sent(step.params, at)

    def _sent(self, params: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with a message that a step is to send, as far as the file tells."""
        yield from self._type(params.get("type"), (*at, "type"))
        routes: tuple[Route, ...] = ()
        name = params.get("route")
        if isinstance(name, str) and not _is_open(name):
            try:
                routes = self.messenger.routes.select(name)
            except MessengerError as error:
                yield Finding((*at, "route"), error.problem.message, error.problem.hint)
        payload, kind = params.get("payload", {}), params.get("type") or (routes[0].types[0] if routes else None)
        if isinstance(payload, str):
            if _is_open(payload):
                return
            try:
                payload = read_payload(payload, self.messenger.config.limits.payload_bytes)
            except MessengerError as error:
                yield Finding((*at, "payload"), error.problem.message, error.problem.hint)
                return
        if isinstance(kind, str) and kind in self.messenger.types.names and isinstance(payload, Mapping):
            for route in routes or (None,):
                yield from self._payload(kind, payload, route, at)

    def _payload(self, kind: str, payload: Mapping[str, Any], route: Route | None, at: Path) -> Iterator[Finding]:
        is_open = {("payload", *path) for path, _ in texts_in(payload)}
        for finding in self.messenger.types.payload_findings(kind, payload, route):
            if not any(finding.path[:length] in is_open for length in range(len(finding.path) + 1)):
                yield finding._replace(path=(*at, *finding.path))

    def _nested(self, step: Step) -> Iterator[Finding]:
        try:
            nested, _ = self.library.read(step.what)
        except MessengerError as error:
            where = f" ({error.problem.where})" if error.problem.path else ""
            yield Finding((*step.at, "workflow"), f"{error.problem.message}{where}", error.problem.hint)
            return
        at = (*step.at, "with")
        for name, value in step.params.items():
            if name not in nested.params:
                yield unknown_key(
                    at, name, next(iter(get_close_matches(name, nested.params, n=1)), None), nested.params
                )
            elif not any(True for _ in texts_in(value)):
                yield from violations(validator_of(nested.params[name]), value, (*at, name))
        for name, schema in nested.params.items():
            if "default" not in schema and name not in step.params:
                yield Finding(at, f"the workflow {nested.name} needs the parameter {name!r}", f"add `{name}`")

    def _message(self, wanted: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        yield from self._agents(wanted, at, ("from", "to"))
        yield from self._type(wanted.get("type"), (*at, "type"))
        route = wanted.get("route")
        if route is not None and not _is_open(route):
            yield from _refused((*at, "route"), self.messenger.routes.get, route)

    def _agents(self, values: Mapping[str, Any], at: Path, keys: Sequence[str] = ("agent",)) -> Iterator[Finding]:
        for key in keys:
            name = values.get(key)
            if isinstance(name, str) and not _is_open(name):
                yield from _refused((*at, key), self.messenger.config.require_agent, name)

    def _type(self, name: Any, at: Path) -> Iterator[Finding]:
        if isinstance(name, str) and not _is_open(name):
            yield from _refused(at, self.messenger.types.schema_of, name)


def _refused(at: Path, check: Callable[..., Any], *values: Any) -> Iterator[Finding]:
    """What a check says against a value, at its place."""
    try:
        check(*values)
    except MessengerError as error:
        yield Finding(at, error.problem.message, error.problem.hint)


def _is_open(value: Any) -> bool:
    """Whether a value is only known when it runs."""
    return next(texts_in(value), None) is not None


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the tasks are {', '.join(known)}"
