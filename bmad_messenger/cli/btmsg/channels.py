"""`channels`, `channel-create`, `channel-join`, `channel-post` and `channel-read`."""

from bmad_messenger.btmsg.api import Btmsg
from bmad_messenger.btmsg.records import Channel as ChannelRecord
from bmad_messenger.cli.btmsg.options import (
    Agent,
    Channel,
    ChannelName,
    Content,
    Db,
    Group,
    Latest,
    Words,
    one_of,
    text_of,
)
from bmad_messenger.cli.btmsg.printing import moment, print_posts, print_record, print_table
from bmad_messenger.cli.options import Json

_COLUMNS = ("channel", "group", "members", "created by", "created", "id")


def channels(group: Group = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the channels of your group.

    Admin and whoever is no agent see those of all groups.

    \b
    Example:
      btmsg channels
    """
    with Btmsg(db, agent=agent) as btmsg:
        found = btmsg.get_channels(group)
    print_table("channels", found, as_json, _COLUMNS, _row, empty="No channels.")


def channel_create(
    name: ChannelName = None,
    channel: Channel = None,
    group: Group = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Make a channel and join it; managers may.

    \b
    Example:
      btmsg channel-create releases
    """
    with Btmsg(db, agent=agent) as btmsg:
        made = btmsg.channel_create(_named(name, channel), group_id=group)
    print_record(made, as_json, _line(made))


def channel_join(
    name: ChannelName = None,
    channel: Channel = None,
    group: Group = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Become a member of a channel.

    \b
    Example:
      btmsg channel-join releases
    """
    with Btmsg(db, agent=agent) as btmsg:
        joined = btmsg.channel_join(_named(name, channel), group_id=group)
    print_record(joined, as_json, _line(joined))


def channel_post(
    name: ChannelName = None,
    text: Words = None,
    channel: Channel = None,
    content: Content = None,
    group: Group = None,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Post to a channel that you are in and print the post's id.

    \b
    Example:
      btmsg channel-post --channel review-queue --content "Task T-42 moved to review"
    """
    if channel is not None and text is None:
        name, text = None, name  # what stands alone beside --channel is the text
    with Btmsg(db, agent=agent) as btmsg:
        post = btmsg.channel_post(_named(name, channel), text_of(text, content), group_id=group)
    print_record(post, as_json, post.id)


def channel_read(
    name: ChannelName = None,
    channel: Channel = None,
    group: Group = None,
    limit: Latest = 50,
    agent: Agent = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Show a channel's latest posts, oldest first.

    \b
    Example:
      btmsg channel-read review-queue --limit 5
    """
    with Btmsg(db, agent=agent) as btmsg:
        posts = btmsg.get_channel_messages(_named(name, channel), limit, group_id=group)
    print_posts(posts, as_json, empty="No posts.")


def _named(name: str | None, channel: str | None) -> str:
    return one_of(name, channel, "CHANNEL", "--channel")


def _hash(channel: ChannelRecord) -> str:
    return f"#{channel.name.lstrip('#')}"


def _line(channel: ChannelRecord) -> str:
    members = "1 member" if channel.member_count == 1 else f"{channel.member_count} members"
    return f"{_hash(channel)} of {channel.group_id}: {members}"


def _row(one: ChannelRecord) -> tuple[str, ...]:
    return _hash(one), one.group_id, str(one.member_count), one.created_by, moment(one.created_at), one.id
