"""Every function of the Python API that reads, as one call each."""

from __future__ import annotations

from collections.abc import Callable

from bmad_messenger.btmsg import Btmsg

READS: dict[str, Callable[[Btmsg], object]] = {
    "get_agents": lambda btmsg: btmsg.get_agents(),
    "visible_agents": lambda btmsg: btmsg.visible_agents(),
    "whoami": lambda btmsg: btmsg.whoami(),
    "unread_count": lambda btmsg: btmsg.unread_count(),
    "unread_messages": lambda btmsg: btmsg.unread_messages(),
    "inbox": lambda btmsg: btmsg.inbox(),
    "unseen": lambda btmsg: btmsg.unseen("s"),
    "history": lambda btmsg: btmsg.history("mgr"),
    "get_message": lambda btmsg: [btmsg.get_message(one.id) for one in btmsg.inbox() if one.id],
    "get_feed": lambda btmsg: btmsg.get_feed("g"),
    "get_channels": lambda btmsg: btmsg.get_channels(),
    "get_channel_messages": lambda btmsg: btmsg.get_channel_messages("c"),
    "contacts": lambda btmsg: btmsg.contacts(),
    "health": lambda btmsg: btmsg.health(),
    "graph": lambda btmsg: btmsg.graph(),
    "dead_letters": lambda btmsg: btmsg.dead_letters(),
    "audit": lambda btmsg: btmsg.audit(),
    "search": lambda btmsg: btmsg.search("word"),
    "tasks": lambda btmsg: btmsg.board.tasks("g"),
    "columns": lambda btmsg: btmsg.board.columns("g"),
    "priorities": lambda btmsg: btmsg.board.priorities("g"),
    "comments": lambda btmsg: btmsg.board.comments("t"),
    "get": lambda btmsg: btmsg.board.get("t"),
}

WRITES = {
    *("register", "set_status", "heartbeat", "allow", "deny"),
    *("send", "reply", "mark_read", "ack", "delete_message", "retry_dead_letters", "clear_dead_letters"),
    *("channel_create", "channel_join", "channel_post", "ensure_review_channels"),
    *("add", "assign", "set_priority", "comment", "delete"),
    "close",
}
"""The names of all others."""
