"""How a run ends: its exit code, and on stderr what is wrong, where, and what to do."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

from bmad_messenger import __version__
from bmad_messenger.cli.output import OutputClosedError, give_up_stdout, json_text, printable, wants_colour
from bmad_messenger.errors import MessengerError, Problem, StorageError, UsageError

DEBUG_VARIABLE: Final = "BMAD_MESSENGER_DEBUG"
"""Set to anything but nothing, an error that is a bug shows its traceback."""

_INTERRUPTED: Final = 130  # 128 and the number of SIGINT, as a shell has it
_NOBODY_READS: Final = 141  # 128 and the number of SIGPIPE
_BUG: Final = 1

_kept: ContextVar[list[Problem] | None] = ContextVar("kept", default=None)  # of a run with --json, its warnings


def exit_code_of(run: Callable[[], int], *, as_json: bool, program: str = "bmad-messenger") -> int:
    """What `run` returns, or the exit code of what it raises, which is printed on stderr.

    Args:
        run: the program.
        as_json: whether to print the error, with the run's warnings, as one line of JSON.
        program: how the program is called.
    """
    warnings: list[Problem] = []
    token = _kept.set(warnings if as_json else None)
    try:
        code, error = _end_of(run, program)
    finally:
        _kept.reset(token)
    if as_json:
        _print_document(error, warnings)
    elif error is not None:
        for problem in error.problems or (error.problem,):
            complain(problem)
    return code


def warn(problem: Problem) -> None:
    """Print a warning, one line on stderr; with `--json`, it waits for the one document that the run ends with."""
    kept = _kept.get()
    if kept is not None:
        kept.append(problem)
    else:
        _print(f"{_paint('warning:', 33)} {printable(str(problem), lines=False)}")


def complain(problem: Problem) -> None:
    """Print an error that does not end the run, one line on stderr."""
    _print(f"{_paint('error:', 31)} {printable(str(problem), lines=False)}")


def say(text: str) -> None:
    """Print a part of a line on stderr, where a person is asked something."""
    with suppress(OSError):  # who hears nothing answers nothing
        sys.stderr.write(text)
        sys.stderr.flush()


def _end_of(run: Callable[[], int], program: str) -> tuple[int, MessengerError | None]:
    """The exit code of a run, and the error that ended it."""
    try:
        return run(), None
    except MessengerError as error:
        return error.exit_code, error
    except OutputClosedError:
        return _NOBODY_READS, None
    except KeyboardInterrupt:
        return _INTERRUPTED, None
    except Exception as error:  # noqa: BLE001  # what nobody foresaw is a bug, and shown as one
        return _end_of_other(error, program)


def _end_of_other(error: Exception, program: str) -> tuple[int, MessengerError | None]:
    import typer  # only now: a command that parses its own line is done without it

    # The root of what typer raises for wrong usage has no public name in every version that serves here.
    wrong_usage = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    if isinstance(error, typer.Abort):
        return _INTERRUPTED, None
    if isinstance(error, wrong_usage):
        return UsageError.exit_code, _usage_error(error)
    if isinstance(error, OSError):  # as where typer can't print a help page
        give_up_stdout()
        message = f"the system refused: {error.strerror or error}"
        return StorageError.exit_code, StorageError(message, hint="mend the cause and run the command again")
    return _BUG, _bug(error, program)


def _usage_error(error: Any) -> UsageError:
    """An error of typer's in our words: `no such option: --prioritty; did you mean --priority?`."""
    message: str = getattr(error, "message", "")
    near = getattr(error, "possibilities", None)
    option = getattr(error, "option_name", None)
    if near is not None and option is not None:
        message = f"there is no option {option}"
    else:
        message = error.format_message().strip().rstrip(".")
    command = error.ctx.command_path if error.ctx else None
    if near:
        return UsageError(message, hint=f"did you mean {' or '.join(sorted(near))}?")
    return UsageError(message[:1].lower() + message[1:], hint=f"see `{command} --help`" if command else "")


def _bug(error: Exception, program: str) -> MessengerError:
    if os.environ.get(DEBUG_VARIABLE):
        import traceback

        _print("".join(traceback.format_exception(error)).rstrip())
    return MessengerError(
        f"this is a bug in {program} {__version__}: {type(error).__name__}: {error}",
        hint=f"set {DEBUG_VARIABLE}=1 to see the traceback, and report it",
    )


def _print_document(error: MessengerError | None, warnings: list[Problem]) -> None:
    """Print what there is to say as one JSON document."""
    document: dict[str, Any] = {}
    if error is not None:
        document["error"] = error.problem.to_mapping()
        if len(error.problems) > 1:
            document["problems"] = [problem.to_mapping() for problem in error.problems]
    if warnings:
        document["warnings"] = [problem.to_mapping() for problem in warnings]
    if document:
        _print(json_text(document))


def _print(line: str) -> None:
    if sys.stderr is not None:  # as it is where the file was closed before the start
        with suppress(OSError):  # where nobody hears, the exit code has to do
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _paint(word: str, colour: int) -> str:
    return f"\x1b[{colour}m{word}\x1b[0m" if wants_colour(sys.stderr) else word
