"""What should not have happened to the messages between the commits of a range, though its two ends don't show it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bmad_messenger.comparison import Comparison, Deletion, Version, compare, is_only_archived
from bmad_messenger.config import Project
from bmad_messenger.errors import Problem
from bmad_messenger.git.commit_range import CommitRange
from bmad_messenger.git.commit_walk import CommitWalk, Step, walk
from bmad_messenger.git.lapses import Kind, Lapse, changed, difference, lapses_between, own, unknown
from bmad_messenger.git.queue_reader import QueueReader, legible
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.review_findings import message_findings, queue_finding
from bmad_messenger.git.versions import Blob, Tree, read_blobs, read_tree, version_of

_SHORT: Final = 10  # characters of a commit's name
_AT_ONCE: Final = 50
"""How many commits one run of git reads: enough for few runs, few enough for their texts to fit into memory."""


def findings_within(
    repository: Repository, project: Project, commits: CommitRange, old: Tree, new: Tree, told: Comparison
) -> Iterator[Problem]:
    """The findings of the commits of a range, beside those of its two ends; each names the commit where it happened.

    What a later commit has mended is none. What a merge takes over from one of its sides is that side's.

    Args:
        repository: where the commits are.
        project: whose messages.
        commits: the range.
        old: the files of its first commit.
        new: those of its last.
        told: what became of the messages from the one to the other, whose findings are told already.

    Raises:
        DamagedError: where git lacks a part of a commit.
    """
    steps = walk(repository, commits, old)
    found = _Watch(repository, project, steps).lapses() if steps.steps else []
    if not found:
        return
    ids = {one.message_id for one in found}
    last = State(new, QueueReader().read(new, read_blobs(repository, [new.queue] if new.queue else ())))
    now = last.version(ids, read_blobs(repository, last.blobs(ids)))
    left = [one for lapse in found if (one := lapse.left(now, has_queue=new.queue is not None)) is not None]
    known = lapses_between(commits.base, commits.head, told)
    for lapse in unknown(left, known):
        for problem in _problems(lapse, now, old, new):
            yield problem._replace(message=f"in commit {lapse.commit[:_SHORT]}, {problem.message}")


@dataclass(frozen=True)
class State:
    """The messenger's files in one commit, and its queue.

    `lapses` are those of the commit and all before it that nothing has mended.
    """

    tree: Tree
    queue: Version
    lapses: tuple[Lapse, ...] = ()

    def blobs(self, ids: Collection[str]) -> Iterator[Blob]:
        """The files that the archive has of these messages."""
        return (self.tree.archive[one] for one in ids if one in self.tree.archive)

    def version(self, ids: Collection[str], texts: Mapping[str, bytes]) -> Version:
        """These messages alone; `texts` has the contents of `blobs`."""
        archive = {one: self.tree.archive[one] for one in ids if one in self.tree.archive}
        records = {one: self.queue.records[one] for one in ids if one in self.queue.records}
        path = self.tree.queue_path if self.tree.queue is not None else None
        queue = replace(self.queue, records=records, queue=path)
        return version_of(replace(self.tree, archive=archive), queue, texts)


class _Watch:
    """Goes through the steps of a range, parents first, and keeps the states that a later step is compared with."""

    def __init__(self, repository: Repository, project: Project, steps: CommitWalk) -> None:
        self.repository, self.project, self.walk = repository, project, steps
        self._reader = QueueReader()
        self._states: dict[str, State] = {}

    def lapses(self) -> list[Lapse]:
        """What has gone wrong in the range and was never mended, in the order of its commits."""
        steps = self.walk.steps
        needed = {parent: index for index, step in enumerate(steps) for parent in step.parents}
        for at in range(0, len(steps), _AT_ONCE):
            part = steps[at : at + _AT_ONCE]
            self._read(part)
            pairs = [(parent, step.commit) for step in part for parent in step.parents]
            touched = {pair: _touched(*(self._states[name] for name in pair)) for pair in pairs}
            wanted = [(name, ids) for pair, ids in touched.items() for name in pair]
            texts = read_blobs(
                self.repository, (blob for name, ids in wanted for blob in self._states[name].blobs(ids))
            )
            for step in part:
                found = self._lapses(step, {parent: touched[parent, step.commit] for parent in step.parents}, texts)
                self._states[step.commit] = replace(self._states[step.commit], lapses=found)
            for name in [one for one in self._states if needed.get(one, len(steps)) < at + len(part)]:
                del self._states[name]
        open_lapses = [one for name, state in self._states.items() if name not in needed for one in state.lapses]
        order = {step.commit: index for index, step in enumerate(steps)}
        return sorted(open_lapses, key=lambda lapse: order[lapse.commit])

    def _read(self, steps: Sequence[Step]) -> None:
        """Read the files of these steps, and of the commits outside of the range that they are compared with."""
        trees = {name: state.tree for name, state in self._states.items()}
        for step in steps:
            for parent in step.parents:
                if parent not in trees:
                    trees[parent] = self.walk.edges[parent]
            first = trees[step.parents[0]] if step.parents else Tree(self.walk.folder)
            trees[step.commit] = self.walk.tree(step, first)
        fresh = {name: tree for name, tree in trees.items() if name not in self._states}
        texts = read_blobs(self.repository, (tree.queue for tree in fresh.values() if tree.queue is not None))
        parents = {step.commit: step.parents for step in steps}
        queues: dict[Blob | None, Version] = {}
        for name, tree in fresh.items():
            if tree.queue not in queues:
                queues[tree.queue] = self._reader.read(tree, texts)
            earlier = [self._states[parent].queue for parent in parents.get(name, ())]
            self._states[name] = State(tree, legible(queues[tree.queue], earlier))

    def _lapses(self, step: Step, touched: Mapping[str, set[str]], texts: Mapping[str, bytes]) -> tuple[Lapse, ...]:
        """What is wrong after a step: what its parents left, as far as it is not mended, and what is new."""
        state = self._states[step.commit]
        ids = set().union(*touched.values())
        now = state.version(ids, texts)
        earlier = list(dict.fromkeys(one for parent in step.parents for one in self._states[parent].lapses))
        left: list[Lapse] = []
        new: list[Lapse] = []
        for lapse in earlier:
            is_touched = lapse.before is None or lapse.message_id in ids
            still = lapse.left(now, has_queue=state.tree.queue is not None) if is_touched else lapse
            if still is not None:
                left.append(still)
            elif lapse.kind is Kind.GONE and lapse.before is not None:
                new += changed(lapse.parent, step.commit, lapse.before, now.records[lapse.message_id])
        for parent in step.parents:
            new += self._lapses_against(parent, step, touched[parent], now, texts)
        return *left, *unknown(new, earlier)

    def _lapses_against(
        self, parent: str, step: Step, ids: Collection[str], now: Version, texts: Mapping[str, bytes]
    ) -> list[Lapse]:
        """What goes wrong from one parent of a step to the step, but for what the others bring in."""
        before, after = self._states[parent], self._states[step.commit]
        found = lapses_between(parent, step.commit, compare(before.version(ids, texts), now))
        if before.tree.queue is not None and after.tree.queue is None:
            found.append(Lapse(step.commit, parent, Kind.QUEUE_GONE))
        for name in step.parents:
            if name != parent and found:
                about = {lapse.message_id for lapse in found}
                shared, other = self._where_parted(parent, name), self._states[name]
                theirs = read_blobs(self.repository, (*shared.blobs(about), *other.blobs(about)))
                old, new = shared.version(about, theirs), other.version(about, theirs)
                found = [left for lapse in found if (left := own(lapse, old, new, now)) is not None]
        return found

    def _where_parted(self, one: str, other: str) -> State:
        """What two commits have in common; nothing where they share no commit."""
        answer = self.repository.ask("merge-base", one, other)
        name = answer.text.partition("\n")[0]
        if answer.code:
            return State(Tree(self.walk.folder), Version())
        if name in self._states:
            return self._states[name]
        tree = read_tree(self.repository, self.project, name)
        texts = read_blobs(self.repository, [tree.queue] if tree.queue is not None else ())
        return State(tree, self._reader.read(tree, texts))


def _touched(before: State, after: State) -> set[str]:
    """The ids of the messages that differ; what the reader has read before is the same object."""
    ids = {one for one, _ in before.tree.archive.items() ^ after.tree.archive.items()}
    if before.queue is not after.queue:
        old, new = before.queue.records, after.queue.records
        ids |= old.keys() ^ new.keys()
        ids |= {one for one in old.keys() & new.keys() if old[one].message is not new[one].message}
    return ids


def _problems(lapse: Lapse, now: Version, old: Tree, new: Tree) -> Iterator[Problem]:
    """The findings of a lapse, as far as the last commit tells."""
    before, record, commit = lapse.before, now.records.get(lapse.message_id), lapse.parent[:_SHORT]
    if before is None:
        if old.queue is None:
            yield queue_finding(new.queue_path, commit)
    elif lapse.kind is Kind.GONE:
        may_stand = before.in_queue and now.may_queue(lapse.message_id)
        is_hidden = may_stand or (record is None and now.holds(lapse.message_id))
        if not is_hidden:
            yield from message_findings(Comparison(deleted=(Deletion(before, record),)), commit)
    elif record is None or is_only_archived(before, record):
        return
    elif lapse.kind is Kind.UNRECORDED:
        yield from message_findings(Comparison(unrecorded=(record,)), commit)
    else:
        found = difference(before, record, lapse.fields)
        yield from message_findings(Comparison(differences=(found,)), commit)
