"""The doctor's checks of what a project sets: its config, its plugins, its message types, and the files `init` made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from difflib import get_close_matches

from bmad_messenger.doctor import fixes
from bmad_messenger.doctor.conflicts import merge_again
from bmad_messenger.doctor.diagnosis import Diagnosis, command, warning
from bmad_messenger.doctor.subject import Subject
from bmad_messenger.errors import ConflictError, MessengerError, Problem
from bmad_messenger.files import read_text
from bmad_messenger.layout import IGNORE_NAME, SCHEMA_NAME, not_ignored, schema_text
from bmad_messenger.plugins.loading import DISABLED_VARIABLE, disabled_by_environment, known_plugins


def config(subject: Subject) -> Iterator[Diagnosis]:
    """Errors of `config.yaml`."""
    path = subject.project.config
    for problem in subject.settings[1]:
        again = merge_again(subject, path) if problem.code == ConflictError.code else ""
        yield Diagnosis(problem, again or command("bmad-messenger", "validate", subject.project.name(path)))


def plugins(subject: Subject) -> Iterator[Diagnosis]:
    """Plugins that can't be loaded, and names of plugins that there are none of."""
    for problem in subject.loaded[1]:
        yield Diagnosis(problem)
    known = known_plugins()
    name = subject.project.name(subject.project.config)
    settings = subject.config.plugin_settings
    for plugin in sorted({*subject.config.disabled_plugins, *settings} - known):
        place = f"plugins.{plugin}" if plugin in settings else "plugins.disable"
        yield _unknown(plugin, f"{place}: there is no plugin {plugin!r}", known, name)
    for plugin in sorted({*disabled_by_environment()} - known):
        yield _unknown(plugin, f"{DISABLED_VARIABLE}: there is no plugin {plugin!r}", known, None)


def types(subject: Subject) -> Iterator[Diagnosis]:
    """Message types of the project whose schema is none."""
    for type, path in subject.types.files.items():
        try:
            subject.types.schema_of(type)
        except MessengerError as error:
            check = command("bmad-messenger", "validate", subject.project.name(path))
            for problem in error.problems or (error.problem,):
                yield Diagnosis(problem, check)


def layout(subject: Subject) -> Iterator[Diagnosis]:
    """Files of `init` that an older version made: the schema for editors, and what keeps local files out of git."""
    project = subject.project
    if os.path.lexists(project.folder) and not project.folder.is_dir():
        return  # which is told already
    if not project.folder.is_dir():
        what = "this project has no messenger's folder yet"
        name = project.name(project.folder)
        yield Diagnosis(Problem(what, path=name, code="no-folder", severity="note"), "bmad-messenger init")
        return
    schema, ignored = project.folder / SCHEMA_NAME, project.folder / IGNORE_NAME
    if os.path.lexists(schema) and read_text(schema, project.name(schema)) != schema_text():
        what = "the queue's schema is another version's: editors check by old rules"
        renew = f"{command('rm', project.name(schema))} && bmad-messenger init"
        yield Diagnosis(warning(what, path=project.name(schema), code="outdated"), renew, fixes.renew_schema)
    lacking = not_ignored(read_text(ignored, project.name(ignored)) or "") if os.path.lexists(ignored) else []
    if lacking:
        what = f"{' '.join(lacking)} is missing here: git may take local files for the project's"
        problem = warning(what, path=project.name(ignored), code="outdated")
        yield Diagnosis(problem, "bmad-messenger doctor --fix", fixes.ignore_local)


def _unknown(plugin: str, message: str, known: set[str], name: str | None) -> Diagnosis:
    near = get_close_matches(plugin, sorted(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "`bmad-messenger plugins` lists them"
    return Diagnosis(warning(message, hint, name, code="no-plugin"))
