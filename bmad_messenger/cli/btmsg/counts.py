"""`unread` and `notify` as typer has them: for the help, and for a line that `quick` leaves."""

from bmad_messenger.cli.btmsg import quick
from bmad_messenger.cli.btmsg.options import Agent, Db
from bmad_messenger.cli.options import Json


def unread(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Print how many messages wait for you.

    \b
    Example:
      btmsg unread
    """
    quick.unread(agent, db, as_json)


def notify(agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """Print one line when there is unread mail, nothing otherwise.

    Made to be called from a hook at every prompt: it starts fast, and where no agent is named it is silent.

    \b
    Example:
      btmsg notify
    """
    quick.notify(agent, db, as_json)
