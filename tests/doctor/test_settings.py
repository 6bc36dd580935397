"""What a project sets: its config, its plugins, its message types, and the files that an older version made."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bmad_messenger import Message, Messenger, hookimpl
from bmad_messenger.doctor.examination import examine
from bmad_messenger.plugins import loading
from tests.doctor.visiting import codes, found, visit

CONFIG = "_bmad-output/messenger/config.yaml"


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("limits:\n  thread_lenght: 3\n", "invalid", 2),
        ("limits:\n  a: b: c\n", "invalid", 2),
        ("a: 1\n<<<<<<< ours\n=======\n>>>>>>> theirs\n", "conflict", 2),
        ("agents: []\n", "invalid", 1),
    ],
)
def test_error_of_the_config_is_found_with_its_line(
    text: str, code: str, line: int, messenger: Messenger, sent: Message
) -> None:
    messenger.project.config.write_text(text)

    finding = found(messenger, code)

    assert (finding.problem.path, finding.problem.line, finding.problem.severity) == (CONFIG, line, "error")
    assert finding.mend == f"bmad-messenger validate {CONFIG}"
    assert codes(visit(messenger)) == [code]


def test_config_that_is_no_text_is_found(messenger: Messenger) -> None:
    messenger.project.config.write_bytes(b"\xff")

    assert found(messenger, "damaged").problem.path == CONFIG


def test_warning_of_the_config_is_one(messenger: Messenger) -> None:
    route = "{id: a, from: nobody, to: dev, trigger: b}"
    messenger.project.config.write_text(f"routes:\n  add:\n    - {route}\n")

    report = visit(messenger)

    assert [finding.problem.severity for finding in report.findings] == ["warning"]
    assert not report.is_ill


def entry(name: str, load: Callable[[], Any]) -> Any:
    return SimpleNamespace(name=name, load=load, dist=None)


def plugin(**hooks: Callable[..., Any]) -> ModuleType:
    module = ModuleType("plugin")
    vars(module).update({name: hookimpl(function) for name, function in hooks.items()})
    return module


def test_each_plugin_that_does_not_load_is_found(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("no such thing")

    entries = [
        entry("a", broken),
        entry("b", lambda: plugin(routes=lambda: [{"id": 7}])),
        entry("c", lambda: plugin(tasks=lambda: None)),
        entry("d", lambda: plugin(after_sent=lambda: None)),
    ]
    monkeypatch.setattr(loading, "_entry_points", lambda: entries)

    messages = [str(finding.problem) for finding in visit(messenger).findings]

    assert "'a' is broken: it can't be loaded: ImportError" in messages[0]
    assert messages[1].startswith("the plugin b: ")
    assert "'d' is broken" in messages[-1]
    assert not [message for message in messages if "'c'" in message]


def test_plugin_that_is_switched_off_may_be_broken(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_entry_points", lambda: [entry("a", lambda: 1 / 0)])
    messenger.project.config.write_text("plugins: {disable: [a]}\n")

    assert visit(messenger).findings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugins: {disable: [btmgs]}\n", "plugins.disable: there is no plugin 'btmgs'"),
        ("plugins: {btmgs: {group: a}}\n", "plugins.btmgs: there is no plugin 'btmgs'"),
    ],
)
def test_plugin_that_does_not_exist_is_found(text: str, message: str, messenger: Messenger) -> None:
    messenger.project.config.write_text(text)

    finding = found(messenger, "no-plugin")

    assert (finding.problem.message, finding.problem.severity, finding.problem.path) == (message, "warning", CONFIG)
    assert finding.problem.hint == "did you mean 'btmsg'?"


def test_plugin_that_the_environment_names_may_not_exist(messenger: Messenger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMAD_MESSENGER_DISABLE", "btmsg, nothing-like-it")

    finding = found(messenger, "no-plugin")

    assert finding.problem.message == "BMAD_MESSENGER_DISABLE: there is no plugin 'nothing-like-it'"


def test_message_type_that_is_none_is_found(messenger: Messenger) -> None:
    messenger.project.schemas.mkdir()
    (messenger.project.schemas / "retro.schema.json").write_text('{"type": "objekt"}')

    finding = found(messenger, "invalid")

    name = "_bmad-output/messenger/schemas/retro.schema.json"
    assert (finding.problem.path, finding.mend) == (name, f"bmad-messenger validate {name}")


def test_schema_of_an_older_version_is_renewed(messenger: Messenger, run: Callable[[str], None]) -> None:
    schema = messenger.project.folder / "queue.schema.json"
    ours = schema.read_text()
    schema.write_text("{}")
    finding = found(messenger, "outdated")

    run(finding.mend)
    assert schema.read_text() == ours
    schema.write_text("{}")
    assert examine(messenger.project, fix=True).fixed == ("wrote _bmad-output/messenger/queue.schema.json",)
    assert schema.read_text() == ours


def test_schema_that_somebody_deleted_is_not_missed(messenger: Messenger) -> None:
    (messenger.project.folder / "queue.schema.json").unlink()

    assert visit(messenger).findings == ()


@pytest.mark.parametrize("text", ["# ours\n*.bak", "*.bak\n.*.tmp\n", ""])
def test_lines_that_gitignore_lacks_are_added(text: str, messenger: Messenger) -> None:
    ignored = messenger.project.folder / ".gitignore"
    ignored.write_text(text)

    assert found(messenger, "outdated").problem.path == "_bmad-output/messenger/.gitignore"
    assert examine(messenger.project, fix=True).findings == ()
    assert ignored.read_text().startswith(text)
    assert {".*.lock", ".*.lock.holder", ".*.journal", ".*.tmp"} <= {*ignored.read_text().splitlines()}
