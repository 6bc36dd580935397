"""The drivers as git calls them: exit codes, what they say, and that no side is lost, whatever happens to them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmad_messenger.conflict import conflicts_in
from bmad_messenger.git import drivers, shell
from bmad_messenger.git.drivers import LEFT_MARKED, Versions, main, merge, merge_ancestors

QUEUE = "_bmad-output/messenger/message-queue.yaml"
RECORD = "_bmad-output/messenger/archive/2025-01/MSG-20250115-a1b2.yaml"
RUN = "_bmad-output/messenger/runs/release-20250115-a1b2c3d4.yaml"


class Merge(NamedTuple):
    """How a driver ended: its exit code, what it wrote over our version, and what it said."""

    code: int
    text: str
    errors: str


Driver = Callable[..., Merge]


def message(suffix: str, question: str = "What?", **fields: str) -> str:
    """An item of a queue."""
    values = {"type": "clarify", "from": "dev", "to": "pm", "priority": "high", "status": "pending", **fields}
    lines = "".join(f'    {key}: "{value}"\n' for key, value in values.items())
    return (
        f'  - message_id: "MSG-20250115-{suffix}"\n{lines}'
        f'    created: "2025-01-15T10:30:00Z"\n    payload:\n      question: "{question}"\n'
    )


def queue(*items: str) -> str:
    return "".join(["messages:\n" if items else "messages: []\n", *items])


def run_file(answer: str) -> str:
    """The file of a run that waits for an answer, or has it."""
    seconds = len(answer)
    done = f'state: "done"\n    ended: "2025-01-15T10:30:0{seconds}Z"\n    outputs:\n      answer: "{answer}"'
    return (
        'run: "release-20250115-a1b2c3d4"\nworkflow: "release"\nstate: "waiting"\n'
        'started: "2025-01-15T10:30:00Z"\nfile: "release.yaml"\nhash: "00"\nparams: {}\n'
        f"steps:\n  approve:\n    {done if answer else 'state: waiting'}\n"
    )


def record(item: str) -> str:
    """An item as a file of the archive."""
    return "".join(f"{line[4:]}\n" for line in item.splitlines())


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Driver:
    """Runs the merge driver in process, in an empty work tree."""
    monkeypatch.chdir(tmp_path)

    def run(base: str, ours: str, theirs: str, *labels: str, path: str = QUEUE, size: int = 7) -> Merge:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            (tmp_path / name).write_text(text, newline="")
        code = main(["merge", "base", "ours", "theirs", str(size), path, *labels])
        return Merge(code, (tmp_path / "ours").read_text(), capsys.readouterr().err)

    return run


@pytest.fixture
def command(tmp_path: Path) -> Driver:
    """Runs a merge command of the config as git does."""

    def run(line: str, base: bytes, ours: bytes, theirs: bytes, path: str = QUEUE) -> Merge:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            (tmp_path / name).write_bytes(text)
        places = {"%O": "base", "%A": "ours", "%B": "theirs", "%L": "7", "%P": f"'{path}'"}
        for place, value in places.items():
            line = line.replace(place, value)
        done = subprocess.run(("sh", "-c", line), cwd=tmp_path, capture_output=True, text=True, check=False)
        return Merge(done.returncode, (tmp_path / "ours").read_bytes().decode(errors="replace"), done.stderr)

    return run


class TestMerge:
    """The merge driver."""

    def test_messages_of_both_sides(self, driver: Driver) -> None:
        run = driver(queue(), queue(message("aaaa")), queue(message("bbbb")))

        assert (run.code, run.errors) == (0, "")
        assert run.text.replace("\n\n", "\n") == queue(message("aaaa"), message("bbbb"))

    def test_file_of_the_archive(self, driver: Driver) -> None:
        base = record(message("a1b2"))
        run = driver(base, base.replace("pending", "read"), base, path=RECORD)

        assert (run.code, run.text) == (0, base.replace("pending", "read"))

    def test_file_that_both_sides_made(self, driver: Driver) -> None:
        same = record(message("a1b2"))

        assert driver("", same, same.replace("pending", "read"), path=RECORD).text == same.replace("pending", "read")

    def test_run_is_never_in_conflict_and_what_was_decided_is_told(self, driver: Driver) -> None:
        versions = [run_file(done) for done in ("", "go", "stop")]
        run = driver(*versions, path=RUN)

        assert (run.code, run.text) == (0, versions[1])
        assert run.errors == (
            f"bmad-messenger: {RUN}: the step 'approve' ended differently on the two sides; "
            "kept the run in which it ended first\n"
        )

    def test_run_that_neither_side_can_read_is_merged_by_lines(self, driver: Driver) -> None:
        run = driver("run: [\n", "run: {\n", "run: ]\n", path=RUN)

        assert run.code == LEFT_MARKED
        assert "neither side is the file of a run" in run.errors

    def test_conflict_is_told_with_its_line(self, driver: Driver) -> None:
        base = queue(message("aaaa"), message("bbbb"))
        run = driver(base, base.replace("What?", "Why?"), base.replace("What?", "How?"))
        marks = [number for number, line in enumerate(run.text.splitlines(), 1) if line.startswith("<<<<<<<")]

        assert run.code == LEFT_MARKED
        assert len(marks) == 2
        told = [line for line in run.errors.splitlines() if line.startswith(f"bmad-messenger: {QUEUE}:")]
        assert [int(line.split(":")[2]) for line in told] == marks

    @pytest.mark.parametrize("labels", [(), ("", "", ""), ("%S", "%X", "%Y")])
    def test_git_that_names_no_sides(self, driver: Driver, labels: tuple[str, ...]) -> None:
        base = queue(message("aaaa"))
        text = driver(base, base.replace("What?", "Why?"), base.replace("What?", "How?"), *labels).text

        assert "<<<<<<< ours\n" in text
        assert ">>>>>>> theirs\n" in text

    def test_git_that_names_the_sides(self, driver: Driver) -> None:
        base = queue(message("aaaa"))
        text = driver(base, base.replace("What?", "Why?"), base.replace("What?", "How?"), "b", "HEAD", "it's a b").text

        assert "<<<<<<< HEAD\n" in text
        assert ">>>>>>> it's a b\n" in text

    def test_size_of_the_marks(self, driver: Driver) -> None:
        base = queue(message("aaaa"))

        assert (
            "\n<<<<<<<<< ours\n"
            in driver(base, base.replace("What?", "Why?"), base.replace("What?", "How?"), size=9).text
        )

    @pytest.mark.parametrize("size", [0, 1, 6, 61, 1000])
    def test_size_that_no_command_would_recognise_is_not_taken(self, driver: Driver, size: int) -> None:
        base = queue(message("aaaa"))
        text = driver(base, base.replace("What?", "Why?"), base.replace("What?", "How?"), size=size).text

        assert len(conflicts_in(text)) == 1

    def test_two_messages_with_one_id_are_two_files(self, driver: Driver, tmp_path: Path) -> None:
        (tmp_path / RECORD).parent.mkdir(parents=True)
        ours, theirs = record(message("a1b2", "Why?")), record(message("a1b2", "How?", to="architect"))
        run = driver("", ours, theirs, path=RECORD)
        (other,) = (tmp_path / RECORD).parent.iterdir()

        assert run.code == 0
        assert sorted(("Why?" in run.text, "Why?" in other.read_text())) == [False, True]
        assert sorted(("How?" in run.text, "How?" in other.read_text())) == [False, True]
        assert other.name.startswith("MSG-20250115-a1b2")
        assert f"wrote {other.relative_to(tmp_path)}: add it to git" in run.errors

    def test_second_message_is_merged_with_the_file_that_it_has_already(self, driver: Driver, tmp_path: Path) -> None:
        (tmp_path / RECORD).parent.mkdir(parents=True)
        first, second = record(message("a1b2", "Why?")), record(message("a1b2", "How?", to="architect"))
        driver("", first, second, path=RECORD)
        (other,) = (tmp_path / RECORD).parent.iterdir()
        is_second = "How?" in other.read_text()
        closed = (second if is_second else first).replace("pending", "done")
        run = driver("", first if is_second else second, closed, path=RECORD)

        assert run.code == 0
        assert [*(tmp_path / RECORD).parent.iterdir()] == [other]
        assert 'status: "done"' in other.read_text()
        assert f"wrote {other.relative_to(tmp_path)}: add it to git" in run.errors

    def test_second_message_without_a_place_is_left_in_the_file(self, driver: Driver) -> None:
        run = driver("", record(message("a1b2", "Why?")), record(message("a1b2", "How?", to="architect")), path=RECORD)

        assert run.code == LEFT_MARKED
        assert "Why?" in run.text
        assert "How?" in run.text

    def test_roster_is_the_project_s(self, driver: Driver, tmp_path: Path) -> None:
        config = tmp_path / "_bmad-output/messenger/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("agents: [dev, pm, tea]\n")
        base = queue(message("aaaa").replace('to: "pm"', "to_agents: all"))
        read = 'status: "pending"\n    read_by: {{{}: "2025-01-15T11:00:00Z"}}'
        sides = [base.replace('status: "pending"', read.format(agent)) for agent in ("pm", "tea")]

        assert 'status: "read"' in driver(base, *sides).text

    def test_config_that_is_no_use_is_done_without(self, driver: Driver, tmp_path: Path) -> None:
        config = tmp_path / "_bmad-output/messenger/config.yaml"
        config.parent.mkdir(parents=True)
        config.write_text("<<<<<<< HEAD\nagents: 3\n")

        assert driver(queue(), queue(message("aaaa")), queue(message("bbbb"))).code == 0

    def test_byte_order_mark_stays(self, driver: Driver) -> None:
        run = driver(queue(), f"\ufeff{queue(message('aaaa'))}", queue(message("bbbb")))

        assert run.text.startswith("\ufeffmessages:")
        assert message("bbbb") in run.text

    def test_what_it_says_is_not_obeyed_by_a_terminal(self, driver: Driver) -> None:
        run = driver("", "messages: \x1b[31m\n", "messages: 3\n", path="\x1b[31m/message-queue.yaml")

        assert "\x1b" not in run.errors


class TestTroubles:
    """Nothing of either side is lost, and the file is in conflict."""

    @pytest.mark.parametrize(
        "theirs", ["messages: {a: 1}\n", "no queue\n", "<<<<<<< a\n=======\n>>>>>>> b\n", "messages:\n  x: 1\n"]
    )
    def test_side_that_can_t_be_told_apart_is_merged_by_lines(self, driver: Driver, theirs: str) -> None:
        run = driver(queue(), queue(message("aaaa")), theirs, "base", "HEAD", "other")

        assert run.code == LEFT_MARKED
        assert "<<<<<<< HEAD\n" in run.text
        assert all(line in run.text for line in (*message("aaaa").splitlines(), *theirs.splitlines()))
        assert f"bmad-messenger: {QUEUE}: merged by lines" in run.errors

    def test_lines_that_merge_are_a_conflict_all_the_same(self, driver: Driver) -> None:
        base = f"{queue(message('aaaa'))}\n\n\n# end\n"
        run = driver(base, f"# top\n{base}", f"{base}no queue\n")

        assert run.code == LEFT_MARKED
        assert "<<<<<<<" not in run.text
        assert run.text.startswith("# top\n")
        assert run.text.endswith("no queue\n")

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"messages: []\n\0"])
    def test_bytes_that_are_no_text(self, tmp_path: Path, content: bytes) -> None:
        ours = queue(message("aaaa")).encode()
        (tmp_path / "base").write_bytes(b"")
        (tmp_path / "ours").write_bytes(ours)
        (tmp_path / "theirs").write_bytes(content)

        assert not merge(Versions(tmp_path / "base", tmp_path / "ours", tmp_path / "theirs", QUEUE))
        merged = (tmp_path / "ours").read_bytes()
        assert ours.rstrip() in merged
        assert content.rstrip() in merged

    def test_bug_loses_nothing(self, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("what nobody foresaw")

        monkeypatch.setattr(drivers, "_merged", fail)
        run = driver(queue(), queue(message("aaaa")), queue(message("bbbb")))

        assert run.code == LEFT_MARKED
        assert "MSG-20250115-aaaa" in run.text
        assert "MSG-20250115-bbbb" in run.text
        assert "RuntimeError: what nobody foresaw" in run.errors

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
    @given(ours=st.text(), theirs=st.text())
    def test_any_two_texts_are_both_there_or_merged(self, tmp_path: Path, ours: str, theirs: str) -> None:
        texts = {"base": "", "ours": f"left {ours}", "theirs": f"right {theirs}"}
        for name, text in texts.items():
            (tmp_path / name).write_bytes(text.encode())

        assert not merge(Versions(tmp_path / "base", tmp_path / "ours", tmp_path / "theirs", QUEUE))
        merged = (tmp_path / "ours").read_bytes()
        assert all(text.encode().rstrip(b"\n") in merged for text in (texts["ours"], texts["theirs"]))


class TestAncestors:
    """The driver for the ancestors of a merge that has several."""

    def merged(self, folder: Path, base: str, ours: str, theirs: str) -> str:
        for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            (folder / name).write_text(text)
        merge_ancestors(Versions(folder / "base", folder / "ours", folder / "theirs", QUEUE))
        return (folder / "ours").read_text()

    def test_merge_without_a_conflict(self, tmp_path: Path) -> None:
        text = self.merged(tmp_path, queue(), queue(message("aaaa")), queue(message("bbbb")))

        assert text.replace("\n\n", "\n") == queue(message("aaaa"), message("bbbb"))

    @pytest.mark.parametrize("theirs", [queue(message("aaaa", "How?")), "no queue\n"])
    def test_conflict_gives_what_both_come_from(self, tmp_path: Path, theirs: str) -> None:
        base = queue(message("aaaa"))

        assert self.merged(tmp_path, base, queue(message("aaaa", "Why?")), theirs) == base


class TestCommand:
    """The commands as the config has them, run by a shell."""

    def test_clean_merge_is_told_in_git_s_way(self, command: Driver) -> None:
        run = command(shell.merge_command(), b"messages: []\n", *(queue(message(s)).encode() for s in ("aaaa", "bbbb")))

        assert run.code == 0
        assert run.text.replace("\n\n", "\n") == queue(message("aaaa"), message("bbbb"))

    def test_conflict_is_told_in_git_s_way(self, command: Driver) -> None:
        versions = (queue(message("aaaa", question)).encode() for question in ("What?", "Why?", "How?"))

        assert command(shell.merge_command(), *versions).code == 1

    @pytest.mark.parametrize("theirs", [queue(message("bbbb")).encode(), b"\0\n\xff"])
    @pytest.mark.parametrize("python", ["/no/such/python", "bare"])
    def test_program_that_is_gone_loses_nothing(
        self, command: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, theirs: bytes
    ) -> None:
        bare = tmp_path / "a bare python"
        bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
        bare.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(bare) if python == "bare" else python)
        run = command(shell.merge_command(), b"messages: []\n", queue(message("aaaa")).encode(), theirs)

        assert run.code == 1
        assert message("aaaa") in run.text
        assert theirs.decode(errors="replace").removeprefix("messages:\n") in run.text
        (said,) = (line for line in run.errors.splitlines() if line.startswith("bmad-messenger "))
        assert said.startswith("bmad-messenger is not where it was: run `bmad-messenger git install` again")
        assert said.endswith(f"merged by lines: {QUEUE}")

    def test_program_that_fails_is_not_said_to_be_gone(self, command: Driver) -> None:
        line = shell.merge_command().replace("bmad_messenger.git.drivers", "bmad_messenger.git.no_such_drivers")
        run = command(line, b"messages: []\n", *(queue(message(s)).encode() for s in ("aaaa", "bbbb")))

        assert run.code == 1
        assert f"\nbmad-messenger failed; merged by lines: {QUEUE}" in f"\n{run.errors}"

    def test_program_that_is_killed_loses_nothing(
        self, command: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dying = tmp_path / "python"
        dying.write_text("#!/bin/sh\nkill -KILL $$\n")
        dying.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(dying))
        run = command(shell.merge_command(), b"messages: []\n", *(queue(message(s)).encode() for s in ("aaaa", "bbbb")))

        assert run.code == 1
        assert message("aaaa") in run.text
        assert message("bbbb") in run.text

    def test_modules_in_the_work_tree_are_not_ours(self, command: Driver, tmp_path: Path) -> None:
        for name in ("bmad_messenger", "json", "enum"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('taken from the work tree')\n")

        assert command(shell.merge_command(), b"", b"messages: []\n", queue(message("aaaa")).encode()).code == 0

    def test_ancestors_without_the_program_are_what_both_come_from(
        self, command: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        run = command(shell.base_command(), b"messages: []\n", queue(message("aaaa")).encode(), b"")

        assert (run.code, run.text) == (0, "messages: []\n")

    def test_text_without_the_program_is_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        (tmp_path / "a file").write_text("messages: []\n")
        line = f'{shell.text_command()} "$@"'
        done = subprocess.run(("sh", "-c", line, "sh", "a file"), cwd=tmp_path, capture_output=True, check=True)

        assert done.stdout == b"messages: []\n"


def test_merge_starts_without_what_it_does_not_need(tmp_path: Path) -> None:
    for name, text in (("base", queue()), ("ours", queue(message("aaaa"))), ("theirs", queue(message("bbbb")))):
        (tmp_path / name).write_text(text)
    program = (
        "import sys; from bmad_messenger.git.drivers import main\n"
        f"code = main(['merge', 'base', 'ours', 'theirs', '7', '{QUEUE}'])\nprint(code, *sys.modules)"
    )
    run = subprocess.run((sys.executable, "-c", program), cwd=tmp_path, capture_output=True, text=True, check=True)
    code, *modules = run.stdout.split()

    assert code == "0"
    heavy = {"typer", "click", "rich", "jsonschema", "filelock", "pluggy", "subprocess", "importlib.metadata"}
    assert heavy & {*modules} == set()


def test_five_thousand_messages_a_side_take_less_than_two_seconds(driver: Driver) -> None:
    shared = [message(f"{number:08x}") for number in range(4_000)]
    ours = [message(f"a{number:07x}") for number in range(1_000)]
    theirs = [message(f"b{number:07x}") for number in range(1_000)]
    versions = (queue(*shared), queue(*shared, *ours), queue(*shared, *theirs))
    start = time.process_time()
    run = driver(*versions)
    seconds = time.process_time() - start

    assert run.code == 0
    assert run.text.count("- message_id") == 6_000
    assert seconds < 2
