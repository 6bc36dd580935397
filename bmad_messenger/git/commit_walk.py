"""The commits of a range that touch the messenger's files, and what each has of them, by a few runs of git in all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bmad_messenger.git.commit_range import CommitRange
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.versions import Blob, Tree

_EMPTY_TREES: Final = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""The name that git has for the tree without a file, by the length of its names."""


@dataclass(frozen=True, slots=True)
class Step:
    """A commit, and the nearest commits before it that matter: its parents, or what is the same to the messenger."""

    commit: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class CommitWalk:
    """The steps of a range, parents before their children.

    `folder` is the messenger's, as git writes it. `edges` are the commits outside of the range that some step has as a
    parent, `changes` the files that a step has otherwise than its first parent.
    """

    folder: str
    steps: tuple[Step, ...]
    edges: Mapping[str, Tree]
    changes: Mapping[str, Mapping[str, Blob | None]]

    def tree(self, step: Step, first: Tree) -> Tree:
        """The messenger's files in a step; `first` are those of its first parent, none where it has no parent."""
        files = self.changes[step.commit]
        return first.changed(files) if files else first


def walk(repository: Repository, commits: CommitRange, base: Tree) -> CommitWalk:
    """The commits of a range that touch the messenger's files.

    Args:
        repository: where they are.
        commits: the range; of a range of one commit, what its ends tell is all there is, so it has no step.
        base: the files of the range's first commit.
    """
    roots, steps = _steps(repository, commits, base.folder)
    if all(step.parents == (commits.base,) for step in steps):
        return CommitWalk(base.folder, (), {}, {})
    known = {step.commit for step in steps}
    edges = list(dict.fromkeys(one for step in steps for one in step.parents if one not in known))
    outside = [commits.base, *edges]
    asked = repository.text("rev-parse", *(f"{one}^{{tree}}" for one in outside))
    roots |= dict(zip(outside, asked.split("\n"), strict=True))
    pairs = {one: (roots[commits.base], roots[one]) for one in edges}
    for step in steps:
        before = roots[step.parents[0]] if step.parents else _EMPTY_TREES[len(step.commit)]
        pairs[step.commit] = (before, roots[step.commit])
    differing = _changes(repository, set(pairs.values()), base.folder)
    changes = {one: differing.get(pair, {}) for one, pair in pairs.items()}
    return CommitWalk(base.folder, tuple(steps), {one: base.changed(changes[one]) for one in edges}, changes)


def _steps(repository: Repository, commits: CommitRange, folder: str) -> tuple[dict[str, str], list[Step]]:
    """The tree of each commit in which the folder is another than in a parent, and of each merge; and the steps."""
    # Without --full-history, git leaves out a branch of which its merge kept nothing.
    options = ("--reverse", "--topo-order", "--full-history", "--parents", "--format=%T")
    found = repository.text("rev-list", *options, f"{commits.base}..{commits.head}", "--", _path(folder)).split("\n")
    roots: dict[str, str] = {}
    steps: list[Step] = []
    for head, root in zip(found[::2], found[1::2], strict=False):
        _, commit, *parents = head.split(" ")
        roots[commit] = root
        steps.append(Step(commit, tuple(parents)))
    return roots, steps


def _changes(
    repository: Repository, pairs: Iterable[tuple[str, str]], folder: str
) -> dict[tuple[str, str], dict[str, Blob | None]]:
    """The files of the folder that differ in each pair of trees: the later ones, by path below the folder."""
    asked = "".join(f"{old} {new}\n" for old, new in pairs if old != new).encode()
    output = repository.run(
        "diff-tree", "--stdin", "-r", "-z", "--no-renames", "--", _path(folder), content=asked
    ).output
    found: dict[tuple[str, str], dict[str, Blob | None]] = {}
    files: dict[str, Blob | None] = {}
    for is_head, words in _lines(output):
        if is_head:
            files = found[words[0], words[1]] = {}
            continue
        _, mode, _, oid, _, path = words
        if path.startswith(f"{folder}/"):
            files[path.removeprefix(f"{folder}/")] = Blob(oid, mode.startswith("100")) if int(mode, 8) else None
    return found


def _lines(output: bytes) -> Iterator[tuple[bool, Sequence[str]]]:
    """What `diff-tree --stdin -z` prints: a line that names two trees, and a record for each file that differs."""
    at = 0
    while at < len(output):
        is_head = output[at : at + 1] != b":"
        end = output.index(b"\n" if is_head else b"\0", at)
        words = output[at:end].removeprefix(b":").decode().split(" ")
        at = end + 1
        if not is_head:
            end = output.index(b"\0", at)
            words.append(output[at:end].decode(errors="surrogateescape"))
            at = end + 1
        yield is_head, words


def _path(folder: str) -> str:
    """The folder for git's search, in which no letter of it is a pattern."""
    return f":(top,literal){folder}"
