"""How a run ends: its exit code, and on stderr what is wrong, where, and what to do."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from bmad_messenger import __version__
from bmad_messenger.cli.output import OutputClosedError, json_text, printable, wants_colour
from bmad_messenger.errors import MessengerError, Problem, UsageError

DEBUG_VARIABLE: Final = "BMAD_MESSENGER_DEBUG"
"""Set to anything but nothing, an error that is a bug shows its traceback."""

_INTERRUPTED: Final = 130  # 128 and the number of SIGINT, as a shell has it
_NOBODY_READS: Final = 141  # 128 and the number of SIGPIPE
_BUG: Final = 1


def exit_code_of(run: Callable[[], int], *, as_json: bool, program: str = "bmad-messenger") -> int:
    """What `run` returns, or the exit code of what it raises, which is printed on stderr.

    Args:
        run: the program.
        as_json: whether to print errors as one line of JSON.
        program: how the program is called.
    """
    try:
        return run()
    except MessengerError as error:
        _print_error(error, as_json)
        return error.exit_code
    except OutputClosedError:
        return _NOBODY_READS
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001  # what nobody foresaw is a bug, and shown as one
        return _exit_code_of_other(error, as_json, program)


def warn(problem: Problem) -> None:
    """Print a warning, one line on stderr."""
    _print(f"{_paint('warning:', 33)} {printable(str(problem), lines=False)}")


def _exit_code_of_other(error: Exception, as_json: bool, program: str) -> int:
    import typer  # only now: a command that parses its own line is done without it

    # The root of what typer raises for wrong usage has no public name in every version that serves here.
    wrong_usage = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
    if isinstance(error, typer.Abort):
        return _INTERRUPTED
    if isinstance(error, wrong_usage):
        _print_error(_usage_error(error), as_json)
        return UsageError.exit_code
    _print_error(_bug(error, program), as_json)
    return _BUG


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


def _print_error(error: MessengerError, as_json: bool) -> None:
    problems = error.problems or (error.problem,)
    if as_json:
        document: dict[str, Any] = {"error": error.problem.to_mapping()}
        if len(problems) > 1:
            document["problems"] = [problem.to_mapping() for problem in problems]
        _print(json_text(document))
    else:
        for problem in problems:
            _print(f"{_paint('error:', 31)} {printable(str(problem), lines=False)}")


def _print(line: str) -> None:
    if sys.stderr is not None:  # as it is where the file was closed before the start
        with suppress(OSError):  # where nobody hears, the exit code has to do
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


def _paint(word: str, colour: int) -> str:
    return f"\x1b[{colour}m{word}\x1b[0m" if wants_colour(sys.stderr) else word
