"""Every hook that a plugin can implement: when it is called, with what, and what it may answer.

A plugin is a module or an object whose functions are marked with `bmad_messenger.hookimpl`. A package offers it under
the entry-point group `bmad_messenger`. An implementation takes the parameters that it needs and leaves the others out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import pluggy

from bmad_messenger.message import Message

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger

NAME: Final = "bmad_messenger"
"""The project's name for pluggy, and the entry-point group."""

hookimpl: Final = pluggy.HookimplMarker(NAME)
"""Marks a function as the implementation of the hook that has its name."""

_spec: Final = pluggy.HookspecMarker(NAME)

Task = Callable[..., Any]
"""A task that a step can `exec`: a function of the messenger and, by keyword, the step's parameters.

It returns what the step leaves behind: values that JSON can hold. Its parameters and their annotations are what
`bmad-messenger exec` checks a step against.
"""


@_spec
def message_types() -> Mapping[str, Mapping[str, Any]]:  # type: ignore[empty-body]
    """Add message types.

    Returns:
        For each type its payload's JSON Schema (draft 2020-12). `default_priority` beside the schema's own keywords
        sets the priority that messages of the type have unless their sender gives one; without it that is medium.
    """


@_spec
def routes() -> Sequence[Mapping[str, Any]]:  # type: ignore[empty-body]
    """Add routes.

    Returns:
        Routes as `routes.yaml` has them: `id`, `phase`, `from`, `to`, `trigger`, `types`, `payload`.
    """


@_spec
def tasks() -> Mapping[str, Task]:  # type: ignore[empty-body]
    """Add tasks that a step can `exec`.

    Returns:
        The tasks by name.
    """


@_spec
def commands() -> Mapping[str, Callable[..., None]]:  # type: ignore[empty-body]
    """Add commands to `bmad-messenger`.

    Returns:
        Functions by the command's name; typer makes their parameters options and arguments, their docstring the help.
    """


@_spec
def before_send(messenger: Messenger, message: Message) -> Message | None:
    """Look at a message before it is sent; refuse it or add to it.

    Args:
        messenger: the messenger that sends.
        message: the message, complete but for its id, which is empty.

    Returns:
        The message with what the plugin adds, or None to leave it alone; the next plugin is given that. Type, sender,
        recipients, date and status are not a plugin's to choose: they must stay.

    Raises:
        NotPermittedError: to refuse the message. Nothing is sent then.
    """


@_spec
def after_send(messenger: Messenger, message: Message) -> None:
    """A message is in the queue.

    What is raised here is reported and undoes nothing; `sync` repeats the work, so it must be harmless to do twice for
    one `message.message_id`.

    Args:
        messenger: the messenger that sent.
        message: the message as it stands in the queue.
    """


@_spec
def before_receive(messenger: Messenger, agent: str, messages: Sequence[Message]) -> Collection[str] | None:
    """An agent is about to be given messages; errors count as in `after_send`.

    Args:
        messenger: the messenger that delivers.
        agent: who asks.
        messages: what waits for it.

    Returns:
        The ids of those that the agent has read elsewhere: they are marked read, and not given.
    """


@_spec
def after_read(messenger: Messenger, message: Message, agent: str) -> None:
    """An agent has read a message; errors count as in `after_send`.

    Args:
        messenger: the messenger that delivered.
        message: the message as it stands in the queue now.
        agent: who read it.
    """


@_spec
def before_close(messenger: Messenger, message: Message, record: str) -> None:
    """A message is about to leave the queue. Called under the queue's lock, so be quick.

    Args:
        messenger: the messenger that closes.
        message: the message in its final state.
        record: its text as a YAML document of its own, the comments that people wrote into it included.

    Raises:
        MessengerError: to keep it in the queue; whoever closes it is told.
    """


@_spec
def after_close(messenger: Messenger, message: Message) -> None:
    """A message has left the queue; errors count as in `after_send`.

    Args:
        messenger: the messenger that closed.
        message: the message in its final state.
    """


@_spec
def after_change(messenger: Messenger, messages: Sequence[Message]) -> None:
    """Messages were sent, read or closed; errors count as in `after_send`.

    Called once for all that one command changed, after the hooks for each: the place for work that is cheaper at once.

    Args:
        messenger: the messenger that made the change.
        messages: the messages as they are now.
    """


@_spec
def sync(messenger: Messenger, messages: Sequence[Message], rebuild: bool) -> Sequence[str] | None:
    """Make good what an after-hook missed.

    Args:
        messenger: the messenger that settles.
        messages: every message of the queue.
        rebuild: whether a plugin that keeps copies of messages has to make them anew.

    Returns:
        What was done, a sentence each; None or nothing where all was well.
    """
