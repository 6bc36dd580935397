"""What `validate` says of the messenger's files in a tree of git, whatever the work tree holds."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, InvalidError, MessengerError, Problem, StorageError
from bmad_messenger.files import make_folder, refusals
from bmad_messenger.git.repository import Repository
from bmad_messenger.git.versions import Blob, Tree, read_blobs
from bmad_messenger.history.search import artifacts
from bmad_messenger.message import Message
from bmad_messenger.messenger import Messenger
from bmad_messenger.queue.text import QueueText, scan

_CONFIG: Final = "config.yaml"
_RULES: Final = re.compile(rf"{re.escape(_CONFIG)}|schemas/[^/]+\.schema\.json")


@dataclass(frozen=True)
class Judgement:
    """The errors of a tree's files, and the paths of the documents that each message asked about names, by its id."""

    problems: tuple[Problem, ...]
    artifacts: dict[str, list[str]]


def judge(repository: Repository, before: Tree, after: Tree, messages: Collection[Message]) -> Judgement:
    """What is wrong with the files of `after` that differ from those of `before`.

    An error in a message of the queue that stands so in both is left out, unless the rules changed.

    Args:
        repository: where the trees are.
        before: the one.
        after: the other; its config and its types are the rules.
        messages: those whose documents are asked for.
    """
    rules = _rules(after)
    have_rules_changed = rules != _rules(before)
    files = {path: blob for path, blob in rules.items() if before.others.get(path) != blob}
    files |= {
        after.files_of_archive.path(one).relative_to(after.folder).as_posix(): blob
        for one, blob in after.archive.items()
        if before.archive.get(one) != blob
    }
    if after.queue is not None and (have_rules_changed or after.queue != before.queue):
        files[Path(after.queue_path).name] = after.queue
    judged = [path for path, blob in files.items() if blob.is_file]
    texts = read_blobs(repository, [*rules.values(), *files.values(), *([before.queue] if before.queue else [])])
    with tempfile.TemporaryDirectory(prefix="bmad-messenger-") as folder:
        project = Project(Path(folder).resolve())
        _write(project, {**rules, **files}, texts)
        judgement = _judged(project, after.folder, judged, messages)
    if have_rules_changed or before.queue is None or after.queue is None:
        return judgement
    queues = [texts.get(queue.oid, b"") for queue in (before.queue, after.queue)]
    return Judgement(tuple(_fresh(judgement.problems, after.queue_path, *queues)), judgement.artifacts)


def _rules(tree: Tree) -> dict[str, Blob]:
    return {path: blob for path, blob in tree.others.items() if _RULES.fullmatch(path)}


def _write(project: Project, files: dict[str, Blob], texts: dict[str, bytes]) -> None:
    """Write files below the messenger's folder of a project; their names were all looked at."""
    with refusals("write", str(project.folder)):
        make_folder(project.folder)
        for path, blob in files.items():
            if blob.is_file:
                file = project.folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(texts[blob.oid])


def _judged(project: Project, folder: str, files: Sequence[str], messages: Collection[Message]) -> Judgement:
    try:
        messenger = Messenger(project)
        found = messenger.validate([project.folder / path for path in files])
        documents = {message.message_id: artifacts(message, messenger) for message in messages}
    except StorageError:
        raise
    except (InvalidError, DamagedError) as error:  # of the config or a plugin, without which nothing can be judged
        found, documents = error.problems or (error.problem,), {}
    own = project.name(project.folder)
    errors = (problem for problem in found if problem.severity == "error")
    return Judgement(
        tuple(
            one._replace(path=f"{folder}{one.path.removeprefix(own)}") if one.path and one.path.startswith(own) else one
            for one in errors
        ),
        documents,
    )


def _fresh(problems: Sequence[Problem], path: str, before: bytes, after: bytes) -> list[Problem]:
    """The problems but those of the queue's messages that are in `before` as they are in `after`, byte by byte."""
    old, new = _scanned(before), _scanned(after)
    if old is None or new is None:
        return [*problems]
    known = Counter(old.item(index) for index in range(len(old)))
    stale: set[int] = set()
    line, offset = 1, 0
    for index, start in enumerate(new.starts):
        item = new.item(index)
        line, offset = line + new.text.count("\n", offset, start), start
        if known[item]:
            known[item] -= 1
            stale.update(range(line, line + item.removesuffix("\n").count("\n") + 1))
    return [problem for problem in problems if problem.path != path or problem.line not in stale]


def _scanned(content: bytes) -> QueueText | None:
    with suppress(MessengerError, UnicodeDecodeError):
        return scan(content.decode().removeprefix("\ufeff"))
    return None
