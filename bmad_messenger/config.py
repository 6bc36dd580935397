"""Where the project is, who works in it, and what its `config.yaml` says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from bmad_messenger.errors import InvalidError, NotFoundError

ROSTER: Final = ("analyst", "pm", "architect", "ux-designer", "sm", "dev", "tea", "user")
"""The agents of the reference, and the person."""

USER: Final = "user"
PROJECT_VARIABLE: Final = "BMAD_MESSENGER_PROJECT"
_MARKERS: Final = ("_bmad-output", "_bmad", ".git")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds that keep a mistake small; each can be set under `limits:` in `config.yaml`.

    Sizes are bytes of UTF-8, times are seconds.
    """

    thread_length: int = 50
    payload_bytes: int = 1_048_576
    queue_bytes: int = 67_108_864
    lock_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one project; the defaults are the reference's."""

    agents: tuple[str, ...] = ROSTER
    strict_routes: bool = False
    extra_routes: tuple[Mapping[str, Any], ...] = ()
    limits: Limits = Limits()
    disabled_plugins: frozenset[str] = frozenset()
    plugin_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    allowed_commands: tuple[str, ...] = ()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Config:
        """The settings that a mapping holds which is valid by `config.schema.json`."""
        routes = mapping.get("routes") or {}
        if isinstance(routes, str):
            routes = {"policy": routes}
        limits = mapping.get("limits") or {}
        plugins = mapping.get("plugins") or {}
        return cls(
            agents=_roster(mapping.get("agents")),
            strict_routes=routes.get("policy") == "strict",
            extra_routes=tuple(routes.get("add") or ()),
            limits=Limits(**{f.name: limits[f.name] for f in fields(Limits) if f.name in limits}),
            disabled_plugins=frozenset(plugins.get("disable") or ()),
            plugin_settings={name: settings or {} for name, settings in plugins.items() if name != "disable"},
            variables={key: str(value) for key, value in (mapping.get("variables") or {}).items()},
            allowed_commands=tuple((mapping.get("commands") or {}).get("allow") or ()),
        )

    def require_agent(self, name: str) -> str:
        """`name`, if it is on the roster.

        Raises:
            NotFoundError: naming the nearest agent.
        """
        if name in self.agents:
            return name
        near = get_close_matches(name, self.agents, n=1, cutoff=0.5)
        known = ", ".join(self.agents)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise NotFoundError(
            f"there is no agent {name[:80]!r}",
            hint=f"{hint}the agents are {known}; `agents:` in config.yaml changes them",
        )


@dataclass(frozen=True, slots=True)
class Project:
    """The folders and files of one project that uses the messenger."""

    root: Path

    @property
    def folder(self) -> Path:
        """Everything the messenger keeps."""
        return self.root / "_bmad-output" / "messenger"

    @property
    def queue(self) -> Path:
        """The live messages."""
        return self.folder / "message-queue.yaml"

    @property
    def archive(self) -> Path:
        """The history, one file a message."""
        return self.folder / "archive"

    @property
    def config(self) -> Path:
        """The optional settings."""
        return self.folder / "config.yaml"

    @property
    def schemas(self) -> Path:
        """The project's own message types, `<type>.schema.json`."""
        return self.folder / "schemas"

    def name(self, path: Path) -> str:
        """`path` as messages show it: relative to the project where it is inside."""
        return os.path.relpath(path, self.root) if path.is_relative_to(self.root) else str(path)


def find_project(start: Path | str | None = None) -> Project:
    """The project that `start` belongs to.

    A `start` that is given, or else `BMAD_MESSENGER_PROJECT`, names the project outright. Without either, it is the
    nearest folder from the working directory upwards that holds `_bmad-output`, `_bmad` or `.git`.

    Raises:
        NotFoundError: where there is none.
    """
    named = start if start is not None else os.environ.get(PROJECT_VARIABLE) or None
    if named is not None:
        root = Path(os.path.realpath(os.path.expanduser(named)))
        if not os.path.isdir(root):
            raise NotFoundError(f"there is no folder {str(named)!r}", hint="name the project's folder")
        return Project(root)
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if any(os.path.exists(folder / marker) for marker in _MARKERS):
            return Project(folder)
    raise NotFoundError(
        f"no project at {here} or above it",
        hint="run `bmad-messenger init` in the project's folder, or name it with --project",
    )


def project_of(file: Path) -> Project | None:
    """The project whose messenger's folder a file lies in, wherever the working directory is; None where in none."""
    for folder in file.parents:
        if folder.name == "messenger" and folder.parent.name == "_bmad-output":
            return Project(folder.parent.parent)
    return None


def _roster(agents: Any) -> tuple[str, ...]:
    """A list of agents replaces the reference's; `{add: […], remove: […]}` changes it."""
    if agents is None:
        return ROSTER
    if isinstance(agents, list):
        names = tuple(agents)
    else:
        gone = agents.get("remove") or ()
        names = (*(name for name in ROSTER if name not in gone), *(agents.get("add") or ()))
    if not names:
        raise InvalidError("config.yaml leaves the project without agents", hint="name at least one under `agents:`")
    return tuple(dict.fromkeys(names))
