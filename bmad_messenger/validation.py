"""Everything that is wrong with a project's files: the queue, the archive, the config, the message types."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path as File
from typing import Any

from bmad_messenger.config import Config
from bmad_messenger.conflict import conflict_of
from bmad_messenger.errors import MessengerError, NotFoundError, Problem
from bmad_messenger.files import read_text
from bmad_messenger.findings import Source
from bmad_messenger.message import ALL, ID_PATTERN, Message, Status, format_time, now
from bmad_messenger.message_types import MessageTypes, check_message
from bmad_messenger.outbox import Outbox
from bmad_messenger.practices import broken_rules
from bmad_messenger.project_files import Kind, check_document
from bmad_messenger.queue.view import Check, checked_view
from bmad_messenger.routes import Routes
from bmad_messenger.schemas import SUFFIX
from bmad_messenger.store import LAPSES, Store, is_other
from bmad_messenger.yaml.parse import Document, Path, parse_located


def stored_message_check(types: MessageTypes, routes: Routes, config: Config) -> Check:
    """The judge of a message in the queue, given as a list of one: its form, its payload, its agents."""

    def check(document: Document, path: str | None) -> tuple[Problem, ...]:
        source = Source(path or "", document, (0,))
        mapping = document.value[0]
        problems = check_message(mapping, types, routes, complete=False, source=source)
        return problems or tuple(_strangers(mapping, config, source))

    return check


def validate(store: Store, outbox: Outbox, check: Check, files: Sequence[File] = ()) -> list[Problem]:
    """Every problem of the project's files, or of `files` alone, errors and warnings, each with its place.

    Raises:
        NotFoundError: where a file that is named does not exist.
    """
    validator = _Validator(store, outbox, check)
    if files:
        return [problem for file in files for problem in validator.file(file)]
    return list(validator.project())


class _Validator:
    def __init__(self, store: Store, outbox: Outbox, check: Check) -> None:
        self.store, self.outbox, self.check = store, outbox, check

    def project(self) -> Iterator[Problem]:
        project = self.store.project
        for path in (project.config, *self.outbox.types.files.values(), project.queue):
            if os.path.lexists(path):
                yield from self.file(path)
        for message_id in self.store.archive.ids():
            yield from self.file(self.store.archive.path(message_id))
        yield from self._lost()

    def file(self, path: File) -> Iterator[Problem]:
        name = self.store.project.name(File(os.path.realpath(path)) if os.path.exists(path) else path)
        try:
            text = read_text(path, name)
            if text is None:
                raise NotFoundError(f"there is no file {name}", hint="name a file that exists")
            yield from self._text(path, name, text)
        except NotFoundError:
            raise
        except MessengerError as error:
            yield from error.problems or (error.problem,)

    def _text(self, path: File, name: str, text: str) -> Iterator[Problem]:
        kind = _kind_of(path)
        is_record = ID_PATTERN.fullmatch(path.stem)
        conflict = conflict_of(text, name) if is_record or kind else None  # a queue's may be that of one message
        if conflict:
            yield conflict
        elif is_record:
            yield from self._archived(parse_located(text, path=name), name, path.stem)
        elif kind is None:
            yield from self._queue(text, name)
        else:
            yield from check_document(kind, parse_located(text, path=name), name, agents=self.outbox.config.agents)

    def _queue(self, text: str, name: str) -> Iterator[Problem]:
        view = checked_view(text, name, self.check)
        yield from view.problems
        for index in range(len(view.queue)):
            if index not in view.invalid and not view.queue.in_flow:
                yield from self._rules(Source(name, view.queue.parse_item(index), (0,)))

    def _archived(self, document: Document, name: str, message_id: str) -> Iterator[Problem]:
        source = Source(name, document)
        problems = check_message(document.value, self.outbox.types, self.outbox.routes, source=source)
        yield from problems
        if not problems and document.value["message_id"] != message_id:
            line, column = document.place(("message_id",))
            yield Problem("the file is called after another message", "give it its message's id", name, line, column)

    def _rules(self, source: Source) -> Iterator[Problem]:
        """What the rules beyond the schemas find in a message that is valid, or will be once it is adopted."""
        message, outbox = self._adopted(source.document.value[0]), self.outbox
        for at, problem in broken_rules(message, outbox.root, outbox.types, outbox.routes, outbox.config):
            line, column = source.document.place((*source.at, *at))
            yield problem._replace(path=source.name, line=line, column=column)

    def _adopted(self, mapping: dict[str, Any]) -> Message:
        """The message, where it was typed in by hand with what it lacks; the rules look at no id and no date."""
        filled = {
            "message_id": "",
            "priority": self.outbox.types.default_priority(mapping["type"]).label,
            "created": format_time(now()),
            "status": Status.PENDING.value,
        }
        return Message.from_mapping({**filled, **mapping})

    def _lost(self) -> Iterator[Problem]:
        """What the comparison with the archive finds; where the queue is damaged, that was reported."""
        try:
            view = self.store.view()
        except MessengerError:
            return
        yield from (problem for problem in view.problems if problem.code in LAPSES)
        ids = view.ids()
        for record in self.store.archived():
            index = ids.get(record.message_id)
            if index is not None and is_other(view, index, record):
                yield Problem(
                    f"the archive has another message as {record.message_id}",
                    "`bmad-messenger sync` gives this one an id of its own",
                    self.store.queue.name,
                    view.queue.line(view.queue.starts[index]),
                    view.queue.margin + 1,
                    code="two-messages",
                )


def _kind_of(path: File) -> Kind | None:
    """What a file is, by its name; None for a queue."""
    if path.name.endswith(SUFFIX):
        return "type"
    if path.stem in ("config", "routes"):
        return "config" if path.stem == "config" else "routes"
    return None


def _strangers(mapping: dict[str, Any], config: Config, source: Source) -> Iterator[Problem]:
    """The agents of a message that are not on the roster."""
    to_agents = mapping.get("to_agents")
    named: list[tuple[Path, Any]] = [(("from",), mapping["from"]), (("to",), mapping.get("to"))]
    named += [(("to_agents", n), one) for n, one in enumerate(to_agents if isinstance(to_agents, list) else ())]
    for path, agent in named:
        if agent is None or agent == ALL:
            continue
        try:
            config.require_agent(agent)
        except NotFoundError as error:
            line, column = source.document.place((*source.at, *path)) if source.document.values else (None, None)
            yield error.problem._replace(path=source.name, line=line, column=column)
