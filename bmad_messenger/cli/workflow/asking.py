"""Asks on this terminal what a run wants to know of the user, in place of waiting for an answer."""

import sys
from collections.abc import Iterator

from bmad_messenger.cli.output import is_terminal, write_lines
from bmad_messenger.config import USER
from bmad_messenger.errors import MessengerError, UsageError
from bmad_messenger.workflow.answering import Question, answer, question_of
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.run import Run


def require_terminal() -> None:
    """Refuse to ask where nobody sits.

    Raises:
        UsageError: where input or output is no terminal.
    """
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError("nobody can be asked here", hint="use --interactive on a terminal, or `bmad-messenger answer`")


def answered(engine: Engine, run: Run) -> bool:
    """Put the open questions of a run, and of those that it waits for, to who sits here; whether one was answered.

    An end of input (Ctrl-D) leaves the question open.
    """
    return any(_ask(engine, question_of(engine.messenger, one)) for one in [*_questions(engine, run)])


def _questions(engine: Engine, run: Run) -> Iterator[str]:
    for waits_for in run.waits:
        if waits_for.get("from") == USER and "answer_to" in waits_for:
            yield waits_for["answer_to"]
        elif "run" in waits_for:
            yield from _questions(engine, engine.runs.read(waits_for["run"]))


def _ask(engine: Engine, question: Question) -> bool:
    write_lines([question.text, *question.how])
    while True:
        try:
            words = [input("> ").strip()] if question.form is None else _parts(question)
        except EOFError:
            write_lines([])
            return False
        try:
            answer(engine.messenger, question, words)
        except MessengerError as error:
            write_lines([str(problem) for problem in error.problems or (error.problem,)])
        else:
            return True


def _parts(question: Question) -> list[str]:
    """What is said to each part of a form; nothing leaves a part out, or at its default."""
    given = ((name, input(f"{name}> ").strip()) for name in question.parts)
    return [f"{name}={text}" for name, text in given if text]
