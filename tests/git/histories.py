"""Holds a repository's history against what must never happen in it: a message lost, turned back, or unread again."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from bmad_messenger.errors import MessengerError
from bmad_messenger.yaml.parse import parse
from tests.git.clones import MESSENGER

_QUEUE: Final = f"{MESSENGER}/message-queue.yaml"
_ARCHIVE: Final = f"{MESSENGER}/archive/"
_ORDER: Final = ("pending", "read", "expired", "cancelled", "done")
_WORD: Final = re.compile(r"\bw\d{3}x\b")


class Seen(NamedTuple):
    """One message as a file has it."""

    word: str
    message_id: str
    status: str
    readers: frozenset[str]
    reply_to: str | None

    @property
    def is_open(self) -> bool:
        return self.status not in _ORDER[2:]


@dataclass
class State:
    """What one commit has: messages by word, as the queue and as the archive have them."""

    queue: Mapping[str, Seen] = field(default_factory=dict)
    archive: Mapping[str, Seen] = field(default_factory=dict)

    def seen(self, word: str) -> Seen | None:
        """A message as the archive has it, if that says it is closed, or else as the queue has it."""
        archived = self.archive.get(word)
        return self.queue.get(word) if archived is None or archived.is_open else archived

    def rank(self, word: str) -> int:
        """How far a message has come; -1 where it is not open and not closed."""
        seen = self.seen(word)
        return -1 if seen is None else _ORDER.index(seen.status)


def faults_of_history(
    folder: Path, unnamed: Collection[str], halved: Collection[str], told: Collection[str]
) -> Iterator[str]:
    """What went wrong between each commit that a clone's branches came by, and its parents.

    Args:
        folder: the clone.
        unnamed: the words of the messages that are not followed.
        halved: the words of those whose closing is in two commits: first gone from the queue, then in the archive.
        told: the ids of those that a clone tells to be unread again, as after a rebase that left out a reading.
    """
    states = states_of_history(folder)
    parents = _parents(folder)
    parted = _twins(states.values()) | {*halved}
    for child, state in states.items():
        for parent in parents[child]:
            before = states[parent]
            where = f"{parent[:9]}..{child[:9]}"
            for word in {*before.queue, *before.archive}.difference(unnamed):
                rank = state.rank(word)
                # The record of a closed message that met another with its id is a file that waits for `git add`.
                if rank < before.rank(word) and not (rank < 0 and word in parted):
                    yield f"{where}: {word} went back from {before.rank(word)} to {state.rank(word)}"
    head = _git(folder, "rev-parse", "HEAD").strip()
    for word, readers in _readers(states.values()).items():
        last = states[head].seen(word)
        if last is None or word in unnamed or last.message_id in told:
            continue
        if readers - last.readers:
            yield f"{word} lost the readers {', '.join(sorted(readers - last.readers))}"


def _readers(states: Iterable[State]) -> dict[str, set[str]]:
    """Who has read each message, by any commit."""
    readers: dict[str, set[str]] = {}
    for state in states:
        for seen in (*state.queue.values(), *state.archive.values()):
            readers.setdefault(seen.word, set()).update(seen.readers)
    return readers


def states_of_history(folder: Path) -> dict[str, State]:
    """What each commit has, by its name, parents first."""
    parents = _parents(folder)
    pairs = "".join(f"{child} {of[0]}\n" if of else f"{child}\n" for child, of in parents.items())
    output = _git(folder, "diff-tree", "--stdin", "-r", "--root", "--raw", "--no-renames", "--no-abbrev", content=pairs)
    changes: dict[str, list[tuple[str, str]]] = {commit: [] for commit in parents}
    commit = ""
    for line in output.splitlines():
        if line.startswith(":"):
            header, _, path = line.partition("\t")
            changes[commit].append((path, header.split(" ")[3]))
        else:
            commit = line.strip()
    texts = _blobs(folder, {blob for some in changes.values() for path, blob in some if MESSENGER in path})
    queues: dict[str, dict[str, Seen]] = {}
    states: dict[str, State] = {}
    files: dict[str, dict[str, Seen]] = {}
    for child, of in parents.items():
        state = State(states[of[0]].queue if of else {})
        own = dict(files[of[0]]) if of else {}
        for path, blob in changes[child]:
            if path.endswith(_QUEUE):
                if blob not in queues:
                    queues[blob] = {seen.word: seen for seen in seen_in(texts.get(blob, ""))}
                state.queue = queues[blob]
            elif _ARCHIVE in path:
                own.pop(path, None)
                own.update((path, seen) for seen in seen_in(texts.get(blob, "")))
        files[child] = own
        state.archive = {seen.word: seen for seen in own.values()}
        states[child] = state
    return states


def _twins(states: Iterable[State]) -> set[str]:
    """The words of those messages whose ids another message had too."""
    words: dict[str, set[str]] = {}
    for state in states:
        for seen in (*state.queue.values(), *state.archive.values()):
            words.setdefault(seen.message_id, set()).add(seen.word)
    return {word for some in words.values() if len(some) > 1 for word in some}


def seen_in(text: str) -> list[Seen]:
    """The messages of a queue, or of a file of the archive."""
    try:
        value = parse(text)
    except MessengerError:  # a person's half-done work; what it does to the next commit shows there
        return []
    if not isinstance(value, dict):
        return []
    items: list[dict[str, Any]] = value.get("messages", [value]) or []
    return [
        Seen(
            word[0],
            str(item.get("message_id")),
            str(item.get("status", "pending")),
            frozenset(item.get("read_by") or ()),
            item.get("reply_to"),
        )
        for item in items
        if (word := _WORD.search(str(item.get("payload"))))
    ]


def _parents(folder: Path) -> dict[str, list[str]]:
    """Each commit's parents, the oldest first: of every commit that HEAD, a branch or a remote's branch came by."""
    tips = _git(folder, "log", "--walk-reflogs", "--format=%H", "HEAD")
    options = ("rev-list", "--parents", "--topo-order", "--reverse", "--branches", "--remotes", "--stdin")
    lines = _git(folder, *options, content=tips).splitlines()
    return {child: parents for child, *parents in (line.split() for line in lines)}


def _blobs(folder: Path, names: set[str]) -> dict[str, str]:
    wanted = sorted(name for name in names if name.strip("0"))
    done = subprocess.run(
        ("git", "cat-file", "--batch"),
        cwd=folder,
        input="\n".join([*wanted, ""]).encode(),
        capture_output=True,
        check=True,
    )
    texts: dict[str, str] = {}
    at = 0
    for name in wanted:
        end = done.stdout.index(b"\n", at)
        size = int(done.stdout[at:end].split()[2])
        texts[name] = done.stdout[end + 1 : end + 1 + size].decode()
        at = end + 1 + size + 1
    return texts


def _git(folder: Path, *arguments: str, content: str = "") -> str:
    return subprocess.run(
        ("git", *arguments), cwd=folder, input=content, capture_output=True, text=True, check=True
    ).stdout
