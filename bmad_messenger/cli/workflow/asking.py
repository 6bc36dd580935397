"""Asks on this terminal what a run wants to know, in place of waiting for an answer."""

from __future__ import annotations

import sys

from bmad_messenger.cli.output import is_terminal, write_lines
from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.workflow.answering import answer, question_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run


def answered(engine: Engine, run: Run) -> bool:
    """Put the run's open questions to who sits here; whether one was answered.

    Raises:
        UsageError: where nobody sits here.
    """
    open_questions = [one["answer_to"] for one in run.waits if "answer_to" in one]
    if open_questions and not is_terminal(sys.stdin):
        raise UsageError("nobody can be asked here", hint="use --interactive on a terminal, or `bmad-messenger answer`")
    for message_id in open_questions:
        question = question_of(engine.messenger, message_id)
        write_lines([question.text, *question.how])
        while True:
            text = input("> ").strip()
            try:
                answer(engine.messenger, question, [text] if question.form is None else text.split())
                break
            except InvalidError as error:
                write_lines([str(error.problem)])
    return bool(open_questions)
