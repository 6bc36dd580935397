"""The tasks that a step can `exec`: `send-message`, `receive-message`, and what plugins add."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import InvalidError, MessengerError, Problem, UsageError
from bmad_messenger.inbox import Wanted
from bmad_messenger.message import ALL, Draft, Status
from bmad_messenger.messenger import Messenger
from bmad_messenger.outbox import priority_of, read_payload, status_of, time_of
from bmad_messenger.task_marks import takes_fields_of

if TYPE_CHECKING:
    from bmad_messenger.exec_reader import ExecElement


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a task leaves behind, where something is due once that has safely arrived: `confirm` does it."""

    value: Any
    confirm: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One step that ran, or would run, and what it leaves behind."""

    element: ExecElement
    value: Any


@takes_fields_of(Draft)
def send_message(messenger: Messenger, *, strict: bool = False, **params: Any) -> dict[str, Any]:
    """Send a message (reference: Sending a Message).

    Returns:
        The message under the file's keys; where a trigger sends several, `{"messages": [...]}`.
    """
    sent = [message.to_mapping() for message in messenger.send_many([draft_of(messenger, **params)], strict=strict)]
    return sent[0] if len(sent) == 1 else {"messages": sent}


def receive_message(
    messenger: Messenger,
    *,
    agent: str,
    type_filter: str | None = None,
    priority: str | None = None,
    limit: int | None = None,
    peek: bool = False,
) -> Delivery:
    """Receive what waits for an agent (reference: Receiving Messages); it is marked read once it has arrived.

    Returns:
        `{"agent": ..., "messages": [...]}`.
    """
    found = messenger.receive(agent, type_filter=type_filter, priority=priority_of(priority), limit=limit, peek=True)
    value = {"agent": agent, "messages": [message.to_mapping() for message in found]}
    ids = [] if peek else [message.message_id for message in found]
    return Delivery(value, lambda: messenger.mark_read(agent, ids) if ids else None)


def close_message(
    messenger: Messenger, *, message_id: str, status: str = "done", note: str | None = None
) -> dict[str, Any]:
    """Close a message: it leaves the queue for the archive; one that is closed already stays as it is.

    Returns:
        The message under the file's keys, in its final state.
    """
    found = messenger.get(message_id)
    if not found.status.is_closed:
        found = messenger.close(found.message_id, status=status_of(status) or Status.DONE, note=note)[0]
    return found.to_mapping()


BUILT_IN: Final = ("send-message", "receive-message", "close-message", "run-command")
"""The names of the tasks that come with the program."""


def tasks_of(messenger: Messenger) -> dict[str, Callable[..., Any]]:
    """Every task by name: the built-in ones and those of plugins.

    Raises:
        InvalidError: where two tasks have one name.
    """
    from bmad_messenger.command_task import run_command

    functions: tuple[Callable[..., Any], ...] = (send_message, receive_message, close_message, run_command)
    tasks = dict(zip(BUILT_IN, functions, strict=True))

    def take(plugin: str, added: Mapping[str, Callable[..., Any]] | None) -> None:
        for name, task in (added or {}).items():
            if name in tasks:
                raise InvalidError(
                    f"the plugin {plugin!r} adds the task {name!r}, which exists", hint="rename it there"
                )
            tasks[name] = task

    messenger.plugins.add("tasks", take)
    return tasks


def summary_of(task: Callable[..., Any]) -> str:
    """What a task is for: the first sentence of its docstring."""
    import inspect

    return (inspect.getdoc(task) or "").split("\n")[0].partition(" (reference")[0].removesuffix(".")


def check_all(messenger: Messenger, elements: Sequence[ExecElement]) -> list[Outcome]:
    """What each step would do; nothing is done.

    Raises:
        MessengerError: with everything that is wrong with any of them, each at its place.
    """
    tasks = tasks_of(messenger)
    outcomes: list[Outcome] = []
    errors: list[tuple[type[MessengerError], Problem]] = []
    for element in elements:
        try:
            outcomes.append(Outcome(element, _would_do(messenger, tasks, element)))
        except MessengerError as error:
            errors += [(type(error), _at(element, problem)) for problem in error.problems or (error.problem,)]
    if errors:
        kinds = {kind for kind, _ in errors}
        kind = kinds.pop() if len(kinds) == 1 else InvalidError
        raise kind.of(tuple(problem for _, problem in errors), "")
    return outcomes


def run_all(messenger: Messenger, elements: Sequence[ExecElement]) -> Iterator[Outcome]:
    """Check every step, then run them in order.

    What a step received is marked read when the next outcome is asked for: so not before the caller has it.

    Raises:
        MessengerError: as `check_all` does, before anything has run; or from the step that failed.
    """
    check_all(messenger, elements)
    for element in elements:
        result = perform(messenger, element)
        if isinstance(result, Delivery):
            yield Outcome(element, result.value)
            result.confirm()
        else:
            yield Outcome(element, result)


def perform(messenger: Messenger, element: ExecElement) -> Any:
    """Run one step; what it leaves behind, or a `Delivery` of it, comes back.

    Raises:
        MessengerError: where there is no such task, its params do not fit, or it fails.
    """
    task = _task(tasks_of(messenger), element)
    params = _fitted(task, element)
    if element.task in BUILT_IN:
        return task(messenger, **params)
    try:
        return task(messenger, **params)
    except MessengerError:
        raise
    except (Exception, SystemExit) as error:
        raise InvalidError.of(
            (_at(element, Problem(f"the task {element.task!r} failed: {error!r}", "mend the plugin that adds it")),), ""
        ) from error


def draft_of(messenger: Messenger, **params: Any) -> Draft:
    """The draft that the parameters of `send-message` describe, as a step or the command line gives them.

    Raises:
        UsageError, InvalidError: where one can't be read.
    """
    unknown = params.keys() - Draft.__dataclass_fields__.keys()
    for name in sorted(unknown):
        raise UsageError(f"send-message has no parameter {name!r}", hint=_near(name, Draft.__dataclass_fields__))
    payload = params.get("payload")
    if isinstance(payload, str):
        payload = read_payload(payload, messenger.config.limits.payload_bytes)
    elif payload is not None and not isinstance(payload, Mapping):
        raise InvalidError("the payload is not a mapping", hint="write it as `key: value`")
    return Draft(
        **{
            **{name: value for name, value in params.items() if value is not None},
            "payload": {} if payload is None else payload,
            "to_agents": agents_of(params.get("to_agents")),
            "priority": priority_of(params.get("priority")),
            "expires": time_of(params.get("expires")),
        }
    )


def agents_of(value: Any) -> tuple[str, ...] | str | None:
    """Recipients as a step writes them: a list, `a, b`, or `all`.

    Raises:
        InvalidError: where it is none of these.
    """
    if value is None:
        return None
    if not isinstance(value, str | list | tuple):
        raise InvalidError(f"{value!r} are no agents", hint="give a list of agents, or `all`")
    names = tuple(str(name).strip() for name in (value.split(",") if isinstance(value, str) else value))
    return ALL if names == (ALL,) else tuple(name for name in names if name)


def _would_do(messenger: Messenger, tasks: Mapping[str, Callable[..., Any]], element: ExecElement) -> Any:
    task = _task(tasks, element)
    params = _fitted(task, element)
    if task is send_message:
        strict = params.pop("strict", False)
        prepared = messenger.prepare([draft_of(messenger, **params)], strict=strict)
        return {"messages": [message.to_mapping() for message in prepared]}
    if task is receive_message:
        agent, priority = messenger.config.require_agent(params["agent"]), priority_of(params.get("priority"))
        Wanted(agent, params.get("type_filter"), priority, params.get("limit"))
        if params.get("type_filter") is not None:
            messenger.types.schema_of(params["type_filter"])
    return {name: value for name, value in params.items() if value is not None}


def _task(tasks: Mapping[str, Callable[..., Any]], element: ExecElement) -> Callable[..., Any]:
    task = tasks.get(element.task)
    if task is None:
        hint = _near(element.task, tasks) or f"the tasks are {', '.join(tasks)}"
        raise InvalidError(f"there is no task {element.task!r}", hint=hint)
    return task


def _fitted(task: Callable[..., Any], element: ExecElement) -> dict[str, Any]:
    """The element's params as the task takes them.

    Raises:
        InvalidError: where one is unknown, missing, or of the wrong kind.
    """
    from bmad_messenger.task_parameters import parameters_of

    takes = parameters_of(task)
    for name in element.params:
        if name not in takes.by_name and not takes.is_open:
            hint = _near(name, takes.by_name) or f"it takes {', '.join(takes.by_name)}"
            raise InvalidError(f"{element.task} has no parameter {name!r}", hint=hint)
    params = {name: value for name, value in element.params.items() if value is not None}
    missing = [name for name, one in takes.by_name.items() if one.is_required and name not in params]
    if missing:
        raise InvalidError(f"{element.task} needs the parameter {missing[0]!r}", hint='add a <param name="...">')
    return takes.fitted(params)


def _at(element: ExecElement, problem: Problem) -> Problem:
    if problem.line is not None:
        return problem
    return problem._replace(path=element.path, line=element.line, column=element.column)


def _near(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""
