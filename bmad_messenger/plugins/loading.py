"""The plugins of one messenger: found, checked, and called one by one, so that none can break another."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import pluggy

from bmad_messenger.errors import InvalidError, MessengerError
from bmad_messenger.plugins import archive, btmsg, spec

BUILT_IN: Final[Mapping[str, object]] = {"archive": archive, "btmsg": btmsg}
"""The plugins that come with the messenger, by name."""

CHOSEN_VARIABLE: Final = "BMAD_MESSENGER_PLUGINS"
"""Where this is set, only the installed plugins that it names (with commas) are loaded; set to nothing, none is."""


DISABLED_VARIABLE: Final = "BMAD_MESSENGER_DISABLE"
"""Names plugins to switch off (with commas), beside those that the project's config switches off."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as `bmad-messenger plugins` shows it; `version` is its package's, None for a built-in one."""

    name: str
    version: str | None
    enabled: bool
    hooks: tuple[str, ...]


class Plugins:
    """Every plugin that is installed and not switched off.

    Args:
        disabled: the names of those that the project's config switches off.

    Raises:
        InvalidError: where one can't be imported, or implements a hook that does not exist.
    """

    def __init__(self, disabled: Collection[str] = ()) -> None:
        self._manager = pluggy.PluginManager(spec.NAME)
        self._manager.add_hookspecs(spec)
        self._versions: dict[str, str] = {}
        disabled = {*disabled, *disabled_by_environment()}
        self._disabled = sorted(disabled)
        for name in disabled:
            self._manager.set_blocked(name)
        for name, plugin in BUILT_IN.items():
            self._manager.register(plugin, name=name)
        for entry in _entry_points():
            if entry.name not in disabled:
                self._register(entry)

    def __contains__(self, name: str) -> bool:
        return self._manager.has_plugin(name)

    def add(self, hook: str, take: Callable[[str, Any], None]) -> None:
        """Give what each plugin answers to `hook` to `take`, with the plugin's name.

        Raises:
            InvalidError: where the hook itself fails.
            MessengerError: what `take` raises.
        """
        for name, call in self.calls(hook):
            try:
                take(name, call())
            except MessengerError:
                raise
            except Exception as error:
                raise _broken(name, f"its hook {hook} failed: {error!r}") from error

    def calls(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        """The plugins that implement `hook`, in the order of their turns: each one's name, and what calls it."""
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            others = (p for p in self._manager.get_plugins() if p is not implementation.plugin)
            call = self._manager.subset_hook_caller(hook, others)
            yield implementation.plugin_name, _first(call)

    def infos(self) -> list[PluginInfo]:
        """All plugins, those that are switched off last."""
        infos = [
            PluginInfo(
                name,
                self._versions.get(name),
                True,
                tuple(sorted(caller.name for caller in self._manager.get_hookcallers(plugin) or ())),
            )
            for name, plugin in self._manager.list_name_plugin()
            if plugin is not None
        ]
        return [*infos, *(PluginInfo(name, None, False, ()) for name in self._disabled)]

    def _register(self, entry: Any) -> None:
        if entry.name in BUILT_IN:
            raise _broken(entry.name, "a built-in plugin has this name")
        try:
            self._manager.register(entry.load(), name=entry.name)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise _broken(entry.name, _unknown_hook(str(error))) from error
        except Exception as error:
            raise _broken(entry.name, f"it can't be loaded: {error!r}") from error
        if entry.dist is not None:
            self._versions[entry.name] = entry.dist.version


def disabled_by_environment() -> list[str]:
    """The names of the plugins that the environment switches off."""
    return _names(os.environ.get(DISABLED_VARIABLE, ""))


def known_plugins() -> set[str]:
    """The names of the plugins that come with the messenger, and of all that are installed."""
    return {*BUILT_IN, *chosen_plugins(), *(entry.name for entry in _installed())}


def chosen_plugins() -> list[str]:
    """The names of the installed plugins that are loaded unless they are switched off."""
    return [entry.name for entry in _entry_points()]


def _first(call: Callable[..., Any]) -> Callable[..., Any]:
    """One plugin's answer in place of a list of one; pluggy leaves out an answer of None."""

    def first(**arguments: Any) -> Any:
        answers = call(**arguments)
        return answers[0] if answers else None

    return first


def _broken(name: str, why: str) -> InvalidError:
    return InvalidError(
        f"the plugin {name!r} is broken: {why}",
        hint=f"mend or uninstall it, or switch it off with `plugins: {{disable: [{name}]}}` in config.yaml",
    )


def _unknown_hook(message: str) -> str:
    hooks = [name for name in vars(spec) if not name.startswith("_") and name.islower()]
    word = message.rpartition("unknown hook ")[2].partition(" ")[0].strip("'\"")
    near = get_close_matches(word, hooks, n=1)
    return f"{message}; did you mean {near[0]!r}?" if near else message


def _entry_points() -> list[Any]:
    """The entry points of installed plugins.

    The packages' metadata is read by `importlib.metadata`, which costs more than a whole send; so it is imported only
    where a glance at the files finds our group.
    """
    chosen = os.environ.get(CHOSEN_VARIABLE)
    if chosen == "" or not any(_offers_plugins(Path(folder or ".")) for folder in dict.fromkeys(sys.path)):
        return []
    names = None if chosen is None else _names(chosen)
    return [entry for entry in _installed() if names is None or entry.name in names]


def _installed() -> list[Any]:
    from importlib.metadata import entry_points

    return sorted(entry_points(group=spec.NAME), key=lambda entry: entry.name)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _offers_plugins(folder: Path) -> bool:
    group = f"[{spec.NAME}]".encode()
    try:
        names = os.listdir(folder)
    except OSError:  # zip archives and folders that do not exist are on the path too
        return False
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            try:
                if group in (folder / name / "entry_points.txt").read_bytes():
                    return True
            except OSError:  # most packages offer no entry points
                continue
    return False
