"""The commands of `btmsg`, section by section."""

from typing import Final

from bmad_messenger.cli.lazy_group import LazyGroup
from bmad_messenger.cli.program import program

SECTIONS: Final = {
    "Messages": {
        "send": "messages:send",
        "read": "reading:read",
        "inbox": "reading:inbox",
        "show": "reading:show",
        "reply": "messages:reply",
        "history": "reading:history",
        "feed": "reading:feed",
        "search": "reading:search",
        "delete": "messages:delete",
        "unread": "counts:unread",
        "notify": "counts:notify",
        "unseen": "reading:unseen",
        "ack": "reading:ack",
    },
    "Channels": {
        "channels": "channels:channels",
        "channel-create": "channels:channel_create",
        "channel-join": "channels:channel_join",
        "channel-post": "channels:channel_post",
        "channel-read": "channels:channel_read",
    },
    "Agents": {
        "register": "agents:register",
        "agents": "agents:agents",
        "whoami": "agents:whoami",
        "contacts": "agents:contacts",
        "allow": "agents:allow",
        "deny": "agents:deny",
        "status": "agents:status",
        "heartbeat": "agents:heartbeat",
    },
    "Monitoring": {
        "health": "monitoring:health",
        "graph": "monitoring:graph",
        "dead-letters": "monitoring:dead_letters",
        "audit": "monitoring:audit",
    },
}
"""The sections of the help page: the commands of each, with the module of this package and its function."""


class Commands(LazyGroup):
    """The program's commands."""

    sections = SECTIONS
    package = __package__
    free_text = frozenset({"search"})


app = program(
    "btmsg",
    Commands,
    """Agents send each other messages and post to channels, in one database that other programs share.

    You are the agent that BTMSG_AGENT_ID names, or --agent.

    \b
    Example:
      btmsg register --id mgr-1 --name "Manager" --role manager --group my-team --tier 1
      btmsg send --to architect-1 --content "Review the auth module architecture"
      btmsg read
    """,
)
