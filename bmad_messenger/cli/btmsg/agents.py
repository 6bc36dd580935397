"""`register`, `agents`, `whoami`, `contacts`, `allow`, `deny`, `status` and `heartbeat`: the agents themselves."""

from typing import Annotated

import typer

from bmad_messenger.btmsg.agents import STATUSES
from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import Agent as AgentRecord
from bmad_messenger.btmsg.records import ListedAgent
from bmad_messenger.btmsg.roles import ROLES
from bmad_messenger.cli.btmsg.options import Agent, AnyGroup, Db, OtherAgent
from bmad_messenger.cli.btmsg.printing import agent_text, print_record, print_table
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write_json, write_lines

_Contact = Annotated[str, typer.Argument(metavar="OTHER", help="Another agent's id.")]
_COLUMNS = ("id", "name", "role", "tier", "group", "status", "unread")
_Both = Annotated[bool, typer.Option("--both", help="And the other way round.")]


def register(
    group: Annotated[str, typer.Option(metavar="GROUP", help="The group it belongs to.")],
    agent_id: Annotated[str | None, typer.Option("--id", metavar="AGENT", help="Its id, in place of yours.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="How it is shown, in place of its id.")] = None,
    role: Annotated[
        str | None, typer.Option(metavar="|".join(ROLES), help="What it may do; a new agent is a project agent.")
    ] = None,
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
    everyone in the group, an admin with all. Anyone may register an agent in any role; the role, tier and group of one
    that is there are for a manager of its group to change, or admin.

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
    print_record(registered, as_json, _line(registered))


def agents(group: AnyGroup = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the agents that you see, with their unread messages.

    These are you and your contacts, for a manager the whole group too; all for admin and where nobody calls.

    \b
    Example:
      btmsg agents --group my-team
    """
    with Btmsg(db, agent=agent) as btmsg:
        found = btmsg.visible_agents(group)
    print_table("agents", found, as_json, _COLUMNS, _row, empty="No agents.")


def whoami(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show who you are to btmsg.

    \b
    Example:
      btmsg whoami
    """
    with Btmsg(db, agent=agent) as btmsg:
        caller = btmsg.whoami()
    print_record(caller, as_json, f"{_line(caller)}, {caller.status}, {caller.unread_count} unread")


def contacts(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the agents that you may message.

    \b
    Example:
      btmsg contacts
    """
    with Btmsg(db, agent=agent) as btmsg:
        found = btmsg.contacts()
    print_table("contacts", found, as_json, _COLUMNS, _row, empty="No contacts.")


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
    print_record(changed, as_json, f"{changed.id}: {changed.status}")


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


def _row(one: ListedAgent) -> tuple[str, ...]:
    return one.id, one.name, one.role, str(one.tier), one.group_id, one.status, str(one.unread_count)


def _print_pair(first: str, second: str, both: bool, verb: str, as_json: bool) -> None:
    if as_json:
        write_json({"agentId": first, "contactId": second, "both": both, "allowed": verb == "may"})
    elif both:
        write_lines([f"{first} and {second} {verb} message each other"])
    else:
        write_lines([f"{first} {verb} message {second}"])
