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
from bmad_messenger.cli.btmsg.printing import moment, write_posts, write_record, write_records
from bmad_messenger.cli.options import Json
from bmad_messenger.cli.output import write_lines, write_table


def channels(group: Group = None, agent: Agent = None, db: Db = None, as_json: Json = False) -> None:
    """List the channels of your group.

    \b
    Example:
      btmsg channels
    """
    with Btmsg(db, agent=agent) as btmsg:
        found = btmsg.get_channels(group)
    if as_json:
        write_records("channels", found)
        return
    rows = [
        (_hash(one), one.group_id, str(one.member_count), one.created_by, moment(one.created_at), one.id)
        for one in found
    ]
    write_table(("channel", "group", "members", "created by", "created", "id"), rows, empty="No channels.")


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
    wanted = _channel(name, channel)
    with Btmsg(db, agent=agent) as btmsg:
        _print_channel(btmsg.channel_create(wanted, group_id=group), as_json)


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
    wanted = _channel(name, channel)
    with Btmsg(db, agent=agent) as btmsg:
        _print_channel(btmsg.channel_join(wanted, group_id=group), as_json)


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
    wanted, said = _channel(name, channel), text_of(text, content)
    with Btmsg(db, agent=agent) as btmsg:
        post = btmsg.channel_post(wanted, said, group_id=group)
    if as_json:
        write_record(post)
    else:
        write_lines([post.id])


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
    wanted = _channel(name, channel)
    with Btmsg(db, agent=agent) as btmsg:
        posts = btmsg.get_channel_messages(wanted, limit, group_id=group)
    if as_json:
        write_records("messages", posts)
    else:
        write_posts(posts, empty="No posts.")


def _channel(name: str | None, channel: str | None) -> str:
    return one_of(name, channel, "CHANNEL", "--channel")


def _hash(channel: ChannelRecord) -> str:
    return f"#{channel.name.lstrip('#')}"


def _print_channel(channel: ChannelRecord, as_json: bool) -> None:
    if as_json:
        write_record(channel)
    else:
        members = "1 member" if channel.member_count == 1 else f"{channel.member_count} members"
        write_lines([f"{_hash(channel)} of {channel.group_id}: {members}"])
