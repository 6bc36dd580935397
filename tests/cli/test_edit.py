"""`edit`, with editors that are programs: what is printed and asked, and what outlives a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import COMMAND, Terminal, environment

Cli = Callable[..., Any]

EDIT = (*COMMAND, "edit")


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes the user's editor of lines of Python, which change `text`; each list of lines is one time that it opens."""

    def make(*times: str, name: str = "editor") -> Path:
        program = tmp_path / name
        steps = "".join(
            f"if number == {number}:\n{''.join(f'    {line}{chr(10)}' for line in (lines or 'pass').splitlines())}"
            for number, lines in enumerate(times)
        )
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, pathlib, sys, time\n"
            f"log = pathlib.Path({str(tmp_path / 'log')!r})\n"
            "number = log.read_text().count('\\n') if log.exists() else 0\n"
            "print(sys.argv[1:], file=log.open('a'))\n"
            "path = pathlib.Path(sys.argv[-1])\n"
            "text = path.read_text()\n"
            f"{steps}"
            "path.write_text(text)\n"
            "print('the editor was here')\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("EDITOR", str(program))
        monkeypatch.delenv("VISUAL", raising=False)
        return tmp_path / "log"

    return make


def queue(project: Path) -> Path:
    return project / "_bmad-output" / "messenger" / "message-queue.yaml"


def drafts(project: Path) -> list[Path]:
    return sorted((project / "_bmad-output" / "messenger" / ".drafts").glob("*.yaml"))


MEND = "text = text.replace('JWT or cookies?', 'JWT?')"
BREAK = "text = text.replace('type: \"clarify\"', 'type: \"clarfy\"')"
UNBREAK = "text = text.replace('clarfy', 'clarify')"
DELETE = "text = text[:text.index('messages:')] + 'messages: []\\n'"
TYPE_IN = (
    "text = text.replace('messages: []', 'messages:')\n"
    "text += '\\n  - {type: notify, from: user, to: dev, payload: {message: hi}}\\n'"
)


def test_it_says_what_was_changed_added_and_closed(cli: Cli, sent: str, editor: Callable[..., Path]) -> None:
    editor(f"{MEND}\n{TYPE_IN}", DELETE)
    run = cli("edit")
    changed, added = run.out.splitlines()

    assert (run.code, run.err) == (0, "")
    assert changed == f"changed {sent}"
    assert added.startswith("added MSG-")
    assert added.endswith(": notify from user to dev")
    assert sorted(cli("edit").out.splitlines()) == sorted(
        f"{one} cancelled: deleted while editing" for one in (sent, added[6:].partition(":")[0])
    )


def test_nothing_changed_is_said(cli: Cli, sent: str, editor: Callable[..., Path], project: Path) -> None:
    editor("")
    before = queue(project).read_bytes()

    assert cli("edit").out == "Nothing changed.\n"
    assert queue(project).read_bytes() == before


def test_a_comment_alone_is_saved(cli: Cli, sent: str, editor: Callable[..., Path], project: Path) -> None:
    editor("text += '# so\\n'")

    assert cli("edit").out == "Saved.\n"
    assert queue(project).read_text().endswith("# so\n")


def test_json_tells_the_same(cli: Cli, sent: str, editor: Callable[..., Path]) -> None:
    editor(f"{MEND}\n{TYPE_IN}", "")
    document = cli("edit", "--json").document

    assert document["saved"]
    assert document["changed"] == [sent]
    assert [message["payload"] for message in document["added"]] == [{"message": "hi"}]
    assert (document["closed"], document["notes"], document["drafts"]) == ([], [], [])
    assert not cli("edit", "--json").document["saved"]


def test_one_message_by_a_part_of_its_id(cli: Cli, sent: str, editor: Callable[..., Path], project: Path) -> None:
    log = editor(MEND)

    assert cli("edit", sent[-4:]).out == f"changed {sent}\n"
    assert f"{sent}." in log.read_text()
    assert "JWT?" in queue(project).read_text()


def test_where_nobody_can_be_asked_what_is_wrong_ends_it_and_the_draft_is_kept(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path
) -> None:
    editor(BREAK, UNBREAK + "\n" + MEND)
    before = queue(project).read_bytes()
    run = cli("edit")
    (draft,) = drafts(project)
    name = draft.relative_to(project)
    wrong, kept = run.err.splitlines()

    assert (run.code, run.out) == (3, "")
    assert wrong.startswith(f"error: {name}:")
    assert 'there is no message type "clarfy"' in wrong
    assert kept.endswith(f"`bmad-messenger edit --draft {name}` goes on with it")
    assert queue(project).read_bytes() == before
    assert cli("edit", "--draft", str(name)).out == f"changed {sent}\n"
    assert drafts(project) == []


def test_json_error_has_every_problem_and_the_draft(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path
) -> None:
    editor(f"{BREAK}\ntext = text.replace('to: \"architect\"', 'to: \"architct\"')")
    run = cli("edit", "--json")

    assert (run.code, run.out) == (3, "")
    assert len(run.error["problems"]) >= 2
    assert run.error["problems"][-1]["path"] == str(drafts(project)[0].relative_to(project))


