"""What plugins add to the types and the routes of a project, checked before it is used."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bmad_messenger.errors import InvalidError
from bmad_messenger.plugins.loading import Plugins


def added_types(plugins: Plugins) -> dict[str, Mapping[str, Any]]:
    """The payload schemas of plugins by type; each is checked when its type is first asked for.

    Raises:
        InvalidError: where a plugin's answer is no mapping.
    """
    added: dict[str, Mapping[str, Any]] = {}
    plugins.add("message_types", lambda _, answer: added.update(answer or {}))
    return added


def added_routes(plugins: Plugins, agents: Collection[str]) -> list[Mapping[str, Any]]:
    """The routes of plugins, in the form of `routes.yaml`; `agents` is the project's roster.

    Raises:
        InvalidError: where a plugin's routes break their schema.
    """
    added: list[Mapping[str, Any]] = []

    def take(plugin: str, answer: Sequence[Mapping[str, Any]] | None) -> None:
        if not answer:
            return
        from bmad_messenger.project_files import check_document
        from bmad_messenger.yaml.parse import Document

        name = f"the plugin {plugin}"
        problems = check_document("routes", Document({"routes": [*answer]}), name, agents=agents)
        errors = tuple(problem for problem in problems if problem.severity == "error")
        if errors:
            raise InvalidError.of(errors, f"the routes of the plugin {plugin!r}")
        added.extend(answer)

    plugins.add("routes", take)
    return added
