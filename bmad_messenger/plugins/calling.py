"""Calls the hooks around a send, a read and a close: what comes before may refuse, what comes after undoes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import MessengerError, NotPermittedError, Problem
from bmad_messenger.message import Message
from bmad_messenger.plugins.loading import Plugins

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger

_KEPT: Final = ("message_id", "type", "from_agent", "to_agent", "to_agents", "created", "status")
"""What a plugin leaves as the sender and the clock have it."""


def before_send(plugins: Plugins, messenger: Messenger, message: Message) -> Message:
    """The message with what plugins add, one after the other.

    Raises:
        MessengerError: where one of them refuses the message, fails, or changes what is not a plugin's to change.
    """
    for name, call in plugins.calls("before_send"):
        with _refusals(name, "send"):
            answer = call(messenger=messenger, message=message)
        if answer is None:
            continue
        if not isinstance(answer, Message) or any(getattr(answer, key) != getattr(message, key) for key in _KEPT):
            raise NotPermittedError(
                f"the plugin {name!r} changed more of a message than a plugin may",
                hint="type, sender, recipients, date and status must stay; mend the plugin, or switch it off",
            )
        message = answer
    return message


def before_close(plugins: Plugins, messenger: Messenger, leaving: Sequence[tuple[Message, str]]) -> None:
    """Ask each plugin about all messages, so that one that refuses does so before the archive has written any.

    Raises:
        MessengerError: where one of them refuses or fails.
    """
    for name, call in plugins.calls("before_close"):
        for message, record in leaving:
            with _refusals(name, "close"):
                call(messenger=messenger, message=message, record=record)


def before_receive(
    plugins: Plugins, messenger: Messenger, agent: str, found: Sequence[Message], report: Callable[[Problem], None]
) -> bool:
    """Mark read what plugins know the agent to have read elsewhere; whether there was any, and it could be marked."""
    answers = after(plugins, "before_receive", report, messenger=messenger, agent=agent, messages=found)
    known = {message_id for answer in answers for message_id in answer or ()}
    read = [message.message_id for message in found if message.message_id in known]
    try:
        return bool(read and messenger.mark_read(agent, read))
    except MessengerError as error:  # then they are received once more, which harms less than an error
        report(error.problem._replace(severity="warning"))
        return False


def after_each(
    plugins: Plugins,
    hook: str,
    report: Callable[[Problem], None],
    messenger: Messenger,
    messages: Sequence[Message],
    **arguments: Any,
) -> None:
    """Tell plugins of each message that one command changed, then once of all."""
    for message in messages:
        after(plugins, hook, report, messenger=messenger, message=message, **arguments)
    if messages:
        after(plugins, "after_change", report, messenger=messenger, messages=messages)


def after(plugins: Plugins, hook: str, report: Callable[[Problem], None], **arguments: Any) -> list[Any]:
    """Tell plugins what has happened; returns what they answer. What fails there is reported."""
    answers = []
    for name, call in plugins.calls(hook):
        try:
            answers.append(call(**arguments))
        except Exception as error:  # noqa: BLE001  # a plugin's failure must not stop the others
            report(
                Problem(
                    f"the plugin {name!r} failed in {hook}{_of(arguments)}: {_reason(error)}",
                    "the message stands; `bmad-messenger sync` repeats what was missed",
                    code="hook",
                    severity="warning",
                )
            )
    return answers


@contextmanager
def _refusals(name: str, before: str) -> Iterator[None]:
    try:
        yield
    except MessengerError:
        raise
    except Exception as error:
        raise NotPermittedError(
            f"the plugin {name!r} failed before the {before}: {error!r}", hint="mend it, or switch it off"
        ) from error


def _reason(error: Exception) -> str:
    """What went wrong, without the hint to run the command again: that would send again."""
    return str(error.problem._replace(hint="")) if isinstance(error, MessengerError) else str(error)


def _of(arguments: dict[str, Any]) -> str:
    message = arguments.get("message")
    return f" of {message.message_id}" if message is not None else ""
