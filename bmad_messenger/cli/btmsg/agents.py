"""`register`, `agents`, `whoami`, `contacts`, `allow`, `deny`, `status` and `heartbeat`: the agents themselves."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bmad_messenger.btmsg.agents import STATUSES
from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import Agent as AgentRecord
from bmad_messenger.btmsg.records import ListedAgent
from bmad_messenger.btmsg.roles import ROLES
from bmad_messenger.cli.btmsg.options import Agent, AnyGroup, Db, OtherAgent
from bmad_messenger.cli.btmsg.printing import agent_text, write_record, write_records
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write_json, write_lines, write_table

_Contact = Annotated[str, typer.Argument(metavar="OTHER", help="Another agent's id.")]
_Both = Annotated[bool, typer.Option("--both", help="And the other way round.")]


def register(
    group: Annotated[str, typer.Option(metavar="GROUP", help="The group it belongs to.")],
    agent_id: Annotated[str | None, typer.Option("--id", metavar="AGENT", help="Its id, in place of yours.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="How it is shown, in place of its id.")] = None,
    role: Annotated[str, typer.Option(metavar="|".join(ROLES), help="What it may do.")] = "project",
    tier: Annotated[
        int | None, typer.Option(metavar="N", help="1 is management, 2 a project; in place of the role's own.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="The model it runs on.")] = None,
    cwd: Annotated[str | None, typer.Option(metavar="DIR", help="The folder it works in.")] = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Register an agent, or renew it.

    It is active then, and a member of its group's review channels. Tier 1 is linked with each other, a manager with
    everyone in the group, an admin with all.

    \b
    Example:
      btmsg register --id mgr-1 --name "Manager" --role manager --group my-team --tier 1
    """
    with Btmsg(db, agent=agent) as btmsg:
        registered = btmsg.register(
            agent_id if agent_id is not None else btmsg.session.name(),
            group_id=group,
            role=role,
            name=name,
            tier=tier,
            model=model,
            cwd=cwd,
        )
    if as_json:
        write_record(registered)
    else:
        write_lines([_line(registered)])


def agents(group: AnyGroup = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the agents with their unread messages.

    \b
    Example:
      btmsg agents --group my-team
    """
    with Btmsg(db, agent=agent) as btmsg:
        _print_agents("agents", btmsg.get_agents(group), as_json, empty="No agents.")


def whoami(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show who you are to btmsg.

    \b
    Example:
      btmsg whoami
    """
    with Btmsg(db, agent=agent) as btmsg:
        caller = btmsg.whoami()
    if as_json:
        write_record(caller)
    else:
        write_lines([f"{_line(caller)}, {caller.status}, {caller.unread_count} unread"])


def contacts(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the agents that you may message.

    \b
    Example:
      btmsg contacts
    """
    with Btmsg(db, agent=agent) as btmsg:
        _print_agents("contacts", btmsg.contacts(), as_json, empty="No contacts.")


def allow(
    first: OtherAgent,
    second: _Contact,
    both: _Both = False,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Let an agent message another; managers may.

    \b
    Example:
      btmsg allow dev-1 dev-2 --both
    """
    with Btmsg(db, agent=agent) as btmsg:
        btmsg.allow(first, second, both=both)
    _print_pair(first, second, both, "may", as_json)


def deny(
    first: OtherAgent,
    second: _Contact,
    both: _Both = False,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Keep an agent from messaging another; managers may.

    \b
    Example:
      btmsg deny dev-1 dev-2
    """
    with Btmsg(db, agent=agent) as btmsg:
        btmsg.deny(first, second, both=both)
    _print_pair(first, second, both, "may not", as_json)


def status(
    other: OtherAgent,
    state: Annotated[str, typer.Argument(metavar="|".join(STATUSES), help="What it is from now on.")],
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Set the status of an agent; managers may.

    \b
    Example:
      btmsg status dev-1 sleeping
    """
    with Btmsg(db, agent=agent) as btmsg:
        changed = btmsg.set_status(other, state)
    if as_json:
        write_record(changed)
    else:
        write_lines([f"{changed.id}: {changed.status}"])


def heartbeat(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Say that you are alive.

    \b
    Example:
      btmsg heartbeat
    """
    with Btmsg(db, agent=agent) as btmsg:
        name, second = btmsg.session.name(), btmsg.heartbeat()
    if as_json:
        write_json({"agentId": name, "timestamp": second})
    else:
        write_lines([f"{name}: {second}"])


def _line(agent: AgentRecord | ListedAgent) -> str:
    """`mgr-1 (Manager, manager) of my-team, tier 1`."""
    return f"{agent_text(agent.id, agent.name, agent.role)} of {agent.group_id}, tier {agent.tier}"


def _print_agents(key: str, agents: Sequence[ListedAgent], as_json: bool, *, empty: str) -> None:
    if as_json:
        write_records(key, agents)
        return
    rows = [
        (one.id, one.name, one.role, str(one.tier), one.group_id, one.status, str(one.unread_count)) for one in agents
    ]
    write_table(("id", "name", "role", "tier", "group", "status", "unread"), rows, empty=empty)


def _print_pair(first: str, second: str, both: bool, verb: str, as_json: bool) -> None:
    if as_json:
        write_json({"agentId": first, "contactId": second, "both": both, "allowed": verb == "may"})
    elif both:
        write_lines([f"{first} and {second} {verb} message each other"])
    else:
        write_lines([f"{first} {verb} message {second}"])
