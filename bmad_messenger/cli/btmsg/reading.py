"""`read`, `inbox`, `show`, `history`, `unseen`, `ack`, `feed` and `search`: direct messages as they are read."""

from typing import Annotated

import typer

from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import as_dict
from bmad_messenger.cli.btmsg.options import Agent, Db, Group, Latest, Limit, MessageId, OtherAgent
from bmad_messenger.cli.btmsg.printing import message_text, moment, print_messages, print_table, summary, write_record
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write, write_json, write_lines
from bmad_messenger.errors import UsageError

_NO_MESSAGES, _NO_UNREAD = "No messages.", "No unread messages."


def read(limit: Limit = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Print your unread messages, then mark them read.

    The oldest comes first; what could not be printed stays unread.

    \b
    Example:
      btmsg read
    """
    with Btmsg(db, agent=agent) as btmsg:
        messages = btmsg.unread_messages(limit=limit)
        print_messages(messages, as_json, empty=_NO_UNREAD)
        if messages:  # only now: what could not be printed waits for the next call
            btmsg.mark_read(message.id for message in messages)


def inbox(
    all_messages: Annotated[bool, typer.Option("--all", help="Those that you have read, too.")] = False,
    limit: Limit = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """List your unread messages, or all; they stay as they are.

    \b
    Example:
      btmsg inbox --all
    """
    with Btmsg(db, agent=agent) as btmsg:
        waiting = btmsg.unread_messages(limit=None if all_messages else limit)
        messages = btmsg.inbox(limit) if all_messages else waiting
    unread = {message.id for message in waiting}
    print_table(
        "messages",
        messages,
        as_json,
        ("id", "from", "sent", "state", "message"),
        lambda one: (
            one.id,
            one.from_agent,
            moment(one.created_at),
            "unread" if one.id in unread else "read",
            summary(one.content),
        ),
        empty=_NO_MESSAGES if all_messages else _NO_UNREAD,
    )


def show(message_id: MessageId, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show one message; it stays as it is.

    \b
    Example:
      btmsg show 3f2a
    """
    with Btmsg(db, agent=agent) as btmsg:
        message = btmsg.get_message(message_id)
    if as_json:
        write_record(message)
    else:
        write(message_text(message, with_payload=True))


def history(other: OtherAgent, limit: Latest = 20, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Show the latest messages between you and another agent.

    The oldest of them comes first.

    \b
    Example:
      btmsg history architect-1 --limit 5
    """
    with Btmsg(db, agent=agent) as btmsg:
        messages = btmsg.history(other, limit)
    print_messages(messages, as_json, empty=_NO_MESSAGES)


def unseen(
    session: Annotated[str, typer.Option(metavar="SESSION", help="The session that reads.")],
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Show the unread messages that a session has not yet seen.

    They stay as they are; `ack --session` records that the session has seen them.

    \b
    Example:
      btmsg unseen --session s-42
    """
    with Btmsg(db, agent=agent) as btmsg:
        messages = btmsg.unseen(session)
    print_messages(messages, as_json, empty=f"The session {session} has seen everything.")


def ack(
    message_id: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A message's id, or the beginning of one; as often as wanted."),
    ] = None,
    session: Annotated[
        str | None, typer.Option(metavar="SESSION", help="The session that has seen it, in place of one named as you.")
    ] = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Record that a session has seen messages; print their ids.

    Without --message-id it is all that the session has not seen.

    \b
    Example:
      btmsg ack --message-id 3f2a --session s-42
    """
    if not message_id and session is None:
        raise UsageError(
            "no message is named", hint="give --message-id ID, or --session SESSION for all it has not seen"
        )
    with Btmsg(db, agent=agent) as btmsg:
        messages = btmsg.ack(message_id or None, session=session)
        name = session or btmsg.session.name()
    if as_json:
        write_json({"sessionId": name, "messages": [as_dict(message) for message in messages]})
    else:
        write_lines([message.id for message in messages], empty=f"The session {name} had seen everything.")


def feed(group: Group = None, limit: Latest = 50, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the latest messages across the group, newest first.

    A manager sees those of the whole group, others their own; admin and whoever is no agent those of all groups.

    \b
    Example:
      btmsg feed --limit 10
    """
    with Btmsg(db, agent=agent) as btmsg:
        entries = btmsg.get_feed(group, limit)
    print_table(
        "messages",
        entries,
        as_json,
        ("id", "from", "to", "sent", "message"),
        lambda one: (one.id, one.from_agent, one.to_agent, moment(one.created_at), summary(one.content)),
        empty=_NO_MESSAGES,
    )


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="All of them have to be there.")],
    limit: Latest = 50,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Search messages, channel posts and tasks, newest first.

    No sign means anything: what stands in quotes, begins with - or reads AND is words like any other.

    \b
    Example:
      btmsg search auth module
    """
    with Btmsg(db, agent=agent) as btmsg:
        hits = btmsg.search(" ".join(words), limit)
    print_table(
        "hits",
        hits,
        as_json,
        ("kind", "id", "from", "in", "sent", "text"),
        lambda hit: (hit.kind, hit.id, hit.from_agent, hit.place, moment(hit.created_at), summary(hit.content)),
        empty="Nothing has these words.",
    )
