"""A project as the doctor's checks see it: each part read once, as far as it can be read, and nothing changed by it."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from bmad_messenger import message as messages
from bmad_messenger.archive import Archive
from bmad_messenger.config import Config, Project
from bmad_messenger.conflict import conflict_of
from bmad_messenger.doctor.work_tree import WorkTree, read_work_tree
from bmad_messenger.errors import MessengerError, Problem
from bmad_messenger.files import read_text
from bmad_messenger.message import Message
from bmad_messenger.message_types import MessageTypes
from bmad_messenger.plugins.additions import added_routes, added_types
from bmad_messenger.plugins.loading import Plugins, chosen_plugins, known_plugins
from bmad_messenger.project_files import check_document
from bmad_messenger.queue.file import QueueFile
from bmad_messenger.queue.view import Check, QueueView, checked_view
from bmad_messenger.routes import Routes
from bmad_messenger.store import Store
from bmad_messenger.validation import stored_message_check
from bmad_messenger.yaml.parse import parse_located

MOMENT: Final = 0.3
"""Seconds that a command may be between its writes: what is only found at one moment is no finding."""

_LARGEST_CONFIG: Final = 1_048_576  # bytes


@dataclass(frozen=True, slots=True)
class Records:
    """The archive: the messages that can be read, what is wrong with the other files, and those that are empty."""

    messages: Mapping[str, Message] = field(default_factory=dict)
    damaged: Mapping[str, Problem] = field(default_factory=dict)
    empty: Sequence[str] = ()


class Subject:
    """One project as it is now. What can't be read stands as a problem, and a default takes its place.

    Args:
        project: the project.
        ids: the messages that matter, of which alone the archive is asked; None is all.
    """

    def __init__(self, project: Project, ids: Collection[str] | None = None) -> None:
        self.project, self._ids = project, ids
        self.now = messages.now()
        self.archive = Archive(project.archive, project.name(project.archive))

    @property
    def config(self) -> Config:
        """The project's settings; the defaults where they are invalid."""
        return self.settings[0]

    @cached_property
    def settings(self) -> tuple[Config, tuple[Problem, ...]]:
        """The settings, and what is wrong with them."""
        path = self.project.config
        name = self.project.name(path)
        try:
            text = read_text(path, name, _LARGEST_CONFIG) or ""
            if conflict := conflict_of(text, name):
                return Config(), (conflict,)
            document = parse_located(text, path=name)
            problems = check_document("config", document, name)
            is_sound = all(problem.severity != "error" for problem in problems)
            return Config.from_mapping(document.value or {}) if is_sound else Config(), problems
        except MessengerError as error:
            return Config(), error.problems or (error.problem,)

    @property
    def plugins(self) -> Plugins:
        """The plugins that work and are switched on."""
        return self.loaded[0]

    @cached_property
    def loaded(self) -> tuple[Plugins, tuple[Problem, ...]]:
        """The plugins that work, and what is wrong with the others; each is tried by itself."""
        known = known_plugins()
        problems: list[Problem] = []
        broken: set[str] = set()
        for name in chosen_plugins():
            if name in self.config.disabled_plugins:
                continue
            try:
                alone = Plugins(known - {name})
                added_types(alone)
                added_routes(alone, self.config.agents)
            except MessengerError as error:
                broken.add(name)
                problems += error.problems or (error.problem,)
        return Plugins(self.config.disabled_plugins | broken), tuple(problems)

    @cached_property
    def types(self) -> MessageTypes:
        """The message types."""
        return MessageTypes.load(self.project, added_types(self.plugins))

    @property
    def queue(self) -> QueueFile:
        """The queue's file; only to be read."""
        return self._store.queue

    @property
    def view(self) -> QueueView | None:
        """What the queue holds; None where that can't be told."""
        return self.read_queue[0]

    @cached_property
    def read_queue(self) -> tuple[QueueView | None, MessengerError | None]:
        """What the queue holds, or why that can't be told."""
        try:
            return checked_view(self.queue.read().text, self.queue.name, self._check()), None
        except MessengerError as error:
            return None, error

    @cached_property
    def missing(self) -> Sequence[str]:
        """The ids of the open messages that this clone's queue has held and lost."""
        return self._store.missing(self.view) if self.view is not None else ()

    @cached_property
    def unread_again(self) -> Sequence[str]:
        """The ids of the messages that an agent has read in this clone, and has not by what the queue says."""
        return [*self._store.turned_back(self.view)] if self.view is not None else ()

    @cached_property
    def held(self) -> set[str]:
        """The ids of the messages that this clone's queue has held and that no command has closed here."""
        return self.queue.journal.held()

    @cached_property
    def records(self) -> Records:
        """What the archive holds."""
        found: dict[str, Message] = {}
        damaged: dict[str, Problem] = {}
        empty: list[str] = []
        for message_id in self.archive.ids() if self._ids is None else self._ids:
            try:
                message = self.archive.read(message_id)
            except MessengerError as error:
                damaged[message_id] = error.problem
                continue
            if message is not None:
                found[message_id] = message
            elif os.path.lexists(self.archive.path(message_id)):
                empty.append(message_id)
        return Records(found, damaged, empty)

    @cached_property
    def work_tree(self) -> WorkTree | None:
        """What git knows of the messenger's folder; None where there is no git, or no repository."""
        return read_work_tree(self.project)

    @property
    def git(self) -> WorkTree:
        """The same, for those who know that there is a repository."""
        assert self.work_tree is not None  # else the checks of git don't apply
        return self.work_tree

    @property
    def is_whole(self) -> bool:
        """Whether all that git holds of the messenger's folder is on the disk, as far as git tells."""
        try:
            return self.work_tree is None or not self.work_tree.left_out
        except MessengerError:  # which the checks of git tell
            return True

    def a_moment_later(self, ids: Collection[str]) -> Subject:
        """The project as it is once those who are at work have got further, as far as these messages go."""
        time.sleep(MOMENT)
        return Subject(self.project, ids)

    @cached_property
    def queued(self) -> Mapping[str, Message]:
        """The valid messages of the queue, by id."""
        view = self.view
        return {} if view is None else {one: view.message(index) for one, index in view.ids().items()}

    @cached_property
    def messages(self) -> Mapping[str, Message]:
        """Every message, by id: as the archive has it where it is closed, else as the queue has it."""
        return {
            **self.queued,
            **{
                one: message
                for one, message in self.records.messages.items()
                if one not in self.queued or message.status.is_closed
            },
        }

    @cached_property
    def _store(self) -> Store:
        """Queue and archive; only to be read, and its view never asked for, which takes notes."""
        return Store(self.project, self.config, "", self._check, lambda _: None)

    def _check(self) -> Check:
        routes = Routes.load(added_routes(self.plugins, self.config.agents), self.config.extra_routes)
        return stored_message_check(self.types, routes, self.config)