def test_a_draft_that_was_left_is_told_of(
    cli: Cli, sent: str, editor: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(BREAK)
    cli("edit")
    monkeypatch.setattr("bmad_messenger.editing.draft.is_running", lambda _: False)
    run = cli("edit")

    assert "warning: " in run.err
    assert "an earlier edit left a draft" in run.err


def test_a_draft_and_an_id_contradict_each_other(cli: Cli, sent: str, editor: Callable[..., Path]) -> None:
    editor("")

    assert cli("edit", sent, "--draft", "x").code == 2


def test_without_an_editor_nothing_is_left(cli: Cli, sent: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    run = cli("edit")

    assert (run.code, run.err) == (2, "error: no editor is known; set EDITOR, as in `export EDITOR=nano`\n")
    assert drafts(project) == []


def test_an_editor_that_ends_with_an_error_changes_nothing(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path
) -> None:
    editor(f"{MEND}\npath.write_text(text)\nsys.exit(1)")
    before = queue(project).read_bytes()
    run = cli("edit")

    assert run.code == 2
    assert "ended with exit code 1" in run.err
    assert "JWT?" in drafts(project)[0].read_text()
    assert queue(project).read_bytes() == before


# On a terminal.


def test_on_a_terminal_it_asks_and_opens_the_failing_line(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path
) -> None:
    log = editor(BREAK, UNBREAK + "\n" + MEND, name="vim")
    terminal = Terminal(EDIT)
    terminal.wait_for("[e]dit again, [s]ave anyway, [k]eep the draft and leave? ")
    assert "error: " in terminal.text
    terminal.type("what?\n")
    terminal.wait_for("leave? ")
    terminal.type("e\n")

    assert terminal.end() == 0
    assert terminal.text.rstrip().endswith(f"changed {sent}")
    first, second = log.read_text().splitlines()
    assert "'+" not in first
    assert "'+" in second
    assert "JWT?" in queue(project).read_text()


@pytest.mark.parametrize("answer", ["k\n", "\x04", "\x03"], ids=["keep", "Ctrl-D", "Ctrl-C"])
def test_on_a_terminal_who_leaves_keeps_the_draft(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path, answer: str
) -> None:
    editor(BREAK)
    before = queue(project).read_bytes()
    terminal = Terminal(EDIT)
    terminal.wait_for("leave? ")
    terminal.type(answer)

    assert terminal.end() == 3
    assert "goes on with it" in terminal.text
    assert "Traceback" not in terminal.text
    assert "clarfy" in drafts(project)[0].read_text()
    assert queue(project).read_bytes() == before


def test_on_a_terminal_it_asks_before_it_cancels(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path
) -> None:
    editor(DELETE)
    terminal = Terminal(EDIT)
    terminal.wait_for("[c]lose as cancelled, [p]ut back, [e]dit again, [k]eep the draft and leave? ")
    assert f"{sent} is not in your copy any more" in terminal.text
    assert sent in queue(project).read_text()
    terminal.type("c\n")

    assert terminal.end() == 0
    assert cli("show", sent, "--json").document["status"] == "cancelled"


def test_control_c_is_the_editors_own(cli: Cli, sent: str, editor: Callable[..., Path], project: Path) -> None:
    editor(
        "import signal\n"
        "caught = []\n"
        "signal.signal(signal.SIGINT, lambda *_: caught.append(1))\n"
        "print('ready', file=sys.stderr, flush=True)\n"
        "while not caught: time.sleep(0.01)\n" + MEND
    )
    terminal = Terminal(EDIT)
    terminal.wait_for("ready")
    terminal.type("\x03")

    assert terminal.end() == 0
    assert "JWT?" in queue(project).read_text()


@pytest.mark.skipif(not os.path.exists("/usr/bin/vim"), reason="vim is not installed")
def test_vim_itself_edits(cli: Cli, sent: str, project: Path) -> None:
    terminal = Terminal(EDIT, columns=300, EDITOR="/usr/bin/vim -u NONE -i NONE", VISUAL="")
    terminal.wait_for("JWT or cookies?")
    terminal.type(":%s/JWT or cookies?/JWT?/\r:wq\r")

    assert terminal.end() == 0
    assert "JWT?" in queue(project).read_text()
    assert [path.name for path in (project / "_bmad-output" / "messenger" / ".drafts").iterdir()] == [".gitignore"]


# Kills, and two at once.


def test_a_kill_while_the_editor_is_open_leaves_the_queue_and_the_draft(
    cli: Cli, sent: str, editor: Callable[..., Path], project: Path, tmp_path: Path
) -> None:
    log = editor(f"{MEND}\npath.write_text(text)\nprint('saved', file=log.open('a'))\ntime.sleep(0.5)", "", UNBREAK)
    before = queue(project).read_bytes()
    process = subprocess.Popen(EDIT, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    while not log.exists() or "saved" not in log.read_text():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert queue(project).read_bytes() == before
    (draft,) = drafts(project)
    cli("send-message", "--type", "notify", "--from", "pm", "--to", "dev", "--set", "message=meanwhile")
    time.sleep(0.6)  # the editor, which lives on, closes

    assert cli("edit", "--draft", draft.name).out == f"changed {sent}\n"
    assert "JWT?" in queue(project).read_text()
    assert "meanwhile" in queue(project).read_text()


def test_two_at_once_are_merged(cli: Cli, sent: str, editor: Callable[..., Path], project: Path) -> None:
    wait = "while log.read_text().count('\\n') < 2: time.sleep(0.01)\n"
    editor(wait + MEND, wait + "text = text.replace('Story 1-2', 'Story 1-3')")
    runs = [subprocess.Popen(EDIT, env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert [run.communicate(timeout=60)[0] for run in runs] == [f"changed {sent}\n"] * 2
    assert "JWT?" in queue(project).read_text()
    assert "Story 1-3" in queue(project).read_text()
