"""Tests of `workflow run`, `show` and `validate` with a BMAD file: what they print, and their exit codes."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from bmad_messenger import Messenger
from bmad_messenger.cli.workflow.bmad import run_bmad
from bmad_messenger.workflow.engine import Engine
from tests.workflow.bmad.conftest import FILE, INSTRUCTIONS, Bmad, Result, sent, tell

Command = Callable[..., Result]

TEXT = f"""\
<critical>Speak {{communication_language}}</critical>
<workflow>
<step n="1" goal="Find the story">
  <action>Read {{{{story_key}}}}.md</action>
  <check if="mode == draft"><action>Stop</action></check>
</step>
<step n="2" goal="Hand it over">
  {tell("{{story_key}}")}
  <check if="the story is large">
    <action if="it has UI">Tell the designer</action>
    {tell("large")}
  </check>
  <ask>Which platform?</ask>
  <action>Store as {{{{platform}}}}</action>
  <exec task="receive-message"><param name="agent">dev</param></exec>
</step>
<step n="3" goal="More" optional="true"><loop max="3">{tell("more")}</loop></step>
</workflow>
"""


def test_run_sends_and_shows_what_is_left_to_the_agent(bmad: Bmad, command: Command) -> None:
    bmad.write(TEXT, "mode: final\nextra: {a: 1}\n")
    result = command("run", FILE, "--story-key", "1-2", "--platform=web")

    (message,) = bmad.messenger.list()
    run = (message.idempotency_key or "").partition("/")[0]
    lines = result.out.splitlines()
    received = [number for number, line in enumerate(lines) if line.startswith("       ")]
    assert (result.code, sent(bmad.messenger)) == (0, ["1-2"])
    assert lines[: received[0]] + lines[received[-1] + 1 :] == [
        "hand-over: A story goes to the developer",
        " 1. agent (critical): Speak English",
        " 2. step 1: Find the story",
        " 3.   agent (action): Read 1-2.md",
        " 4.   check is left out: mode == draft does not hold",
        " 5. step 2: Hand it over",
        f" 6.   send-message: {message.message_id}",
        " 7.   agent judges: the story is large",
        " 8.     if it has UI: agent (action): Tell the designer",
        " 9.     agent (exec send-message), not run: it depends on what the agent judges",
        "10.   ask: Which platform?: answered with web",
        "11.   agent (action): Store as web",
        "12.   receive-message: 1 for dev",
        "13. step 3: More is left out: it is optional; --param step_3=yes plays it",
        "unknown tags: loop",
        "unknown keys: mode, extra",
        f"{run} done",
    ]
    assert lines[received[0]].strip() == f"message {message.message_id}"


def test_a_dry_run_checks_and_sends_nothing(bmad: Bmad, command: Command) -> None:
    bmad.write(TEXT)
    result = command("run", FILE, "--param", "story_key=1-2", "--dry-run")
    assert (result.code, bmad.messenger.list()) == (0, [])
    assert not (bmad.messenger.project.folder / "runs").exists()
    assert "send-message, not run: notify from sm to dev" in result.out
    assert '  user_name: "Ada"' in result.out
    assert result.out.splitlines()[-1] == "2 to run, none was"


def test_the_json_is_one_object_with_everything(bmad: Bmad, command: Command) -> None:
    bmad.write(TEXT, "mode: final\n")
    document = command("run", FILE, "--story-key", "1-2", "--json").document

    assert (document["workflow"], document["file"], document["instructions"]) == ("hand-over", FILE, INSTRUCTIONS)
    assert (document["state"], document["unknown_tags"], document["unknown_keys"]) == ("done", ["loop"], ["mode"])
    assert document["variables"]["story_key"] == "1-2"
    assert document["variables"]["project-root"] == "."
    assert document["unknown_variables"] == ["platform"]
    assert [step["state"] for step in document["steps"] if step["kind"] == "exec"] == ["done", "agent", "done"]
    first = next(step for step in document["steps"] if step["kind"] == "exec")
    assert (first["step"], first["id"], first["line"], first["column"]) == ("2", "step-2-exec-1", 8, 3)
    assert first["value"]["idempotency_key"] == f"{document['run']}/step-2-exec-1"
    assert str(bmad.messenger.project.root) not in str(document)


def test_a_file_without_instructions_says_so_and_runs_nothing(bmad: Bmad, command: Command) -> None:
    bmad.write("", workflow='name: brief\nconfig_source: "{project-root}/_bmad/bmm/config.yaml"\nmine: 5\n')

    result = command("run", FILE)

    assert (result.code, result.out.splitlines()[-2:]) == (0, ["unknown keys: mine", "nothing to run"])
    assert f"{FILE}:1:1: the file names no instructions" in result.err
    assert command("show", FILE).code == 0
    assert command("validate", FILE).code == 0


def test_an_optional_step_is_chosen_by_a_flag(bmad: Bmad, command: Command) -> None:
    bmad.write(f"<step n='3' optional='true'>{tell()}</step>")
    assert command("run", FILE).out.splitlines()[-1] == "nothing to run: the agent does it all"
    assert command("run", FILE, "--step-3").code == 0
    assert command("run", FILE, "--param", "step_3=no").code == 0
    assert sent(bmad.messenger) == ["ready"]


def test_where_nothing_is_to_be_run_no_run_is_kept(bmad: Bmad, command: Command) -> None:
    bmad.write("<action>Think</action>")
    document = command("run", FILE, "--json").document
    assert (document["run"], document["state"]) == (None, "not run")
    assert not (bmad.messenger.project.folder / "runs").exists()


def test_a_run_that_fails_says_where_and_exits_with_nine(bmad: Bmad, command: Command) -> None:
    bmad.messenger.project.config.write_text('commands: {allow: ["false"]}\n')
    bmad.write(f"<exec task='run-command'><param name='command'>['false']</param></exec>{tell()}")
    result = command("run", FILE)

    assert (result.code, sent(bmad.messenger)) == (9, [])
    assert result.out.splitlines()[1].startswith("1. run-command failed: false ended with 1")
    assert result.out.splitlines()[2].startswith("2. send-message cancelled")
    assert command("resume", result.out.splitlines()[-1].split()[0]).code == 9


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("--param", "story=1"), 2, "the workflow reads no variable 'story'"),
        (("--param", "story_kye=1"), 2, "the workflow reads no variable 'story_kye'; did you mean 'story_key'?"),
        (("--story-kye", "1"), 2, "there is no option '--story-kye'; did you mean --story-key?"),
        (("--param", "story_key"), 2, "'story_key' is no assignment"),
        ((), 3, f"{INSTRUCTIONS}:8:163: there is no variable 'story_key'"),
        (("--param", "installed_path=nowhere"), 4, f"{FILE}:8:1: there is no file nowhere/instructions.md"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(
    bmad: Bmad, command: Command, arguments: tuple[str, ...], code: int, error: str
) -> None:
    bmad.write(TEXT)
    result = command("run", FILE, *arguments)
    assert (result.code, bmad.messenger.list()) == (code, [])
    assert error in result.err


def test_without_its_config_it_runs_with_a_warning(bmad: Bmad, command: Command) -> None:
    (bmad.messenger.project.root / "_bmad/bmm/config.yaml").unlink()
    bmad.write(tell())
    result = command("run", FILE)
    assert (result.code, sent(bmad.messenger)) == (0, ["ready"])
    assert "there is no config _bmad/bmm/config.yaml" in result.err


def test_show_plays_it_without_parameters(bmad: Bmad, command: Command) -> None:
    bmad.write(TEXT)
    result = command("show", FILE)
    assert (result.code, bmad.messenger.list()) == (0, [])
    assert "send-message, not run: there is no variable 'story_key'" in result.out
    assert command("show", FILE, "--json").document["unknown_variables"] == ["platform", "story_key"]


def test_validate_finds_what_is_wrong_with_any_element(bmad: Bmad, command: Command) -> None:
    bmad.write(TEXT)
    assert command("validate", FILE).out == "1 workflow is valid.\n"
    bmad.write("<check if='found'>\n<exec task='x'/></check>")
    result = command("validate", FILE)
    assert (result.code, result.out.partition(";")[0]) == (3, f"{INSTRUCTIONS}:2:1: there is no task 'x'")


def test_control_characters_of_a_file_do_not_reach_the_terminal(bmad: Bmad, command: Command) -> None:
    bmad.write("<action>a\x1b[31m b\x9b</action>")
    assert "agent (action): a\\x1b[31m b\\x9b" in command("run", FILE).out


def test_folders_may_have_blanks_and_other_signs_in_their_names(bmad: Bmad, command: Command) -> None:
    folder = bmad.messenger.project.root / "a b, ü"
    folder.mkdir()
    (folder / "workflow.yaml").write_text("name: x\ninstructions: 'a b, ü/steps.xml'\n")
    (folder / "steps.xml").write_text(f"<workflow>{tell()}</workflow>")
    assert command("run", "a b, ü/workflow.yaml").code == 0
    assert sent(bmad.messenger) == ["ready"]


def test_eight_at_once_send_one_message_each(bmad: Bmad, capsys: pytest.CaptureFixture[str]) -> None:
    bmad.write(tell())
    children = [_forked(bmad) for _ in range(8)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert sent(bmad.messenger) == ["ready"] * 8


def _forked(bmad: Bmad) -> int:
    """A process of its own that runs the workflow."""
    child = os.fork()
    if child == 0:
        engine = Engine(Messenger.open(bmad.messenger.project.root))
        run_bmad(engine, bmad.path, (), (), dry_run=False, as_json=True)
        os._exit(0)
    return child
