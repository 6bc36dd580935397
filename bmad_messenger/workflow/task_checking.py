"""What is wrong with a step that runs a task, as far as its file tells: parameters, agents, types, routes, payloads."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches
from functools import cache, cached_property
from itertools import takewhile
from pathlib import Path as FilePath
from typing import Any, Final

from bmad_messenger import message as messages
from bmad_messenger.command_task import allowed_words
from bmad_messenger.config import USER
from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.findings import Finding, show
from bmad_messenger.inbox import Wanted
from bmad_messenger.message import Draft, Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.outbox import Outbox, priority_of, read_payload, status_of, time_of
from bmad_messenger.practices import broken_rules
from bmad_messenger.routes import Route
from bmad_messenger.schemas import validator_of, violations
from bmad_messenger.task_parameters import Parameters, as_wanted, parameters_of
from bmad_messenger.tasks import BUILT_IN, agents_of, draft_of, tasks_of
from bmad_messenger.workflow.answers import how_to_answer
from bmad_messenger.workflow.expressions import holds_expression, texts_in
from bmad_messenger.workflow.model import CLOSE, COMMAND, RECEIVE, SEND, Step
from bmad_messenger.yaml.parse import Path

_AGENT_PARAMS: Final = ("from_agent", "to_agent", "agent")
_PARAM_OF: Final = {"from": "from_agent", "to": "to_agent"}
"""The parameters of `send-message` that a message's file has by another name."""

