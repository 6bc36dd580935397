"""`answer`: answer what a run, or an agent, has asked."""

from typing import Annotated

import typer

from bmad_messenger.cli.errors import warn
from bmad_messenger.cli.options import FromAgent, Json, MessageId, Project
from bmad_messenger.cli.output import telling_sent, write_json, write_lines
from bmad_messenger.messenger import Messenger


def answer(
    message_id: MessageId,
    words: Annotated[
        list[str], typer.Argument(metavar="ANSWER...", help="The answer; for a form, NAME=VALUE for each part.")
    ],
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="A word on it.")] = None,
    from_agent: FromAgent = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Answer a question, and close it.

    A run that asked goes on with the next `workflow tick`.

    \b
    Example:
      bmad-messenger answer a1b2 approve --note "ship it"
    """
    from bmad_messenger.workflow.answering import answer as send_answer
    from bmad_messenger.workflow.answering import question_of

    messenger = Messenger.open(project, report=warn)
    sent = send_answer(messenger, question_of(messenger, message_id), words, note=note, by=from_agent)
    with telling_sent([sent.message_id]):
        if as_json:
            write_json(sent.to_mapping())
        else:
            write_lines([sent.message_id])
