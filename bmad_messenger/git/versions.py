"""All messages of one commit, or of any tree that git knows, read without the work tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple

from bmad_messenger.archive import Archive, sound_message
from bmad_messenger.comparison import Record, Version
from bmad_messenger.config import Project
from bmad_messenger.errors import DamagedError, MessengerError, NotFoundError, Problem
from bmad_messenger.files import decode
from bmad_messenger.git.repository import Repository
from bmad_messenger.message import ID_PATTERN, Message, Status, parse_time
from bmad_messenger.queue.head import read_head
from bmad_messenger.queue.view import QueueView, checked_view
from bmad_messenger.store import OWN_ID
from bmad_messenger.yaml.parse import Document

_QUEUE: Final = "message-queue.yaml"
_ARCHIVED: Final = re.compile(r"archive/(\d{4})-(\d\d)/(MSG-\1\2\d\d-[0-9a-f]{4,})\.yaml")
_HAND_TYPED: Final = {
    "message_id": "MSG-00010101-0000",
    "priority": "medium",
    "created": "0001-01-01T00:00:00Z",
    "status": "pending",
}
"""What a message may lack that was typed in by hand, to see whether the rest is one."""


class _LinkError(DamagedError):
    """Where a file belongs, git has a link."""

    code = "link"


class Blob(NamedTuple):
    """A file in a tree: what git stores, and whether it is a plain file rather than a link or a submodule."""

    oid: str
    is_file: bool


@dataclass(frozen=True)
class Tree:
    """The messenger's files in one tree of git.

    `folder` is the messenger's folder as git writes it, `queue` the queue's blob, `archive` that of each message's
    file, by id, and `others` those of the rest, by path below the folder.
    """

    folder: str
    queue: Blob | None = None
    archive: Mapping[str, Blob] = field(default_factory=dict)
    others: Mapping[str, Blob] = field(default_factory=dict)

    @property
    def queue_path(self) -> str:
        """The queue's path as git writes it."""
        return f"{self.folder}/{_QUEUE}"

    @property
    def files_of_archive(self) -> Archive:
        """Names the files of the archive as git writes them, and reads their texts."""
        name = f"{self.folder}/archive"
        return Archive(Path(name), name)

    def changed(self, files: Mapping[str, Blob | None]) -> Tree:
        """This tree with these files in place of its own, by path below the folder; None stands for no file."""
        queue, archive, others = self.queue, dict(self.archive), dict(self.others)
        for path, blob in files.items():
            own = _ARCHIVED.fullmatch(path)
            if path == _QUEUE:
                queue = blob
                continue
            files_of_kind, name = (archive, own[3]) if own else (others, path)
            if blob is None:
                files_of_kind.pop(name, None)
            else:
                files_of_kind[name] = blob
        return replace(self, queue=queue, archive=archive, others=others)


def read_versions(repository: Repository, project: Project, before: str | None, after: str) -> tuple[Version, Version]:
    """The messages of two trees; a file of the archive that is the same in both is read only where it matters.

    Args:
        repository: where the trees are.
        project: whose messages.
        before: a commit or tree, by any name that git knows; None for an empty one.
        after: another.

    Raises:
        NotFoundError: where the messenger's folder is outside of the repository.
        GitError: where git knows no such tree.
        DamagedError: where git lacks a part of it.
    """
    return versions_of(repository, *(read_tree(repository, project, name) for name in (before, after)))


def versions_of(repository: Repository, old: Tree, new: Tree) -> tuple[Version, Version]:
    """What `read_versions` gives, of trees whose files are known."""
    same = frozenset(one for one, blob in new.archive.items() if old.archive.get(one) == blob)
    texts = read_blobs(repository, (*_wanted(old, same), *_wanted(new, same)))
    first = read_queue(old, texts)
    second = first if new.queue == old.queue else read_queue(new, texts)
    texts |= read_blobs(repository, [new.archive[one] for one in same & {*first.records, *second.records}])
    return version_of(old, first, texts), version_of(new, second, texts)


def read_tree(repository: Repository, project: Project, name: str | None) -> Tree:
    """What one commit or tree has of the messenger's files; raises what `read_versions` does, but for the last."""
    try:
        folder = repository.name(project.folder)
    except ValueError:
        where = project.name(project.folder)
        raise NotFoundError(
            f"{where} is outside of the repository", hint=f"a link leads out of {repository.root}: keep it inside"
        ) from None
    if name is None:
        return Tree(folder)
    files: dict[str, Blob] = {}
    for line in repository.run("ls-tree", "-r", "-z", "--full-tree", name, "--", f"{folder}/").names:
        attributes, _, path = line.partition("\t")
        mode, _, oid = attributes.split(" ")
        files[path.removeprefix(f"{folder}/")] = Blob(oid, mode.startswith("100"))
    archive = {own[3]: files.pop(path) for path in [*files] if (own := _ARCHIVED.fullmatch(path))}
    return Tree(folder, files.pop(_QUEUE, None), archive, files)


