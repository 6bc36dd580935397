"""A list of messages: those of the queue or of the archive that fit every filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bmad_messenger.message import Message, Priority, Status
from bmad_messenger.outbox import priority_of, status_of

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger
    from bmad_messenger.queue.view import QueueView
    from bmad_messenger.store import Store


def listed(
    messenger: Messenger,
    store: Store,
    current: Callable[[], QueueView],
    *,
    agent: str | None,
    type: str | None,
    status: Status | str | None,
    priority: Priority | str | None,
    route: str | None,
) -> list[Message]:
    """The messages that fit every filter; `current` tells what the queue holds, and is asked for open ones alone.

    Raises:
        NotFoundError: where there is no such agent.
        InvalidError: where there is no such status or priority, or where nothing fits and there is no such type or
            route, which would look as if nothing were there.
    """
    roster = messenger.config.agents
    if agent is not None:
        messenger.config.require_agent(agent)
    stands, urgency = status_of(status), priority_of(priority)
    if stands is not None and stands.is_closed:
        found = [*store.archived()]
    else:
        view = current()
        found = [view.message(index) for index in view.valid()]
    fitting = [
        message
        for message in found
        if agent in (None, message.from_agent, *message.recipients(roster))
        and type in (None, message.type)
        and stands in (None, message.status)
        and urgency in (None, message.priority)
        and route in (None, message.route)
    ]
    if not fitting and type is not None:
        messenger.types.schema_of(type)
    if not fitting and route is not None:
        messenger.routes.get(route)
    return fitting
