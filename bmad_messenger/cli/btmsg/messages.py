"""`send`, `reply` and `delete`: what changes the direct messages."""

from typing import Annotated

import typer

from bmad_messenger.btmsg.api import STALL_MINUTES, Btmsg
from bmad_messenger.btmsg.records import Sent, as_dict
from bmad_messenger.cli.btmsg.options import Agent, Content, Db, MessageId, StallMin, Words, text_of
from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write_json, write_lines
from bmad_messenger.errors import Problem


def send(
    to: Annotated[str, typer.Option(metavar="AGENT", help="The recipient.")],
    text: Words = None,
    content: Content = None,
    stall_min: StallMin = STALL_MINUTES,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Send a direct message and print its id.

    A message to an agent that is absent or stopped is kept as a dead letter; the exit code then is 4.

    \b
    Example:
      btmsg send --to architect-1 --content "Review the auth module architecture"
    """
    said = text_of(text, content)
    with Btmsg(db, agent=agent, stall_minutes=stall_min) as btmsg:
        _print_sent(btmsg.send(to, said), as_json)


def reply(
    message_id: MessageId,
    text: Words = None,
    content: Content = None,
    stall_min: StallMin = STALL_MINUTES,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Answer a message and print the answer's id.

    \b
    Example:
      btmsg reply 3f2a --content "Reviewed: no objections"
    """
    said = text_of(text, content)
    with Btmsg(db, agent=agent, stall_minutes=stall_min) as btmsg:
        _print_sent(btmsg.reply(message_id, said), as_json)


def delete(message_id: MessageId, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Delete a direct message or a post; managers may.

    \b
    Example:
      btmsg delete 3f2a
    """
    with Btmsg(db, agent=agent) as btmsg:
        deleted = btmsg.delete_message(message_id)
    if as_json:
        write_json({"id": deleted})
    else:
        write_lines([deleted])


def _print_sent(sent: Sent, as_json: bool) -> None:
    if sent.warning:
        warn(Problem(sent.warning, severity="warning"))
    if as_json:
        write_json({**as_dict(sent.message), "warning": sent.warning})
    else:
        write_lines([sent.message.id])
