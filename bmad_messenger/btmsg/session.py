"""One caller's use of the database: it reads, it acts under its role, and what it is refused is audited."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from bmad_messenger.btmsg import agents, audit, search
from bmad_messenger.btmsg.database import Database
from bmad_messenger.btmsg.records import Agent
from bmad_messenger.btmsg.roles import RefusedError
from bmad_messenger.errors import MessengerError, NotFoundError, UsageError


class Reading(NamedTuple):
    """A connection, and the caller; None where nobody in particular calls, who may read everything."""

    connection: sqlite3.Connection
    caller: Agent | None


class Acting(NamedTuple):
    """A connection within a transaction, and the registered agent that acts."""

    connection: sqlite3.Connection
    caller: Agent


class Session:
    """A database, and the id of the agent that uses it (default: `BTMSG_AGENT_ID`)."""

    def __init__(self, database: Database, agent: str | None = None) -> None:
        self.database = database
        self.agent = agent or os.environ.get("BTMSG_AGENT_ID") or None

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Read; writes nothing, but for the audit of a refusal.

        Raises:
            NotFoundError: where the caller is not registered.
            RefusedError: from the body.
        """
        with self._refusals_audited(), self.database.reading() as connection:
            yield Reading(connection, self._caller(connection) if self.agent else None)

    @contextmanager
    def acting(self) -> Iterator[Acting]:
        """Write, all or nothing, as the caller.

        Raises:
            UsageError: where nobody is named as the caller.
            NotFoundError: where the caller is not registered.
            RefusedError: from the body.
        """
        with self._refusals_audited(), self.writing() as connection:
            yield Acting(connection, self._caller(connection))

    @contextmanager
    def registering(self) -> Iterator[Reading]:
        """Write, all or nothing, as the caller where it is registered, else as nobody in particular."""
        with self._refusals_audited(), self.writing() as connection:
            yield Reading(connection, agents.find(connection, self.agent) if self.agent else None)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing, as nobody in particular."""
        with self.database.writing() as connection:
            yield connection
            search.index_pending(connection, at_least=search.WORTHWHILE)

    def name(self) -> str:
        """The id of the caller.

        Raises:
            UsageError: where nobody is named.
        """
        if not self.agent:
            raise UsageError("nobody is named as the caller", hint="set BTMSG_AGENT_ID or give --agent")
        return self.agent

    def _caller(self, connection: sqlite3.Connection) -> Agent:
        agent = agents.find(connection, self.name())
        if agent is None:
            raise NotFoundError(
                f"the agent {self.agent} is not registered",
                hint=f"btmsg register --id {self.agent} --name NAME --role ROLE --group GROUP",
            )
        return agent

    @contextmanager
    def _refusals_audited(self) -> Iterator[None]:
        try:
            yield
        except RefusedError as refusal:
            # The refusal stands, also where it can't be written down.
            with suppress(MessengerError), self.database.writing() as connection:
                audit.record(connection, self.agent or "nobody", "refusal", refusal.problem.message)
            raise
