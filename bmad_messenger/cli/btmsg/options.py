"""The options and arguments that the commands of `btmsg` and `bttask` share, and the text that they are given."""

from typing import Annotated

import typer

from bmad_messenger.errors import UsageError

Agent = Annotated[str | None, typer.Option(metavar="AGENT", help="Who calls, in place of BTMSG_AGENT_ID.")]
Db = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The database, in place of BTMSG_DB or agor/btmsg.db in your data folder."),
]
Group = Annotated[str | None, typer.Option(metavar="GROUP", help="Those of this group, in place of your own.")]
AnyGroup = Annotated[str | None, typer.Option(metavar="GROUP", help="Only those of this group.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="At most so many.")]
Latest = Annotated[int, typer.Option(metavar="N", min=1, help="The latest so many.")]

MessageId = Annotated[str, typer.Argument(metavar="ID", help="A message's id, or the beginning of one.")]
OtherAgent = Annotated[str, typer.Argument(metavar="AGENT", help="An agent's id.")]
Content = Annotated[str | None, typer.Option(metavar="TEXT", help="What to say; - reads it from stdin.")]
Words = Annotated[str | None, typer.Argument(metavar="TEXT", help="The same without --content.")]
ChannelName = Annotated[str | None, typer.Argument(metavar="CHANNEL", help="Its name, with or without #, or its id.")]
Channel = Annotated[str | None, typer.Option(metavar="CHANNEL", help="The same as an option.")]
StallMin = Annotated[
    float,
    typer.Option(
        "--stall-threshold-min",
        envvar="BTMSG_STALL_THRESHOLD_MIN",
        show_envvar=False,
        metavar="MINUTES",
        min=0,
        help="When a silent agent counts as stalled, in place of BTMSG_STALL_THRESHOLD_MIN or 15.",
    ),
]


def text_of(argument: str | None, content: str | None) -> str:
    """What the user says, given as an argument or as `--content`; `-` is all of stdin.

    Raises:
        UsageError: where both or none is given.
        InvalidError: where stdin is not UTF-8.
    """
    text = one_of(argument, content, "TEXT", "--content")
    if text == "-":
        from bmad_messenger.cli.sources import read_source

        return read_source("-").rstrip("\n")
    return text


def one_of(argument: str | None, option: str | None, metavar: str, name: str) -> str:
    """The value of an argument that may be written as an option.

    Raises:
        UsageError: where both or none is given.
    """
    if argument is not None and option is not None:
        raise UsageError(f"{metavar} and {name} are the same", hint="leave one of them out")
    value = argument if option is None else option
    if value is None:
        raise UsageError(f"missing {metavar}", hint=f"give it as an argument or with {name}")
    return value