def read_blobs(repository: Repository, blobs: Iterable[Blob]) -> dict[str, bytes]:
    """The content of those blobs that are files, by their names in git, asked for together.

    Raises:
        DamagedError: where git has not all of them.
    """
    wanted = sorted({blob.oid for blob in blobs if blob.is_file})
    if not wanted:
        return {}
    output = repository.run("cat-file", "--batch", content="".join(f"{oid}\n" for oid in wanted).encode()).output
    contents: dict[str, bytes] = {}
    at = 0
    for oid in wanted:
        end = output.index(b"\n", at)
        header = output[at:end].split(b" ")
        if len(header) != 3:
            raise DamagedError(f"git has not the object {oid}", hint="`git fsck` tells more; `git fetch` may bring it")
        size = int(header[2])
        contents[oid] = output[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return contents


def _wanted(tree: Tree, same: frozenset[str]) -> Iterator[Blob]:
    if tree.queue is not None:
        yield tree.queue
    yield from (blob for one, blob in tree.archive.items() if one not in same)


def read_queue(tree: Tree, texts: Mapping[str, bytes]) -> Version:
    """What the queue alone has; its text is among `texts`."""
    path = tree.queue_path
    if tree.queue is None:
        return Version()
    text = ""
    try:
        text = text_of(tree.queue, path, texts)
        view = checked_view(text, path, check_item)
    except MessengerError as error:
        unreadable = frozenset(own[1] for own in OWN_ID.finditer(text))
        return Version(unreadable=unreadable, queue=path, is_clear=False, problems=(error.problem,))
    left = sorted(view.invalid | view.incomplete)
    return Version(
        records={message_id: _queued(view, index, path) for message_id, index in view.ids().items()},
        unreadable=frozenset(own[1] for index in left for own in OWN_ID.finditer(text, *_stretch(view, index))),
        queue=path,
        problems=(*view.problems, *(_unfinished(view, index, path) for index in sorted(view.incomplete))),
    )


def version_of(tree: Tree, queue: Version, texts: Mapping[str, bytes]) -> Version:
    """What queue and archive have together; the files of the archive that are not among `texts` stay unread."""
    archive = tree.files_of_archive
    records = dict(queue.records)
    unreadable, problems, same = set(queue.unreadable), [*queue.problems], set()
    for message_id, blob in tree.archive.items():
        if blob.is_file and blob.oid not in texts:
            same.add(message_id)
            continue
        path, queued = archive.name_of(message_id), queue.records.get(message_id)
        try:
            text = text_of(blob, path, texts)
            if queued is not None and _is_twin(text, queued.message):
                continue
            record = Record(archive.message(message_id, text), path, 1, text, in_queue=False)
        except MessengerError as error:
            problems.append(error.problem)
            if queued is None:
                unreadable.add(message_id)
            continue
        if queued is None or not record.is_open:
            records[message_id] = record
        if queued is not None and queued.message.origin != record.message.origin:
            problems.append(_two_messages(queued, record))
    return replace(
        queue,
        records=records,
        archived=frozenset(tree.archive),
        same=frozenset(same),
        unreadable=frozenset(unreadable),
        problems=tuple(problems),
    )


def text_of(blob: Blob, path: str, texts: Mapping[str, bytes]) -> str:
    """The text of a file whose content is among `texts`; `path` names it in errors.

    Raises:
        DamagedError: where it is a link, or not UTF-8.
    """
    if not blob.is_file:
        hint = "put the file itself there: where a link leads is not in git"
        raise _LinkError("this is a link, not a file", hint=hint, path=path, line=1)
    return decode(texts[blob.oid], path).removeprefix("\ufeff")


def check_item(document: Document, path: str | None) -> tuple[Problem, ...]:
    """Whether an item of the queue is a message at all; whether it is valid, `validate` tells."""
    mapping = document.value[0]
    message = sound_message({**_HAND_TYPED, **mapping})
    if message is not None and ID_PATTERN.fullmatch(message.message_id):
        return ()
    line, column = document.place((0,)) if document.values else (None, None)
    hint = "`bmad-messenger validate` says what is wrong with it"
    return (Problem("this item is no message", hint, path, line, column),)


def _stretch(view: QueueView, index: int) -> tuple[int, int]:
    return view.queue.starts[index], view.queue.limit(index)


def _queued(view: QueueView, index: int, path: str) -> Record:
    queue = view.queue
    text = "" if queue.in_flow else queue.item(index)
    return Record(view.message(index), path, queue.line(queue.starts[index]), text, in_queue=True)


def _unfinished(view: QueueView, index: int, path: str) -> Problem:
    mapping = view.mapping(index)
    return Problem(
        f"this {mapping['type']} from {mapping['from']} was typed in by hand and is not finished",
        "run `bmad-messenger list` in the project: it fills in id, date, status and priority",
        path,
        view.queue.line(view.queue.starts[index]),
        1,
        code="unfinished",
        severity="warning",
    )


def _is_twin(text: str, queued: Message) -> bool:
    """Whether a file of the archive plainly is the record of this open message, as it was sent."""
    head = read_head(text, 0, len(text), 0)
    try:
        return (
            head is not None
            and head["message_id"] == queued.message_id
            and head["status"] in _OPEN
            and (head["from"], parse_time(head["created"])) == queued.origin
        )
    except (KeyError, TypeError, ValueError):
        return False


def _two_messages(queued: Record, archived: Record) -> Problem:
    message_id = queued.message.message_id
    return Problem(
        f"the queue and the archive hold two different messages as {message_id}",
        f"delete one's message_id line in the queue, which then gets an id of its own; the other is {archived.path}",
        queued.path,
        queued.line,
        1,
        code="two-messages",
    )


_OPEN: Final = frozenset(status.value for status in Status if not status.is_closed)
