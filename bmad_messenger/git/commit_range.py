"""Which two commits are compared: `BASE..HEAD` as it is written, `BASE...HEAD` from where the two parted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bmad_messenger.errors import NotFoundError
from bmad_messenger.git.repository import Repository

_HEAD: Final = "HEAD"
_MAIN: Final = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_SHALLOW: Final = (
    "this clone is shallow and may lack it: `git fetch --unshallow` or `git fetch --deepen 50` brings more, and "
    "`fetch-depth: 0` for actions/checkout all of it"
)


@dataclass(frozen=True, slots=True)
class CommitRange:
    """Two commits, by their full names; `is_straight` tells whether the one comes before the other."""

    base: str
    head: str
    is_straight: bool


def commit_range(repository: Repository, text: str | None) -> CommitRange:
    """The commits that a range means.

    Args:
        repository: where they are.
        text: `BASE..HEAD` are these two, `BASE...HEAD` is from the last commit that they share, as in a pull request. A
            side that is left out is `HEAD`. One name alone is `NAME...HEAD`, and nothing is the main branch's.

    Raises:
        NotFoundError: where one does not exist, or they share none.
    """
    text = text or _main_branch(repository)
    base, dots, head = text.partition("...")
    if not dots:
        base, dots, head = text.partition("..")
    first, last = _commit(repository, base or _HEAD), _commit(repository, head or _HEAD)
    if dots != "..":
        first = _shared(repository, first, last, text)
    return CommitRange(first, last, repository.ask("merge-base", "--is-ancestor", first, last).code == 0)


def _main_branch(repository: Repository) -> str:
    for name in _MAIN:
        if repository.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").code == 0:
            return name
    raise NotFoundError("there is no main branch to compare with", hint="name the commits: `BASE..HEAD`")


def _commit(repository: Repository, name: str) -> str:
    found = repository.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}") if name[0] != "-" else None
    if found is None or found.code:
        hint = "`git log` lists the commits"
        raise NotFoundError(f"git knows no commit {name[:80]!r}", hint=_shallow_hint(repository) or hint)
    return found.text


def _shared(repository: Repository, base: str, head: str, text: str) -> str:
    found = repository.ask("merge-base", base, head)
    if found.code:
        hint = "`BASE..HEAD` compares them as they are"
        raise NotFoundError(f"the sides of {text[:80]!r} share no commit", hint=_shallow_hint(repository) or hint)
    return found.text.partition("\n")[0]


def _shallow_hint(repository: Repository) -> str:
    return _SHALLOW if repository.text("rev-parse", "--is-shallow-repository") == "true" else ""