_MISSING_FILE: Final = "best-practice-3"
"""The code of the warning for a document that there is not: a step before may write it."""


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
        self.parameters = cache(parameters_of)
        self._heads: set[str] = set()

    def task(self, step: Step, *, is_start: bool = False) -> Iterator[Finding]:
        """What is wrong with the task that a step runs and the parameters that it gives it.

        Args:
            step: the step.
            is_start: whether a run is about to begin: then messages that it names have to be there.
        """
        task, at = self.tasks.get(step.what), (*step.at, "with")
        if task is None:
            near = get_close_matches(step.what, self.tasks, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the tasks are {', '.join(self.tasks)}"
            yield Finding((*step.at, "exec"), f"there is no task {step.what!r}", hint)
            return
        try:
            takes = self.parameters(task)
        except InvalidError as error:
            yield Finding((*step.at, "exec"), error.problem.message, error.problem.hint)
            return
        unknown = {name for name, value in step.params.items() if holds_expression(value)}
        found = [*takes.findings(step.what, step.params, unknown, at)]
        if step.what in BUILT_IN:
            given = _fitting(takes, {name: value for name, value in step.params.items() if name not in unknown})
            found += self._values(given, at)
            found += self._built_in(step, given, at)
            found += [one for key in ("reply_to", "message_id") if is_start for one in self.there(given, at, key)]
            if step.what == SEND and not found:
                found += self._composed(step.params, at)
        elif takes.schema is not None and not found and not unknown:
            found += violations(validator_of(takes.schema), _fitting(takes, step.params), at)
        yield from found

    def message(self, wanted: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with the description of a message: agents, type and route that there are not."""
        yield from self.agents(wanted, at, ("from", "to"))
        yield from self._known(wanted, at, "type", self.messenger.types.schema_of)
        yield from self._known(wanted, at, "route", self.messenger.routes.get)

    def agents(self, values: Mapping[str, Any], at: Path, keys: Sequence[str] = ("agent",)) -> Iterator[Finding]:
        """The agents that are not on the roster."""
        for key in keys:
            yield from self._known(values, at, key, self.messenger.config.require_agent)

    def there(self, values: Mapping[str, Any], at: Path, key: str) -> Iterator[Finding]:
        """What is wrong with the id of a message that has to be there."""
        yield from self._known(values, at, key, self.messenger.get)

    def question(self, what: Mapping[str, Any], asker: str, at: Path) -> Iterator[Finding]:
        """What is wrong with the message that asks a question, where it is known; `asker` asks where no other does."""
        if holds_expression(what):
            return
        payload = {
            "issue": what["question"],
            "severity": "blocker",
            "recommendation": how_to_answer(what),
            "impact": "The run waits",
        }
        payload |= {key: what[key] for key in ("options", "form") if key in what}
        draft = Draft("escalate", what.get("from") or asker, what.get("of", USER), payload=payload)
        yield from refused(at, lambda: [self.outbox.check(one) for one in self.outbox.compose(draft, messages.now())])

    @cached_property
    def outbox(self) -> Outbox:
        """The rules for what is sent."""
        messenger = self.messenger
        return Outbox(messenger.project.root, messenger.config, messenger.types, messenger.routes)

    def _built_in(self, step: Step, given: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with what a built-in task is given: `given` are the parameters that are known."""
        if step.what == SEND:
            yield from self._sent(step.params, at)
        elif step.what == RECEIVE and given.get("limit") is not None:
            yield from refused((*at, "limit"), lambda: Wanted("", limit=given["limit"]))
        elif step.what == CLOSE:
            yield from self._known(given, at, "status", _closing)
        elif step.what == COMMAND:
            yield from self._command(step.params.get("command"), (*at, "command"))
            yield from self._surroundings(given, at)

    def _command(self, command: Any, at: Path) -> Iterator[Finding]:
        """A command that is not allowed, however what is not known of it turns out."""
        allowed = self.messenger.config.allowed_commands
        if isinstance(command, str | list) and not holds_expression(command):
            yield from refused(at, allowed_words, command, allowed)
        elif words := _first_words(command):
            starts = (shlex.split(one) for one in allowed)
            if not any(start[: len(words)] == words[: len(start)] for start in starts if start):
                yield from refused(at, allowed_words, words, allowed)

    def _surroundings(self, given: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """A place or a time in which no command can run."""
        root, folder, timeout = self.messenger.project.root, given.get("folder"), given.get("timeout")
        if isinstance(folder, str) and not FilePath(os.path.realpath(root / folder)).is_relative_to(root):
            yield Finding((*at, "folder"), f"the folder {folder!r} lies outside the project", "name one inside")
        if isinstance(timeout, int | float) and timeout <= 0:
            hint = "give it at least a second"
            yield Finding((*at, "timeout"), f"timeout: wanted more than 0 seconds, found {show(timeout)}", hint)

    def _values(self, given: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with single values that a built-in task is given: `given` are those that are known."""
        yield from self.agents(given, at, _AGENT_PARAMS)
        yield from self._known(given, at, "type_filter", self.messenger.types.schema_of)
        for key, check in (("to_agents", self._recipients), ("priority", priority_of), ("expires", time_of)):
            yield from refused((*at, key), check, given.get(key))

    def _known(self, values: Mapping[str, Any], at: Path, key: str, check: Callable[[Any], Any]) -> Iterator[Finding]:
        value = values.get(key)
        if value is not None and isinstance(value, str | list) and not holds_expression(value):
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
        if isinstance(name, str) and not holds_expression(name):
            try:
                routes = self.messenger.routes.select(name)
            except MessengerError as error:
                yield Finding((*at, "route"), error.problem.message, error.problem.hint)
        payload, kind = params.get("payload", {}), params.get("type") or (routes[0].types[0] if routes else None)
        if isinstance(payload, str):
            if holds_expression(payload):
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

    def _composed(self, params: Mapping[str, Any], at: Path) -> Iterator[Finding]:
        """What is wrong with a message as a whole, as far as nothing but parts of its payload is unknown.

        What only warns is for when it is sent, but where its step is strict.
        """
        payload = params.get("payload")
        if holds_expression({name: value for name, value in params.items() if name != "payload"}) or (
            isinstance(payload, str) and holds_expression(payload)
        ):
            return
        try:
            given = {name: value for name, value in params.items() if name != "strict"}
            composed = [*self.outbox.compose(draft_of(self.messenger, **given), messages.now())]
            for message in composed if not holds_expression(payload) else ():
                self._check_head(message)
        except MessengerError as error:
            yield from (Finding(at, one.message, one.hint) for one in error.problems or (error.problem,))
            return
        unknown = {("payload", *path) for path, _ in texts_in(payload)}
        for message in composed:
            yield from self._broken(message, unknown, at, is_strict=params.get("strict") in (True, "true"))

    def _check_head(self, message: Message) -> None:
        """Check a message whose payload has been checked; those of many steps differ in that alone."""
        head = repr(replace(message, payload={}, created=datetime.min))
        if head not in self._heads:
            self.outbox.check(message)
            self._heads.add(head)

    def _broken(self, message: Message, unknown: Collection[Path], at: Path, *, is_strict: bool) -> Iterator[Finding]:
        """The rules beyond the schemas that a message breaks, where these make it one that can't be sent."""
        messenger = self.messenger
        for field, problem in broken_rules(
            message, messenger.project.root, messenger.types, messenger.routes, messenger.config
        ):
            counts = problem.severity == "error" or (is_strict and problem.code != _MISSING_FILE)
            if counts and not any(field[:length] in unknown for length in range(len(field) + 1)):
                where = (_PARAM_OF.get(str(field[0]), field[0]), *field[1:])
                yield Finding((*at, *where), problem.message, problem.hint)


def _fitting(takes: Parameters, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those parameters that fit, as the task takes them; of the others it is told elsewhere."""
    found = {}
    for name, value in params.items():
        with suppress(InvalidError):
            if value is not None:
                found[name] = as_wanted(name, value, takes.by_name[name]) if name in takes.by_name else value
    return found


def _closing(value: Any) -> None:
    """Refuse what no message ends as."""
    status = status_of(value)
    if status is not None and not status.is_closed:
        raise InvalidError(f"a message can't be closed as {status.value}", hint="close it as done or cancelled")


def _first_words(command: Any) -> list[str]:
    """The words of a command that are known, up to the first that is not."""
    if isinstance(command, list):
        return [str(word) for word in takewhile(lambda word: not holds_expression(word), command)]
    before = str(command).partition("{")[0] if isinstance(command, str) else ""
    try:
        return shlex.split(before)[: None if before[-1:].isspace() else -1]
    except ValueError:  # it is cut within quotes
        return []
