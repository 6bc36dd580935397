"""Which environment variables a run reads as secrets; where one is not set, nothing could be masked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.workflow.library import Library
from bmad_messenger.workflow.model import Workflow


class SecretMissingError(InvalidError):
    """The value of a secret is not set here."""


def secrets_of(workflow: Workflow, library: Library) -> tuple[str, ...]:
    """The names of a workflow's secrets and of those of the workflows that it runs, each once."""
    names, seen, left = dict[str, None](), {workflow.name}, [workflow]
    while left:
        one = left.pop()
        names |= dict.fromkeys(one.secrets)
        for step in one.all_steps:
            if step.kind == "workflow" and step.what not in seen:
                seen.add(step.what)
                with suppress(MessengerError):  # the step that runs it will tell
                    left.append(library.read(step.what)[0])
    return tuple(names)


def require_secrets(names: Iterable[str], what: str) -> None:
    """Refuse to go on where one of these is not set; `what` needs it.

    Raises:
        SecretMissingError: with the names of those that are missing.
    """
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        several = len(missing) > 1
        raise SecretMissingError(
            f"{what} needs the secret{'s' if several else ''} {', '.join(missing)}",
            hint="set those environment variables" if several else "set that environment variable",
        )
