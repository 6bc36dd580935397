"""What is wrong with a step that runs a task, as far as its file tells: parameters, agents, types, routes, payloads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.command_task import allowed_words
from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.findings import Finding
from bmad_messenger.messenger import Messenger
from bmad_messenger.outbox import Outbox, priority_of, read_payload, status_of, time_of
from bmad_messenger.routes import Route
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.task_parameters import parameters_of
from bmad_messenger.tasks import BUILT_IN, agents_of, draft_of, tasks_of
from bmad_messenger.workflow.expressions import texts_in
from bmad_messenger.workflow.model import COMMAND, SEND, Step
from bmad_messenger.yaml.parse import Path

_AGENT_PARAMS: Final = ("from_agent", "to_agent", "agent")


def is_open(value: Any) -> bool:
    """Whether a value is only known when it runs."""
    return next(texts_in(value), None) is not None


def refused(at: Path, check: Callable[..., Any], *values: Any) -> Iterator[Finding]:
    """What a check says against values, at their place."""
    try:
        check(*values)
    except MessengerError as error:
        for problem in error.problems or (error.problem,):
            yield Finding(at, problem.message, problem.hint)


class TaskChecker:
    """Checks the tasks of steps against one project."""

    def __init__(self, messenger: Messenger) -> None:
        self.messenger = messenger
        self.tasks = tasks_of(messenger)

    def task(self, step: Step) -> Iterator[Finding]:
        """What is wrong with the task that a step runs and the parameters that it gives it."""
        task, at = self.tasks.get(step.what), (*step.at, "with")
        if task is None:
            near = get_close_matches(step.what, self.tasks, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the tasks are {', '.join(self.tasks)}"
            yield Finding((*step.at, "exec"), f"there is no task {step.what!r}", hint)
            return
        try:
            takes = parameters_of(task)
        except InvalidError as error:
            yield Finding((*step.at, "exec"), error.problem.message, error.problem.hint)
            return
        unknown = {name for name, value in step.params.items() if is_open(value)}
        found = [*takes.findings(step.what, step.params, unknown, at)]
        found += self._values(step.params, at) if step.what in BUILT_IN else ()
        if step.what == SEND:
            found += self._sent(step.params, at)
        yield from found
        if found or unknown:
            return
        if takes.schema is not None:
            yield from violations(validator_of(takes.schema), step.params, at)
        elif step.what == SEND and "reply_to" not in step.params:
            yield from refused(at, self._compose, step.params)
        elif step.what == COMMAND:
            allowed = self.messenger.config.allowed_commands
            yield from refused((*at, "command"), allowed_words, step.params["command"], allowed)

    def message(self, wanted: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with the description of a message: agents, type and route that there are not."""
        yield from self.agents(wanted, at, ("from", "to"))
        yield from self._known(wanted, at, "type", self.messenger.types.schema_of)
        yield from self._known(wanted, at, "route", self.messenger.routes.get)

    def agents(self, values: Mapping[str, Any], at: Path, keys: Sequence[str] = ("agent",)) -> Iterator[Finding]:
        """The agents that are not on the roster."""
        for key in keys:
            yield from self._known(values, at, key, self.messenger.config.require_agent)

    def _values(self, params: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with single values that a built-in task is given."""
        yield from self.agents(params, at, _AGENT_PARAMS)
        yield from self._known(params, at, "to_agents", self._recipients)
        yield from self._known(params, at, "priority", priority_of)
        yield from self._known(params, at, "status", status_of)
        yield from self._known(params, at, "expires", time_of)
        yield from self._known(params, at, "type_filter", self.messenger.types.schema_of)

    def _known(self, values: Mapping[str, Any], at: Path, key: str, check: Callable[[Any], Any]) -> Iterator[Finding]:
        value = values.get(key)
        if value is not None and isinstance(value, str | list) and not is_open(value):
            yield from refused((*at, key), check, value)

    def _recipients(self, value: Any) -> None:
        agents = agents_of(value)
        for agent in agents if isinstance(agents, tuple) else ():
            self.messenger.config.require_agent(agent)

    def _sent(self, params: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with the payload of a message that a step is to send, as far as it is known."""
        yield from self._known(params, at, "type", self.messenger.types.schema_of)
        routes: tuple[Route, ...] = ()
        name = params.get("route")
        if isinstance(name, str) and not is_open(name):
            try:
                routes = self.messenger.routes.select(name)
            except MessengerError as error:
                yield Finding((*at, "route"), error.problem.message, error.problem.hint)
        payload, kind = params.get("payload", {}), params.get("type") or (routes[0].types[0] if routes else None)
        if isinstance(payload, str):
            if is_open(payload):
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
        unknown = {("payload", *path) for path, _ in texts_in(payload)}
        for finding in self.messenger.types.payload_findings(kind, payload, route):
            if not any(finding.path[:length] in unknown for length in range(len(finding.path) + 1)):
                yield finding._replace(path=(*at, *finding.path))

    def _compose(self, params: Mapping[str, Any]) -> None:
        """Check a message that is known in full by every rule; what only warns is for when it is sent."""
        messenger = self.messenger
        outbox = Outbox(messenger.project.root, messenger.config, messenger.types, messenger.routes)
        draft = draft_of(messenger, **{name: value for name, value in params.items() if name != "strict"})
        for message in outbox.compose(draft, messages.now()):
            outbox.check(message)
