"""`health`, `graph`, `dead-letters` and `audit`: what the operator looks at."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated

import typer

from bmad_messenger.btmsg.api import STALL_MINUTES, Btmsg
from bmad_messenger.btmsg.records import DeadLetter, GraphNode, Health, Retried
from bmad_messenger.cli.btmsg.options import Agent, AnyGroup, Db, Latest, StallMin
from bmad_messenger.cli.btmsg.printing import agent_text, moment, print_table, summary, write_records
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.errors import UsageError


def health(
    group: AnyGroup = None,
    stall_min: StallMin = STALL_MINUTES,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Show which of the agents that you see are alive, stalled, asleep or stopped.

    \b
    Example:
      btmsg health --group my-team
    """
    with Btmsg(db, agent=agent, stall_minutes=stall_min) as btmsg:
        found = btmsg.health(group)
    print_table(
        "agents",
        found,
        as_json,
        ("id", "role", "status", "state", "heartbeat", "unread"),
        lambda one: (one.agent_id, one.role, one.status, one.state, _age(one), str(one.unread_count)),
        empty="No agents.",
    )


def graph(group: AnyGroup = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show which of the agents that you see may talk to whom, tier by tier.

    \b
    Example:
      btmsg graph --group my-team
    """
    with Btmsg(db, agent=agent) as btmsg:
        nodes = btmsg.graph(group)
    if as_json:
        write_records("agents", nodes)
    else:
        write_lines([*_tiers(nodes)], empty="No agents.")


def dead_letters(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Only these, for --retry and --clear.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Deliver those whose recipient is there now.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Delete them for good; managers may.")] = False,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """List what could not be delivered, retry it, or delete it.

    \b
    Example:
      btmsg dead-letters --retry
    """
    if retry and clear:
        raise UsageError("--retry and --clear contradict each other", hint="leave one of them out")
    if numbers and not (retry or clear):
        raise UsageError("numbers are for --retry and --clear", hint="without them, all letters are listed")
    with Btmsg(db, agent=agent) as btmsg:
        if retry:
            _print_retried(btmsg.retry_dead_letters(*numbers or ()), as_json)
        elif clear:
            _print_cleared(btmsg.clear_dead_letters(*numbers or ()), as_json)
        else:
            _print_dead_letters(btmsg.dead_letters(), as_json)


def audit(
    event: Annotated[str | None, typer.Option(metavar="EVENT", help="Only those of this type, such as send.")] = None,
    limit: Latest = 50,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """List who did what, newest first.

    A manager sees what the whole group did, others what they did themselves.

    \b
    Example:
      btmsg audit --event refusal
    """
    with Btmsg(db, agent=agent) as btmsg:
        entries = btmsg.audit(event_type=event, limit=limit)
    print_table(
        "entries",
        entries,
        as_json,
        ("time", "agent", "event", "detail"),
        lambda entry: (moment(entry.created_at), entry.agent_id, entry.event_type, entry.detail),
        empty="Nothing happened yet.",
    )


def _age(health: Health) -> str:
    if health.seconds_since is None:
        return "never"
    return f"{health.seconds_since // 60} min ago" if health.seconds_since >= 60 else f"{health.seconds_since} s ago"


def _tiers(nodes: Sequence[GraphNode]) -> Iterator[str]:
    for tier, members in groupby(nodes, key=lambda node: node.tier):
        yield f"tier {tier}"
        for node in members:
            whom = ", ".join(node.contacts) or "nobody"
            who = agent_text(node.id, node.name, node.role)
            yield f"  {who}, {node.status}, {node.unread_count} unread -> {whom}"


def _print_dead_letters(letters: Sequence[DeadLetter], as_json: bool) -> None:
    print_table(
        "deadLetters",
        letters,
        as_json,
        ("number", "from", "to", "sent", "reason", "message"),
        lambda one: (
            str(one.id),
            one.from_agent,
            one.to_agent,
            moment(one.created_at),
            one.error,
            summary(one.content),
        ),
        empty="No dead letters.",
    )


def _print_retried(retried: Sequence[Retried], as_json: bool) -> None:
    if as_json:
        write_records("retried", retried)
        return
    lines = [
        f"{one.id}: delivered to {one.to_agent} as {one.message_id}" if one.message_id else f"{one.id}: {one.error}"
        for one in retried
    ]
    write_lines(lines, empty="No dead letters.")


def _print_cleared(cleared: int, as_json: bool) -> None:
    if as_json:
        write_json({"cleared": cleared})
    else:
        write_lines([f"cleared {cleared} dead letter{'' if cleared == 1 else 's'}"])
