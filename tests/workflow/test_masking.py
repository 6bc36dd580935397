"""Tests of `bmad_messenger.workflow.masking`, and that no file and no output of a run holds a secret."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmad_messenger import InvalidError, Messenger
from bmad_messenger.workflow.engine import Engine
from bmad_messenger.workflow.masking import masked
from bmad_messenger.workflow.run import State
from tests.workflow.conftest import TELL, AddTasks, Begin, Write, texts

SECRET = "s3cr3t-value"
KEY = "-----BEGIN KEY-----\nMIIEvQ+IBADAN\nBgkqhkiG9w0B\nab\n-----END KEY-----\n"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", SECRET)
    monkeypatch.setenv("PIN", "4711")
    monkeypatch.setenv("LONGER", f"{SECRET}-and-more")
    monkeypatch.setenv("LINE", "padded\n")
    monkeypatch.setenv("NOTHING", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SECRET, "***"),
        (f"a{SECRET}b", "a***b"),
        ({SECRET: [SECRET, {"a": f"x{SECRET}"}]}, {"***": ["***", {"a": "x***"}]}),
        (4711, "***"),
        (14711.5, "***"),
        ("padded", "***"),
        (True, True),
        (None, None),
        ("harmless", "harmless"),
        (f"{SECRET}-and-more", "***"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(value: Any, expected: Any) -> None:
    assert masked(value, ("TOKEN", "PIN", "LONGER", "LINE", "NOTHING", "UNSET")) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (KEY, "***"),
        (KEY.strip(), "***"),
        ("-----BEGIN KEY-----\nMIIEvQ+IBADAN\n", "***\n***\n"),
        ("  MIIEvQ+IBADAN", "  ***"),
        ("AA==", "AA=="),
        (KEY.replace("\n", ""), "***"),
        (KEY.replace("\n", " "), "*** *** *** ab *** "),
        (KEY.replace("\n", "\r\n"), "***\r\n***\r\n***\r\nab\r\n***\r\n"),
        (repr(KEY), "'***'"),
        (json.dumps({"key": KEY}), '{"key": "***"}'),
    ],
)
def test_a_secret_of_several_lines_is_hidden_by_the_line(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str
) -> None:
    monkeypatch.setenv("KEY", KEY)

    assert masked(value, ("KEY",)) == expected


def test_what_quotes_change_in_a_secret_does_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODD", 'a"b\\c\u00fc')

    assert masked(json.dumps('a"b\\c\u00fc'), ("ODD",)) == '"***"'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("s3cr3t-va…", "***…"),
        ("it is s3cr…, not more", "it is ***…, not more"),
        ("…t-value is it", "…*** is it"),
        ("s3c…", "s3c…"),
        ("s3cr s3cr3t…", "s3cr ***…"),
        ("…value-value", "…***-value"),
        ("secret… and …valued", "secret… and …***d"),
    ],
)
def test_what_a_cut_has_left_of_a_secret_is_hidden(value: str, expected: str) -> None:
    assert masked(value, ("TOKEN",)) == expected


def test_secrets_that_overlap_leave_no_tails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST", "abcdef")
    monkeypatch.setenv("SECOND", "efghij")

    assert masked("-abcdefghij-", ("FIRST", "SECOND")) == "-***-"
    assert masked("-abcdefabcdef-", ("FIRST", "SECOND")) == "-***-"


@given(
    secrets=st.lists(st.text("ab\n", min_size=1, max_size=6), min_size=1, max_size=4),
    before=st.text("abc", max_size=4),
    after=st.text("abc", max_size=4),
)
def test_no_secret_is_left_and_masking_twice_is_masking_once(secrets: list[str], before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        names = [f"SECRET_{number}" for number in range(len(secrets))]
        for name, secret in zip(names, secrets, strict=True):
            patch.setenv(name, secret)

        found = masked(f"{before}{''.join(secrets)}{after}", names)

        assert not [secret for secret in secrets if secret in found]
        assert masked(found, names) == found


def files_with_secrets(messenger: Messenger) -> list[str]:
    files = [path for path in messenger.project.folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(one.encode() in path.read_bytes() for one in (SECRET, "4711"))]


def test_what_a_run_sends_holds_none(begin: Begin, messenger: Messenger) -> None:
    run = begin(f"secrets: [TOKEN]\nsteps:\n  - id: a\n    {TELL}'t={{{{ secrets.TOKEN }}}}'}}}}\n")

    assert (run.state, texts(messenger), files_with_secrets(messenger)) == (State.DONE, ["t=***"], [])


def test_what_a_task_is_given_is_the_secret_itself_and_what_it_leaves_is_not(
    begin: Begin, messenger: Messenger, add_tasks: AddTasks
) -> None:
    given: list[Any] = []

    def work(messenger: Messenger, *, token: str, pin: int) -> dict[str, Any]:
        given.append((token, pin))
        return {"token": token, "pin": pin, token: [pin]}

    add_tasks(work=work)

    begin(
        "secrets: [TOKEN, PIN]\nsteps:\n  - id: a\n    exec: work\n"
        "    with: {token: '{{ secrets.TOKEN }}', pin: '{{ secrets.PIN | int }}'}\n"
        f"  - id: b\n    {TELL}'{{{{ steps.a.token }}}} {{{{ steps.a.pin }}}}'}}}}\n"
    )

    assert given == [(SECRET, 4711)]
    assert (texts(messenger), files_with_secrets(messenger)) == (["*** ***"], [])


def test_an_error_holds_none(begin: Begin, messenger: Messenger, add_tasks: AddTasks) -> None:
    def work(messenger: Messenger, *, token: str) -> None:
        raise InvalidError(f"can't sign in with {token}", hint=f"is {token} right?")

    add_tasks(work=work)

    run = begin("secrets: [TOKEN]\nsteps:\n  - id: a\n    exec: work\n    with: {token: '{{ secrets.TOKEN }}'}\n")

    assert run.error == "a: can't sign in with ***; is *** right?"
    assert files_with_secrets(messenger) == []


@pytest.mark.parametrize(
    "step",
    [
        "ask: {question: '{{ secrets.TOKEN }}?'}",
        "wait: {message: {to: pm, type: notify, route: '{{ secrets.TOKEN }}'}}",
        "wait: {for: 1h}\n    foreach: ['{{ secrets.TOKEN }}', '{{ secrets.PIN | int }}']",
        "workflow: inner\n    with: {token: '{{ secrets.TOKEN }}'}",
    ],
)
def test_what_a_step_waits_for_holds_none(begin: Begin, write: Write, messenger: Messenger, step: str) -> None:
    write("params: {token: {}}\nsteps:\n  - id: a\n    wait: {message: {to: pm}}\n", "inner")

    run = begin(f"secrets: [TOKEN, PIN]\nsteps:\n  - id: a\n    {step}\n")

    assert (run.state, files_with_secrets(messenger)) == (State.WAITING, [])


def test_what_a_run_is_given_holds_none(begin: Begin, messenger: Messenger) -> None:
    run = begin("secrets: [TOKEN]\nparams: {t: {}}\nsteps:\n  - id: a\n    wait: {for: 1h}\n", t=SECRET)

    assert (run.params, files_with_secrets(messenger)) == ({"t": "***"}, [])


def test_a_run_in_it_keeps_its_secrets_too(
    begin: Begin, write: Write, engine: Engine, messenger: Messenger, add_tasks: AddTasks
) -> None:
    add_tasks(leak=lambda messenger: SECRET)
    write("steps:\n  - id: a\n    exec: leak\noutputs: {leaked: {value: '{{ steps.a.value }}'}}\n", "inner")

    run = begin("secrets: [TOKEN]\nsteps:\n  - id: a\n    workflow: inner\n")

    assert (run.step("a").outputs["leaked"], files_with_secrets(messenger)) == ("***", [])


def test_the_outputs_of_a_command_hold_none(begin: Begin, messenger: Messenger, tmp_path: Path) -> None:
    messenger.project.config.write_text("commands: {allow: [printenv]}\n")

    engine = Engine(Messenger.open(tmp_path))
    path = engine.messenger.project.folder / "workflows" / "example.yaml"
    path.write_text(
        "name: example\nsecrets: [TOKEN]\nsteps:\n"
        "  - id: a\n    exec: run-command\n    with: {command: printenv TOKEN}\n"
        "  - id: b\n    exec: run-command\n    with: {command: [printenv, '{{ secrets.TOKEN }}']}\n"
    )
    run = engine.advance(engine.start("example", {}).run_id)

    assert run.step("a").outputs["stdout"] == "***\n"
    assert (run.state, files_with_secrets(messenger)) == (State.FAILED, [])


FLOODING = """\
import os, sys
key = os.environ["KEY"]
print(key, file=sys.stderr)
print(key.replace(chr(10), ""), "x" * 300, file=sys.stderr)
sys.stdout.write(key + "y" * (65_536 - 20))
sys.exit(1)
"""


def test_a_failed_command_shows_no_part_of_a_secret(
    messenger: Messenger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "k" + "0123456789" * 30
    monkeypatch.setenv("KEY", f"{KEY}{long}\n")
    messenger.project.config.write_text(f"commands: {{allow: ['{sys.executable}']}}\n")
    engine = Engine(Messenger.open(tmp_path))
    (tmp_path / "flooding.py").write_text(FLOODING)
    (engine.messenger.project.folder / "workflows" / "example.yaml").write_text(
        "name: example\nsecrets: [KEY]\nsteps:\n"
        f"  - id: a\n    exec: run-command\n    with: {{command: ['{sys.executable}', flooding.py]}}\n"
    )

    run = engine.advance(engine.start("example", {}).run_id)

    text = engine.runs.path(run.run_id).read_text()
    assert (run.state, run.step("a").outputs["stdout"][:6]) == (State.FAILED, "…***yy")
    assert [part for part in (*KEY.split("\n"), "0123") if len(part) >= 4 and part in text] == []
