"""`edit`: the queue, or one message, in the user's editor; merged with what came meanwhile."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from bmad_messenger.cli import complete
from bmad_messenger.cli.editor import users_editor
from bmad_messenger.cli.errors import complain, say, warn
from bmad_messenger.cli.message_text import one_line
from bmad_messenger.cli.options import Json, Project
from bmad_messenger.cli.output import is_terminal, write_json, write_lines
from bmad_messenger.editing import Choice, Outcome, edit, left_drafts
from bmad_messenger.errors import Problem, UsageError
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger

_KEYS: Final = {choice.value[0]: choice for choice in Choice}


def edit_queue(
    message_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="This message alone; in place of its id, any beginning or end of it.",
            autocompletion=complete.message_ids,
        ),
    ] = None,
    draft: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Go on with a draft that an edit has kept.")
    ] = None,
    as_json: Json = False,
    project: Project = None,
) -> None:
    """Edit the queue in your editor, and merge the result.

    A copy is opened in VISUAL or EDITOR. It is checked when you close it, and then merged with what came into the queue
    meanwhile; nothing is overwritten. A message that you delete is cancelled. What can't be saved is kept as a draft.

    \b
    Example:
      bmad-messenger edit
      bmad-messenger edit a1b2
    """
    if message_id is not None and draft is not None:
        raise UsageError("a draft knows what it is of", hint="leave the id out")
    messenger = Messenger.open(project, report=warn)
    editor = users_editor()
    if draft is None:
        for left in left_drafts(messenger.project):
            name = messenger.project.name(left)
            hint = f"`bmad-messenger edit --draft {name}` goes on with it; delete it if nobody needs it"
            warn(Problem("an earlier edit left a draft", hint, name, severity="warning"))
    is_watched = not as_json and is_terminal(sys.stdin) and is_terminal(sys.stderr)
    outcome = edit(messenger, message_id, editor=editor, ask=_ask if is_watched else None, draft=draft)
    if as_json:
        write_json(_document(outcome, messenger))
    else:
        write_lines(_lines(outcome), empty="Saved." if outcome.is_saved else "Nothing changed.")


def _ask(problems: Sequence[Problem], choices: Sequence[Choice]) -> Choice:
    """Ask on the terminal; who gives no answer keeps the draft."""
    for problem in problems:
        (warn if problem.severity == "warning" else complain)(problem)
    offer = ", ".join(f"[{choice.value[0]}]{choice.value[1:]}" for choice in choices)
    while True:
        try:
            say(f"{offer}? ")
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            answer = ""
        if not answer:
            say("\n")
            return Choice.KEEP
        choice = _KEYS.get(answer.strip().lower()[:1])
        if choice is not None and choice in choices:
            return choice


def _lines(outcome: Outcome) -> list[str]:
    return [
        *(f"changed {message_id}" for message_id in outcome.changed),
        *(f"added {message.message_id}: {one_line(message)}" for message in outcome.added),
        *(f"{message.message_id} {_end(message)}" for message in outcome.closed),
        *outcome.notes,
    ]


def _end(message: Message) -> str:
    return message.status.value + (f": {message.note}" if message.note else "")


def _document(outcome: Outcome, messenger: Messenger) -> dict[str, object]:
    return {
        "saved": outcome.is_saved,
        "changed": [*outcome.changed],
        "added": [message.to_mapping() for message in outcome.added],
        "closed": [message.to_mapping() for message in outcome.closed],
        "notes": [*outcome.notes],
        "drafts": [messenger.project.name(path) for path in outcome.drafts],
    }
