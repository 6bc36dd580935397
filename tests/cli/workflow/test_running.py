"""`workflow run`, `resume`, `retry`, `cancel` and `tick`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bmad_messenger.cli.main import app
from bmad_messenger.cli.workflow.options import OWN_OPTIONS
from bmad_messenger.messenger import Messenger
from bmad_messenger.workflow.runs import Runs
from tests.cli.workflow.conftest import ASKING, BROKEN, FAILING, TELLING, WAITING

Cli = Callable[..., Any]
Write = Callable[[str, str], Path]

SHOWN = """\
steps:
  - id: a
    exec: receive-message
    with: {agent: dev}
outputs:
  word: {value: "{{ steps.a.agent }}"}
  lines: {value: "one\\ntwo\\n"}
  number: {value: 5}
  short: {value: [1, 2]}
  long: {value: "{{ [1] * 99 }}"}
"""
TOLD = """\
  - id: {}
    exec: send-message
    with: {{type: notify, from_agent: pm, to_agent: dev, payload: {{message: {}}}}}
"""


def files_of(project: Path) -> list[str]:
    return sorted(path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file())


class TestRun:
    def test_prints_the_run_and_ends_with_zero(self, workflow: Cli, write: Write) -> None:
        write("tell", TELLING)

        run = workflow("run", "tell", "--text", "hello")

        assert (run.code, run.err) == (0, "")
        assert run.out.startswith("tell-")
        assert run.out.splitlines()[0].endswith(" done")

    def test_prints_what_came_out(self, workflow: Cli, write: Write) -> None:
        write("shown", SHOWN)

        run = workflow("run", "shown")

        assert run.out.splitlines()[1:] == [
            "  word: dev",
            "  lines:",
            "    one",
            "    two",
            "  number: 5",
            "  short: [1, 2]",
            "  long: a list of 99, which --json shows",
        ]

    def test_with_json_prints_the_whole_run(self, workflow: Cli, write: Write, cli: Cli) -> None:
        write("tell", TELLING)

        document = workflow("run", "tell", "--text", "hello", "--json").document

        assert (document["state"], document["params"]) == ("done", {"text": "hello", "to": "dev"})
        assert cli("show", document["outputs"]["id"], "--json").document["payload"] == {"message": "hello"}

    def test_that_waits_says_for_what_and_ends_with_nine(self, workflow: Cli, write: Write) -> None:
        write("waiting", WAITING)

        run = workflow("run", "waiting")

        assert run.code == 9
        assert run.out.endswith(" waiting: a for a message to pm, type notify\n")

    def test_that_asks_says_how_to_answer(self, workflow: Cli, write: Write, cli: Cli) -> None:
        write("asking", ASKING)

        run = workflow("run", "asking", "--json")

        (waits,) = run.document["waits_for"]
        assert run.code == 9
        assert waits["answer_to"] == cli("list", "--json").document["messages"][0]["message_id"]
        assert f"`bmad-messenger answer {waits['answer_to']} …`" in workflow("runs").out

    def test_that_fails_says_why_and_ends_with_nine(self, workflow: Cli, write: Write) -> None:
        write("failing", FAILING)

        run = workflow("run", "failing")

        assert run.code == 9
        assert " failed: b: there is no message 'dev'" in run.out

    def test_of_a_broken_file_tells_where_and_runs_nothing(self, workflow: Cli, write: Write, project: Path) -> None:
        write("broken", BROKEN)
        before = files_of(project)

        run = workflow("run", "broken", "--json")

        assert (run.code, run.out) == (3, "")
        problem = run.error["error"]
        assert (problem["path"], problem["line"]) == ("_bmad-output/messenger/workflows/broken.yaml", 4)
        assert files_of(project) == before

    def test_of_what_there_is_not_names_the_nearest(self, workflow: Cli) -> None:
        run = workflow("run", "morning-inbx")

        assert run.code == 4
        assert run.err == "error: there is no workflow 'morning-inbx'; did you mean 'morning-inbox'?\n"

    @pytest.mark.parametrize(
        ("flags", "code", "problem"),
        [
            ((), 3, "params.text: required, but missing; What to say"),
            (("--txt", "x"), 2, "there is no option '--txt'; did you mean --text?"),
            (("--text",), 2, "--text needs a value"),
            (("--text", "x", "--to", "devv"), 3, "there is no agent 'devv'"),
            (("--param", "txt=x"), 3, "unknown key `txt`"),
            (("--param", "text"), 2, "--param 'text' is no assignment"),
            (("--text", "x", "stray"), 2, "nothing takes the word 'stray'"),
        ],
    )
    def test_refuses_parameters_that_the_workflow_does_not_take(
        self, workflow: Cli, write: Write, project: Path, flags: tuple[str, ...], code: int, problem: str
    ) -> None:
        write("tell", TELLING)
        before = files_of(project)

        run = workflow("run", "tell", *flags)

        assert (run.code, run.out) == (code, "")
        assert problem in run.err
        assert files_of(project) == before

    @pytest.mark.parametrize(
        "arguments",
        [
            ("run", "tell", "--text=hello", "--json", "--to", "tea"),
            ("run", "tell", "--json", "--text", "hello", "--to=tea"),
            ("run", "tell", "--text", "hello", "--param", "to=tea", "--json"),
            ("run", "--json", "tell", "--param", "text=hello", "--to", "tea"),
            ("run", "tell", "--json", "--", "--text", "hello", "--to", "tea"),
        ],
    )
    def test_takes_the_workflow_s_flags_among_its_own(
        self, workflow: Cli, write: Write, arguments: tuple[str, ...]
    ) -> None:
        write("tell", TELLING)

        assert workflow(*arguments).document["params"] == {"text": "hello", "to": "tea"}

    def test_takes_a_parameter_called_like_one_of_its_options(self, workflow: Cli, write: Write) -> None:
        write("odd", f"params: {{wait: {{type: integer}}}}\n{WAITING}")

        assert workflow("run", "odd", "--param", "wait=5", "--json").document["params"] == {"wait": 5}
        assert "--param wait=" in workflow("show", "odd").out

    def test_knows_its_own_options(self) -> None:
        import typer

        group: Any = typer.main.get_command(app)
        command = group.get_command(None, "workflow").get_command(None, "run")
        options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}

        assert options | {"--help"} == OWN_OPTIONS

    @pytest.mark.parametrize("options", [(), ("--json",)])
    def test_dry_shows_the_steps_and_does_nothing(
        self, workflow: Cli, write: Write, project: Path, options: tuple[str, ...]
    ) -> None:
        write("tell", TELLING)
        before = files_of(project)

        run = workflow("run", "tell", "--text", "hello", "--dry-run", *options)

        assert run.code == 0
        assert "tell" in run.out
        assert files_of(project) == before

    def test_dry_finds_what_is_wrong(self, workflow: Cli, write: Write) -> None:
        write("tell", TELLING)

        assert workflow("run", "tell", "--text", "", "--dry-run").code == 3

    @pytest.mark.parametrize("name", ["./mine.yaml", "mine.yaml"])
    def test_takes_a_file_from_where_one_is(
        self, workflow: Cli, project: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        (project / "sub").mkdir()
        (project / "sub" / "mine.yaml").write_text(f"name: mine\n{WAITING}")
        monkeypatch.chdir(project / "sub")

        run = workflow("run", name, "--json")

        assert (run.code, run.document["file"]) == (9, "sub/mine.yaml")

    def test_interactive_without_a_terminal_is_refused(self, workflow: Cli, write: Write) -> None:
        write("asking", ASKING)

        run = workflow("run", "asking", "--interactive")

        assert run.code == 2
        assert "nobody can be asked here" in run.err

    def test_interactive_without_a_terminal_does_nothing(
        self, workflow: Cli, write: Write, project: Path, cli: Cli
    ) -> None:
        write("asking", ASKING)
        before = files_of(project)

        workflow("run", "asking", "--interactive")

        assert files_of(project) == before

    def test_with_trouble_says_how_to_go_on(self, workflow: Cli, write: Write, project: Path) -> None:
        write("tell", TELLING)
        queue = project / "_bmad-output" / "messenger" / "message-queue.yaml"
        queue.write_text("messages: {\n")

        run = workflow("run", "tell", "--text", "x")

        assert run.code == 7
        assert "has begun and is not over; `bmad-messenger workflow resume tell-" in run.err
        queue.write_text("messages: []\n")
        assert workflow("tick").out.endswith(" done\n")


class TestWithoutASecret:
    @pytest.fixture
    def run_id(self, workflow: Cli, write: Write, news: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> str:
        """A run that could go on, but for its secret."""
        monkeypatch.setenv("TOK", "s3cr3t-value")
        write("secret", f"secrets: [TOK]\n{WAITING}")
        run_id: str = workflow("run", "secret", "--json").document["run"]
        news()
        monkeypatch.delenv("TOK")
        return run_id

    @pytest.mark.parametrize("command", [("resume",), ("retry",), ("retry", "--from", "a")])
    def test_a_run_is_refused(self, workflow: Cli, run_id: str, command: tuple[str, ...]) -> None:
        if command == ("retry",):
            workflow("cancel", run_id)

        run = workflow(command[0], run_id, *command[1:])

        assert (run.code, run.out) == (3, "")
        assert f"the run {run_id} needs the secret TOK; set that environment variable" in run.err

    def test_a_tick_tells_of_it_and_leaves_it_as_it_is(self, workflow: Cli, run_id: str) -> None:
        run = workflow("tick", "--json")

        assert (run.code, run.document) == (3, {"runs": []})
        assert run.error["error"]["message"] == f"the run {run_id} needs the secret TOK"
        assert workflow("status", run_id, "--json").document["state"] == "waiting"

    def test_it_goes_on_once_that_is_set(self, workflow: Cli, run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
        workflow("tick")
        monkeypatch.setenv("TOK", "s3cr3t-value")

        assert workflow("tick").out == f"{run_id} done\n"


class TestResume:
    def test_takes_a_run_on(self, workflow: Cli, write: Write, news: Callable[[], str]) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]
        assert workflow("resume", run_id).code == 9
        news()

        assert workflow("resume", run_id[-8:]).code == 0

    def test_of_a_run_that_is_over_tells_how_it_ended(self, workflow: Cli, write: Write) -> None:
        write("tell", TELLING)
        run_id = workflow("run", "tell", "--text", "x", "--json").document["run"]

        run = workflow("resume", run_id)

        assert run.code == 0
        assert run.out.splitlines()[0] == f"{run_id} done"

    def test_of_what_there_is_not_ends_with_four(self, workflow: Cli) -> None:
        run = workflow("resume", "nosuch", "--json")

        assert (run.code, run.error["error"]["code"]) == (4, "not-found")

    def test_goes_on_with_a_changed_workflow_only_if_told(self, workflow: Cli, write: Write) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]
        write("waiting", f"{WAITING}# changed\n")

        run = workflow("resume", run_id)

        assert run.code == 3
        assert f"`bmad-messenger workflow resume {run_id} --changed`" in run.err
        assert workflow("resume", run_id, "--changed").code == 9


class TestRetry:
    def test_tries_again_what_failed(self, workflow: Cli, write: Write, news: Callable[[], str]) -> None:
        write("failing", FAILING)
        run_id = workflow("run", "failing", "--json").document["run"]
        write("failing", FAILING.replace("steps.a.agent", "steps.a.agent | replace('dev', '" + news() + "')"))

        assert workflow("retry", run_id, "--json").document["state"] == "done"

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [((), "is done; name a step: --from STEP"), (("--from", "nosuch"), "there is no step 'nosuch'")],
    )
    def test_of_what_is_done_needs_a_step(
        self, workflow: Cli, write: Write, arguments: tuple[str, ...], problem: str
    ) -> None:
        write("tell", TELLING)
        run_id = workflow("run", "tell", "--text", "x", "--json").document["run"]

        run = workflow("retry", run_id, *arguments)

        assert run.code == 2
        assert problem in run.err

    def test_from_a_step_sends_its_message_anew(self, workflow: Cli, write: Write, cli: Cli) -> None:
        write("tell", TELLING)
        run_id = workflow("run", "tell", "--text", "x", "--json").document["run"]

        assert workflow("retry", run_id, "--from", "tell").code == 0

        assert len(cli("list", "--json").document["messages"]) == 2

    def test_sends_again_what_is_sent_at_the_end_and_nothing_else(self, workflow: Cli, write: Write, cli: Cli) -> None:
        text = f"on_failure: nothing\nsteps:\n{TOLD.format('a', 'once')}  - id: b\n    exec: close-message\n"
        final = f"finally:\n{TOLD.format('c', 'at each end')}"
        write("ending", f"{text}    with: {{message_id: '{{{{ steps.a.type }}}}'}}\n{final}")
        run_id = workflow("run", "ending", "--json").document["run"]

        workflow("retry", run_id)

        messages = cli("list", "--json").document["messages"]
        assert sorted(one["payload"]["message"] for one in messages) == ["at each end", "at each end", "once"]


class TestCancel:
    def test_ends_a_run(self, workflow: Cli, write: Write) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]

        run = workflow("cancel", run_id, "--note", "the scope changed")

        assert (run.code, run.out) == (0, f"{run_id} cancelled: the scope changed\n")
        assert workflow("cancel", run_id).code == 2

    def test_says_that_a_process_at_work_will_end_it(self, workflow: Cli, write: Write, project: Path) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]
        (project / "_bmad-output/messenger/config.yaml").write_text("limits: {lock_timeout: 0.1}\n")
        with Runs(Messenger.open(project).project).locked(run_id, 1):
            run = workflow("cancel", run_id)

        assert run.code == 5
        assert f"the run {run_id} is at a step in another process, which cancels it when that is done" in run.err
        assert workflow("tick").out == f"{run_id} cancelled\n"


class TestTick:
    def test_says_what_went_on(self, workflow: Cli, write: Write, news: Callable[[], str]) -> None:
        write("waiting", WAITING)
        assert workflow("tick").out == "Nothing to do.\n"
        run_id = workflow("run", "waiting", "--json").document["run"]
        news()

        assert workflow("tick").out == f"{run_id} done\n"
        assert workflow("tick", "--json").document == {"runs": []}

    def test_tells_of_every_broken_file_and_goes_on(
        self, workflow: Cli, write: Write, news: Callable[[], str], project: Path
    ) -> None:
        write("waiting", WAITING)
        run_id = workflow("run", "waiting", "--json").document["run"]
        for name in ("broken-20250115-abcd", "broken-20250115-abce"):
            (project / "_bmad-output" / "messenger" / "runs" / f"{name}.yaml").write_text("run: [\n")
        news()

        run = workflow("tick")

        assert (run.code, run.out) == (7, f"{run_id} done\n")
        assert [line.partition(".yaml")[0][-20:] for line in run.err.splitlines()] == [
            "broken-20250115-abcd",
            "broken-20250115-abce",
        ]

    def test_with_json_counts_the_problems_and_gives_each(self, workflow: Cli, project: Path) -> None:
        (project / "_bmad-output/messenger/runs").mkdir(parents=True)
        for name in ("broken-20250115-abcd", "broken-20250115-abce"):
            (project / "_bmad-output" / "messenger" / "runs" / f"{name}.yaml").write_text("run: [\n")

        error = workflow("tick", "--json").error

        assert (error["error"]["message"], len(error["problems"])) == ("2 problems", 2)
