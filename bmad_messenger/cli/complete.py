"""What the shell offers for a value: the project's agents, types, routes and message ids; nothing where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from bmad_messenger.errors import MessengerError

if TYPE_CHECKING:
    from bmad_messenger.messenger import Messenger


def agents(context: typer.Context) -> list[str]:
    """The project's agents."""
    return offer(context, lambda messenger: messenger.config.agents)


def types(context: typer.Context) -> list[str]:
    """The names of the message types."""
    return offer(context, lambda messenger: messenger.types.names)


def routes(context: typer.Context) -> list[str]:
    """The ids of the routes."""
    return offer(context, lambda messenger: messenger.routes.by_id)


def message_ids(context: typer.Context) -> list[str]:
    """The ids of the open messages."""
    return offer(context, lambda messenger: [message.message_id for message in messenger.list()])


def offer(context: typer.Context, values: Callable[[Messenger], Iterable[str]]) -> list[str]:
    """All values; typer leaves out those that don't begin as the user has typed."""
    from bmad_messenger.messenger import Messenger

    try:
        return [*values(Messenger.open(context.params.get("project")))]
    except (MessengerError, OSError):  # a line can be typed to its end without an offer
        return []
