"""The few sentences in BMAD's instructions that a program understands; every one is short and says nothing else."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 300  # characters; what is longer says more than that
_CONDITION: Final = re.compile(r"(?:else )?(?:if|when) (?P<condition>.+)", re.IGNORECASE)
_GOES_ON: Final = re.compile(r"[:→] |-> ")
_JUMP: Final = re.compile(
    r"(?:goto|go to|jump to|continue (?:to|at|with)|proceed to|return to|skip to) step (?P<step>[\w.-]*\w)\.?",
    re.IGNORECASE,
)
_TARGET: Final = re.compile(
    r"(?:to )?(?:step (?P<step>[\w.-]*\w)|anchor (?:with id )?(?P<anchor>[\w.-]*\w))\.?", re.IGNORECASE
)
_END: Final = re.compile(
    r"(?:HALT|(?i:exit (?:the )?workflow|return (?:control |immediately )?to (?:the )?call(?:er|ing workflow)))\b"
    r"(?!,? (?:if|unless|when)\b)"
)
_STORE: Final = re.compile(r"(?:store|save|set|record|remember)\b[^{}]*\{\{ ?(?P<name>[\w.-]+) ?\}\}", re.IGNORECASE)


def compact(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split())


def old_condition(text: str) -> str | None:
    """The condition of a `<check>` that has it as its text: `If mode == data:`; None where the text is something to do.

    A text that goes on behind a colon or an arrow says itself what to do.
    """
    found = compact(text)
    bare = found.removesuffix("->").rstrip(":→ ")
    match = _CONDITION.fullmatch(bare)
    if _GOES_ON.search(bare) or (match is None and not found.endswith((":", "→", "->"))):
        return None
    condition = bare if match is None else match["condition"]
    return condition.removesuffix(" then").rstrip(", ") or None


def jump(text: str) -> str | None:
    """The step that an action jumps to: `GOTO step 2a`, and not a word more."""
    match = _JUMP.fullmatch(compact(text)) if len(text) <= _LONGEST else None
    return None if match is None else match["step"]


def target(text: str) -> tuple[str, str] | None:
    """What the text of a `<goto>` names: `("step", "3")`, or `("anchor", "task_check")`."""
    match = _TARGET.fullmatch(compact(text)) if len(text) <= _LONGEST else None
    if match is None:
        return None
    return ("step", match["step"]) if match["step"] else ("anchor", match["anchor"])


def ends(text: str) -> bool:
    """Whether a text ends the play: it begins with HALT, `Exit workflow` or `Return to caller`, and not `HALT if`."""
    return _END.match(text.lstrip()) is not None


def stored_in(text: str) -> str | None:
    """The variable that an action keeps an answer in: `Store as {{platform}}`."""
    match = _STORE.match(compact(text[:_LONGEST]))
    return None if match is None else match["name"]
