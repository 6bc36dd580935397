"""`--json` of every command of `btmsg` and `bttask`: one document on stdout, one object on stderr, fields by name."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bmad_messenger.btmsg import Btmsg, DeadLetterError
from bmad_messenger.cli.btmsg import commands as btmsg_commands
from bmad_messenger.cli.bttask import main as bttask_commands

Program = Callable[..., Any]

AGENT = {"id", "name", "role", "groupId", "tier", "model", "status", "cwd", "lastActiveAt", "createdAt"}
LISTED_AGENT = AGENT | {"unreadCount"}
FEED_ENTRY = {
    *("id", "fromAgent", "toAgent", "content", "read", "replyTo", "groupId", "createdAt", "senderName", "senderRole"),
    *("recipientName", "recipientRole"),
}
MESSAGE = FEED_ENTRY - {"recipientName", "recipientRole"} | {"senderGroupId", "payload"}
CHANNEL = {"id", "name", "groupId", "createdBy", "memberCount", "createdAt"}
POST = {"id", "channelId", "fromAgent", "content", "createdAt", "senderName", "senderRole"}
HEALTH = {"agentId", "name", "role", "status", "state", "lastHeartbeat", "secondsSince", "unreadCount"}
NODE = {"id", "name", "role", "tier", "status", "unreadCount", "contacts"}
DEAD_LETTER = {"id", "fromAgent", "toAgent", "content", "error", "replyTo", "createdAt"}
HIT = {"kind", "id", "fromAgent", "place", "content", "createdAt"}
TASK = {
    *("id", "title", "description", "status", "priority", "assignedTo", "createdBy", "groupId", "parentTaskId"),
    *("sortOrder", "createdAt", "updatedAt", "version"),
}
COMMENT = {"id", "taskId", "agentId", "content", "createdAt"}


class Command(NamedTuple):
    """A command line, the fields of its document, and those of the objects in the lists that it holds."""

    line: str
    fields: set[str]
    lists: dict[str, set[str]] = {}  # noqa: RUF012  # nothing changes it
    agent: str = "mgr-1"


BTMSG = {
    "send": Command("--to dev-1 Hello", MESSAGE | {"warning"}),
    "read": Command("", {"messages"}, {"messages": MESSAGE}, "architect-1"),
    "inbox": Command("--all", {"messages"}, {"messages": MESSAGE}, "architect-1"),
    "show": Command("MESSAGE", MESSAGE),
    "reply": Command("MESSAGE Thanks", MESSAGE | {"warning"}, agent="architect-1"),
    "history": Command("architect-1", {"messages"}, {"messages": MESSAGE}),
    "feed": Command("", {"messages"}, {"messages": FEED_ENTRY}),
    "search": Command("review", {"hits"}, {"hits": HIT}),
    "delete": Command("MESSAGE", {"id"}),
    "unread": Command("", {"agentId", "unreadCount"}),
    "notify": Command("", {"agentId", "unreadCount"}),
    "unseen": Command("--session s", {"messages"}, {"messages": MESSAGE}, "architect-1"),
    "ack": Command("--session s", {"sessionId", "messages"}, {"messages": MESSAGE}, "architect-1"),
    "channels": Command("", {"channels"}, {"channels": CHANNEL}),
    "channel-create": Command("releases", CHANNEL),
    "channel-join": Command("review-log", CHANNEL),
    "channel-post": Command("review-log Done", POST),
    "channel-read": Command("review-queue", {"messages"}, {"messages": POST}),
    "register": Command("--id dev-3 --group my-team", AGENT),
    "agents": Command("", {"agents"}, {"agents": LISTED_AGENT}),
    "whoami": Command("", LISTED_AGENT),
    "contacts": Command("", {"contacts"}, {"contacts": LISTED_AGENT}),
    "allow": Command("dev-1 dev-2", {"agentId", "contactId", "both", "allowed"}),
    "deny": Command("dev-1 dev-2 --both", {"agentId", "contactId", "both", "allowed"}),
    "status": Command("dev-1 sleeping", AGENT),
    "heartbeat": Command("", {"agentId", "timestamp"}),
    "health": Command("", {"agents"}, {"agents": HEALTH}),
    "graph": Command("", {"agents"}, {"agents": NODE}),
    "dead-letters": Command("", {"deadLetters"}, {"deadLetters": DEAD_LETTER}),
    "dead-letters --retry": Command("", {"retried"}, {"retried": {"id", "toAgent", "messageId", "error"}}),
    "dead-letters --clear": Command("", {"cleared"}),
    "audit": Command("", {"entries"}, {"entries": {"id", "agentId", "eventType", "detail", "createdAt"}}),
}
BTTASK = {
    "list": Command("", {"tasks"}, {"tasks": TASK}),
    "show": Command("TASK", TASK | {"comments"}, {"comments": COMMENT}),
    "board": Command("", {"columns"}, {"columns": {"status", "tasks"}}),
    "priorities": Command("", {"priorities"}, {"priorities": {"priority", "open", "total"}}),
    "add": Command("Ship", TASK),
    "assign": Command("TASK dev-2", TASK),
    "status": Command("TASK review", TASK),
    "priority": Command("TASK high", TASK),
    "comment": Command("TASK Fine", COMMENT),
    "delete": Command("TASK", TASK),
}
TABLES = {"btmsg": BTMSG, "bttask": BTTASK}
COMMANDS = [(program, name) for program, table in TABLES.items() for name in table]
IDS = [" ".join(one) for one in COMMANDS]


class Prepared(NamedTuple):
    """A database with what the commands need: a message, a post, a dead letter, a task with a comment."""

    path: Path
    message: str
    task: str


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    path = tmp_path_factory.mktemp("prepared") / "btmsg.db"
    with Btmsg(path, agent="mgr-1") as btmsg:
        for agent, role in {"mgr-1": "manager", "architect-1": "architect", "dev-1": None, "dev-2": None}.items():
            btmsg.register(agent, group_id="my-team", role=role)
        message = btmsg.send("architect-1", "Review it").message
        btmsg.channel_post("review-queue", "Review it")
        with pytest.raises(DeadLetterError):
            btmsg.send("ghost", "Boo")
        task = btmsg.board.add("Review it", assigned_to="dev-1")
        btmsg.board.comment(task.id, "Begun")
    return Prepared(path, message.id, task.id)


@pytest.fixture
def run(prepared: Prepared, database: Path, btmsg: Program, bttask: Program) -> Program:
    """Runs a command of the tables, with more options, on a database of its own."""
    database.parent.mkdir()
    shutil.copy(prepared.path, database)

    def run_command(program: str, name: str, *more: str) -> Any:
        command = TABLES[program][name]
        line = command.line.replace("MESSAGE", prepared.message[:8]).replace("TASK", prepared.task[:8])
        run = {"btmsg": btmsg, "bttask": bttask}[program]
        return run(*name.split(), *line.split(), "--json", *more, agent=command.agent)

    return run_command


def test_every_command_is_in_the_tables() -> None:
    for table, sections in ((BTMSG, btmsg_commands.SECTIONS), (BTTASK, bttask_commands.SECTIONS)):
        names = {name for section in sections.values() for name in section}
        assert {name.partition(" ")[0] for name in table} == names


@pytest.mark.parametrize(("program", "name"), COMMANDS, ids=IDS)
def test_document_has_the_fields_of_the_structs(run: Program, program: str, name: str) -> None:
    ended = run(program, name)
    command = TABLES[program][name]

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("\n") == 1
    assert {*ended.document} == command.fields
    for key, fields in command.lists.items():
        assert ended.document[key], "an empty list shows nothing"
        assert [{*item} for item in ended.document[key]] == [fields] * len(ended.document[key])
    assert [key for key in _keys(ended.document) if not re.fullmatch(r"[a-z]+([A-Z][a-z]*)*", key)] == []


@pytest.mark.parametrize(("program", "name"), COMMANDS, ids=IDS)
def test_error_is_one_object(run: Program, program: str, name: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database" * 100)
    ended = run(program, name, "--db", str(damaged))

    assert (ended.code, ended.out) == (7, "")
    assert ended.err.count("\n") == 1
    assert {*json.loads(ended.err)["error"]} == {"code", "message", "hint", "path", "line", "column"}
    assert ended.error["error"]["path"] == str(damaged)


@pytest.mark.parametrize(("program", "name"), [one for one in COMMANDS if one[1] != "search"])
def test_wrong_usage_is_one_object(run: Program, program: str, name: str) -> None:
    ended = run(program, name, "--nonsense")

    assert (ended.code, ended.out) == (2, "")
    assert ended.error["error"]["code"] == "usage"


REFUSED = {
    "btmsg": ("delete", "allow", "deny", "status", "channel-create", "dead-letters --clear", "show"),
    "bttask": ("add", "assign", "priority", "delete", "comment", "status"),
}


@pytest.mark.parametrize(("program", "name"), [(program, name) for program, names in REFUSED.items() for name in names])
def test_refusal_is_one_object_that_says_who_may(run: Program, program: str, name: str) -> None:
    ended = run(program, name, "--agent", "dev-2")

    assert (ended.code, ended.out) == (6, "")
    assert ended.error["error"]["code"] == "not-permitted"
    assert re.match("only manager.* may", ended.error["error"]["hint"])


def test_dead_letter_is_one_object(run: Program, btmsg: Program) -> None:
    ended = btmsg("send", "--to", "ghost", "Boo", "--json", agent="mgr-1")

    assert (ended.code, ended.out) == (4, "")
    assert ended.error["error"]["code"] == "dead-letter"
    assert ended.error["error"]["message"] == "not delivered: there is no agent ghost; kept as dead letter 2"


def test_conflict_is_one_object(run: Program) -> None:
    run("bttask", "priority")
    ended = run("bttask", "status", "--version", "1")

    assert (ended.code, ended.out) == (3, "")
    assert "mgr-1 priority: medium to high (version 2)" in ended.error["error"]["message"]


def _keys(document: Any) -> list[str]:
    if isinstance(document, list):
        return [key for item in document for key in _keys(item)]
    if isinstance(document, dict):
        return [*document, *(key for name, value in document.items() if name != "payload" for key in _keys(value))]
    return []
