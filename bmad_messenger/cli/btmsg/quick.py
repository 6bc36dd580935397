"""`unread` and `notify` without typer: an agent's hook calls them at every prompt.

Measured against `python -c "import sqlite3, json, argparse"`, `notify` takes 1.2 times its time and `unread` 1.4 times;
through typer, which parses everything else, both took 2.7 times.
"""

import os
from collections.abc import Sequence

from bmad_messenger.cli.output import write, write_json, write_lines


def answer(arguments: Sequence[str]) -> bool:
    """Run the command line where it is one of the two in its plainest form; whether it was.

    Raises:
        What `unread` and `notify` do.
    """
    run = {"unread": unread, "notify": notify}.get(arguments[0] if arguments else "")
    options = _options(arguments[1:]) if run else None
    if run is None or options is None:
        return False
    run(options.get("--agent"), options.get("--db"), "--json" in options)
    return True


def unread(agent: str | None, db: str | None, as_json: bool) -> None:
    """Print how many messages wait for the caller. Raises what `Btmsg.unread_count` does."""
    from bmad_messenger.btmsg.api import Btmsg

    with Btmsg(db, agent=agent) as btmsg:
        name, count = btmsg.session.name(), btmsg.unread_count()
    if as_json:
        write_json({"agentId": name, "unreadCount": count})
    else:
        write(f"{count}\n")


def notify(agent: str | None, db: str | None, as_json: bool) -> None:
    """Print one line where messages wait for the caller, and nothing where none do, or where nobody calls.

    A hook runs for every agent, those that never heard of btmsg included: for them it is no error.

    Raises:
        DamagedError, LockTimeoutError, NotPermittedError, StorageError: for the file.
    """
    from bmad_messenger.btmsg.database import Database
    from bmad_messenger.btmsg.unread import unread_count

    name, count = agent or os.environ.get("BTMSG_AGENT_ID") or None, 0
    database = Database(db)
    if name and os.path.exists(database.path):
        with database.reading() as connection:
            count = unread_count(connection, name)
        database.close()
    if as_json:
        write_json({"agentId": name, "unreadCount": count})
    elif count:
        write_lines([f"{count} unread message{'s' if count > 1 else ''} for {name}: btmsg read"])


def _options(arguments: Sequence[str]) -> dict[str, str] | None:
    """The options of a plain line, `--json` with an empty value; None where there is anything else."""
    found: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--json":
            found[argument] = ""
        elif name in ("--agent", "--db"):
            given = value if equals else next(rest, None)
            if given is None or given.startswith("-"):
                return None
            found[name] = given
        else:
            return None
    return found
