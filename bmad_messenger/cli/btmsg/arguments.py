"""What a command line has to be before any command sees it: text that a database can hold."""

from collections.abc import Iterable

from bmad_messenger.errors import UsageError


def require_utf8(arguments: Iterable[str]) -> None:
    """Nothing, where all arguments are text.

    Raises:
        UsageError: where one is not UTF-8; Python gives its bytes as surrogates, which no database takes.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{argument!r} is not UTF-8", hint="write it in UTF-8") from None
