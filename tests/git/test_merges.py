"""Queue and archive through the real `git merge`, `rebase`, `cherry-pick` and `stash pop`, each rule of the merge."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bmad_messenger import Messenger
from bmad_messenger.cli.main import main
from bmad_messenger.config import Project
from bmad_messenger.git.install import install
from bmad_messenger.message import Message
from tests.git.real_git import git

MESSENGER = "_bmad-output/messenger"
QUEUE = f"{MESSENGER}/message-queue.yaml"
A, B, C = (f"MSG-20250115-{suffix}" for suffix in ("aaaa", "bbbb", "cccc"))

Change = Callable[[Path], object]


class Outcome(NamedTuple):
    """How git ended, what it and the driver printed, and the queue that came of it."""

    code: int
    output: str
    queue: str


@pytest.fixture
def shared(repository: Path) -> Path:
    """A repository with drivers, in whose queue and archive two questions wait."""
    install(Project(repository))
    write(repository, item(A), item(B))
    commit(repository, "Two questions")
    return repository


def item(message_id: str, question: str = "What?", **fields: str) -> str:
    """A message of the queue."""
    values = {
        "type": "clarify",
        "from": "dev",
        "to": "architect",
        "priority": "high",
        "created": "2025-01-15T10:30:00Z",
        "status": "pending",
        **fields,
    }
    lines = "".join(f'    {key}: "{value}"\n' for key, value in values.items())
    return f'  - message_id: "{message_id}"\n{lines}    payload:\n      question: "{question}"\n      context: "Why"\n'


def write(folder: Path, *items: str) -> None:
    """Give the project this queue, and the archive the records of it that it lacks."""
    (folder / QUEUE).write_text("messages:\n" + "\n".join(items))
    for text in items:
        archive(folder, text)


def archive(folder: Path, text: str) -> None:
    """Record a message in the archive, as it is when it is sent or closed."""
    path = record_of(folder, text.partition('"')[2].partition('"')[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line[4:]}\n" for line in text.splitlines()))


def record_of(folder: Path, message_id: str) -> Path:
    return folder / MESSENGER / "archive" / "2025-01" / f"{message_id}.yaml"


def edit(old: str, new: str, path: str = QUEUE, count: int = -1) -> Change:
    """A change of one file's text."""

    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new, count))

    return change


def add(text: str) -> Change:
    """A message more, at the end."""

    def change(folder: Path) -> None:
        with (folder / QUEUE).open("a") as file:
            file.write(f"\n{text}")
        archive(folder, text)

    return change


def commit(folder: Path, subject: str) -> None:
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", subject)


def told(folder: Path, *arguments: str) -> Outcome:
    """How git ends, whatever that is."""
    done = subprocess.run(("git", *arguments), cwd=folder, capture_output=True, text=True, check=False)
    return Outcome(done.returncode, done.stdout + done.stderr, (folder / QUEUE).read_text())


def combine(folder: Path, ours: Change, theirs: Change, how: str = "merge") -> Outcome:
    """Let one side do this and the other that, and bring the two together."""
    if how == "stash":
        theirs(folder)
        git(folder, "add", ".")
        git(folder, "stash", "--quiet")
        ours(folder)
        commit(folder, "Ours")
        return told(folder, "stash", "pop")
    git(folder, "switch", "--quiet", "--create", "theirs")
    theirs(folder)
    commit(folder, "Theirs")
    git(folder, "switch", "--quiet", "main")
    ours(folder)
    commit(folder, "Ours")
    if how == "rebase":
        git(folder, "switch", "--quiet", "theirs")
        return told(folder, "rebase", "main")
    return told(folder, *{"merge": ("merge", "--no-edit"), "cherry-pick": ("cherry-pick",)}[how], "theirs")


def go_on(folder: Path, how: str) -> None:
    """Say that what was in conflict is decided."""
    git(folder, "add", ".")
    command = {"merge": ("commit", "--no-edit"), "stash": ("stash", "drop")}.get(how, (how, "--continue"))
    git(folder, "-c", "core.editor=true", *command)


def open_messages(folder: Path) -> list[Message]:
    """The queue's messages, which is valid, as is the archive."""
    messenger = Messenger.open(folder)
    assert [str(problem) for problem in messenger.validate() if problem.severity == "error"] == []
    return messenger.list()


def ids(folder: Path) -> list[str]:
    return [message.message_id for message in open_messages(folder)]


every_way = pytest.mark.parametrize("how", ["merge", "rebase", "cherry-pick", "stash"])


class TestEveryWay:
    """The main rules, by every command that merges."""

    @every_way
    def test_messages_of_both_sides_stay_in_order(self, shared: Path, how: str) -> None:
        one, other = item(C, created="2025-01-15T12:00:00Z"), item("MSG-20250115-dddd", created="2025-01-15T11:00:00Z")
        outcome = combine(shared, add(one), add(other), how)

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [A, B, "MSG-20250115-dddd", C]

    @every_way
    def test_each_side_s_fields_win(self, shared: Path, how: str) -> None:
        outcome = combine(shared, edit('"high"', '"low"'), edit('context: "Why"', 'context: "Since"'), how)

        assert outcome.code == 0, outcome.output
        assert outcome.queue.count('priority: "low"') == outcome.queue.count('context: "Since"') == 2
        assert ids(shared) == [A, B]

    @every_way
    def test_closed_here_and_read_there_is_closed(self, shared: Path, how: str) -> None:
        outcome = combine(
            shared,
            lambda folder: Messenger.open(folder).close(A, note="decided"),
            lambda folder: Messenger.open(folder).mark_read("architect", [A, B]),
            how,
        )

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [B]
        assert [message.status.value for message in open_messages(shared)] == ["read"]
        record = record_of(shared, A).read_text()
        assert 'status: "done"' in record
        assert 'note: "decided"' in record

    @every_way
    def test_conflict_is_at_the_field_alone_and_decided_in_an_editor(
        self, shared: Path, how: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outcome = combine(
            shared,
            edit("What?", "Which regions?", count=1),
            lambda folder: (edit("What?", "Which zones?", count=1)(folder), add(item(C))(folder)),
            how,
        )
        marked = re.search(r"^<<<<<<< .*\n(.*)\n=======\n(.*)\n>>>>>>> .*\n", outcome.queue, re.M)
        line = outcome.queue[: outcome.queue.index("<<<<<<<")].count("\n") + 1

        assert outcome.code != 0
        assert marked is not None
        assert [side.strip() for side in marked.groups()] == ['question: "Which regions?"', 'question: "Which zones?"']
        assert f"bmad-messenger: {QUEUE}:{line}:" in outcome.output
        assert C in outcome.queue
        capsys.readouterr()
        assert main(["validate", "--project", str(shared)]) == 3
        assert f"{QUEUE}:{line}:1: error: a merge left its conflict here" in capsys.readouterr().out

        (shared / QUEUE).write_text(outcome.queue.replace(marked[0], f"{marked[2]}\n"))
        go_on(shared, how)
        assert ids(shared) == [A, B, C]
        if how != "stash":
            assert git(shared, "status", "--porcelain") == ""

    @every_way
    def test_two_messages_with_one_id_are_both_kept(self, shared: Path, how: str) -> None:
        one, other = item(C, "Which database?"), item(C, "Which cloud?", to="pm", created="2025-01-15T11:00:00Z")
        answer = item("MSG-20250115-eeee", "Which?", reply_to=C, created="2025-01-15T11:30:00Z")
        outcome = combine(shared, add(one), lambda folder: (add(other)(folder), add(answer)(folder)), how)
        waiting = open_messages(shared)
        messages = {str(message.payload["question"]): message for message in waiting}

        assert outcome.code == 0, outcome.output
        assert len(waiting) == 5
        first, second = messages["Which database?"], messages["Which cloud?"]
        assert {first.message_id, second.message_id} > {C}
        assert messages["Which?"].reply_to == second.message_id
        assert {message.message_id for message in waiting} == {*Messenger.open(shared).archive.ids()}
        for message in (first, second):
            kept = Messenger.open(shared).archive.read(message.message_id)
            assert kept is not None
            assert kept.payload == message.payload
        assert "add it to git" in outcome.output

    @pytest.mark.parametrize("size", [3, 12, 100])
    def test_conflict_is_found_whatever_size_of_markers_the_user_insists_on(self, shared: Path, size: int) -> None:
        """What stands in this file counts more than ours."""
        (shared / ".git/info/attributes").write_text(f"* conflict-marker-size={size}\n")
        outcome = combine(shared, edit("What?", "Why?", count=1), edit("What?", "How?", count=1))

        assert outcome.code != 0
        messenger = Messenger.open(shared)
        assert [message.message_id for message in messenger.list()] == [B]
        assert {problem.code for problem in messenger.validate()} == {"conflict"}


class TestRules:
    """The rules one by one, by `git merge`."""

    @pytest.mark.parametrize("is_ours", [True, False])
    def test_status_goes_forward(self, shared: Path, is_ours: bool) -> None:
        sides = [edit('"pending"', '"read"', count=1), edit('"high"', '"low"', count=1)]
        combine(shared, *(sides if is_ours else reversed(sides)))

        first = open_messages(shared)[0]
        assert (first.status.value, first.priority.label) == ("read", "low")

    def test_readers_are_united_and_the_last_one_counts(self, shared: Path) -> None:
        config = shared / MESSENGER / "config.yaml"
        config.write_text("agents: [dev, pm, tea, architect]\n")
        broadcast = item(C, type="collaborate").replace('to: "architect"', 'to_agents: ["pm", "tea"]')
        add(broadcast.replace("question:", "topic:"))(shared)
        commit(shared, "A topic")
        outcome = combine(
            shared,
            lambda folder: Messenger.open(folder).mark_read("pm", [C]),
            lambda folder: Messenger.open(folder).mark_read("tea", [C]),
        )

        message = open_messages(shared)[-1]
        assert outcome.code == 0, outcome.output
        assert (message.status.value, {*message.read_by}) == ("read", {"pm", "tea"})

    def test_comments_stay_with_their_message(self, shared: Path) -> None:
        edit(f'  - message_id: "{B}"', f'  # about b\n  - message_id: "{B}"')(shared)
        commit(shared, "A comment")
        outcome = combine(
            shared,
            edit("  # about b\n", "  # about b, by us\n"),
            edit(f'  - message_id: "{A}"', f'  # about a, by them\n  - message_id: "{A}"'),
        )

        assert outcome.code == 0, outcome.output
        assert f'  # about a, by them\n  - message_id: "{A}"' in outcome.queue
        assert f'  # about b, by us\n  - message_id: "{B}"' in outcome.queue

    def test_deleted_here_and_untouched_there_is_gone(self, shared: Path) -> None:
        def delete(folder: Path) -> None:
            write(folder, item(B))
            record_of(folder, A).unlink()

        outcome = combine(shared, delete, add(item(C)))

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [B, C]

    def test_deleted_here_and_edited_there_is_not_gone_unseen(self, shared: Path) -> None:
        outcome = combine(shared, lambda folder: write(folder, item(B)), edit("What?", "Which?", count=1))

        assert "Which?" in outcome.queue
        assert outcome.code == 0 or "<<<<<<<" in outcome.queue

    def test_file_of_the_archive_that_both_sides_changed(self, shared: Path) -> None:
        path = record_of(shared, A).relative_to(shared).as_posix()
        outcome = combine(
            shared,
            edit('status: "pending"', 'status: "done"\nclosed: "2025-01-15T12:00:00Z"', path),
            edit('"high"', '"low"', path),
        )
        record = Messenger.open(shared).archive.read(A)

        assert outcome.code == 0, outcome.output
        assert record is not None
        assert (record.status.value, record.priority.label) == ("done", "low")

    def test_file_of_the_archive_in_conflict_is_marked_at_the_field(
        self, shared: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = record_of(shared, A).relative_to(shared).as_posix()
        outcome = combine(shared, edit("What?", "Why?", path), edit("What?", "How?", path))
        text = (shared / path).read_text()
        line = text[: text.index("<<<<<<<")].count("\n") + 1

        assert f"bmad-messenger: {path}:{line}:" in outcome.output
        capsys.readouterr()
        assert main(["validate", "--project", str(shared)]) == 3
        assert f"{path}:{line}:1: error:" in capsys.readouterr().out

    def test_line_ends_of_windows_stay(self, shared: Path) -> None:
        text = (shared / QUEUE).read_bytes().replace(b"\n", b"\r\n")
        (shared / QUEUE).write_bytes(text)
        commit(shared, "Line ends")
        outcome = combine(
            shared,
            lambda folder: (folder / QUEUE).write_bytes(text.replace(b'"high"', b'"low"', 1)),
            lambda folder: (folder / QUEUE).write_bytes(text.replace(b'"pending"', b'"read"', 1)),
        )
        merged = (shared / QUEUE).read_bytes()

        assert outcome.code == 0, outcome.output
        assert merged == text.replace(b'"high"', b'"low"', 1).replace(b'"pending"', b'"read"', 1)

    def test_git_that_stores_other_line_ends_than_it_writes(self, shared: Path) -> None:
        git(shared, "config", "core.autocrlf", "true")
        outcome = combine(shared, add(item(C)), edit('"high"', '"low"'))

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [A, B, C]

    def test_queue_that_both_sides_began(self, repository: Path) -> None:
        install(Project(repository))
        git(repository, "rm", "--quiet", QUEUE)
        commit(repository, "No queue")
        outcome = combine(
            repository,
            lambda folder: write(folder, item(A)),
            lambda folder: write(folder, item(B)),
        )

        assert outcome.code == 0, outcome.output
        assert ids(repository) == [A, B]


class TestHistories:
    """Merges that are more than two branches."""

    def test_branches_that_merged_each_other_before(self, shared: Path) -> None:
        git(shared, "switch", "--quiet", "--create", "theirs")
        edit("What?", "How?", count=1)(shared)
        commit(shared, "Theirs")
        git(shared, "branch", "theirs-before")
        git(shared, "switch", "--quiet", "main")
        edit("What?", "Why?", count=1)(shared)
        commit(shared, "Ours")
        git(shared, "branch", "ours-before")
        for branch, other, more in (("main", "theirs-before", C), ("theirs", "ours-before", "MSG-20250115-dddd")):
            git(shared, "switch", "--quiet", branch)
            assert told(shared, "merge", other).code == 1
            text = re.sub(
                r"<<<<<<< .*\n.*\n=======\n.*\n>>>>>>> .*\n", '      question: "Both"\n', (shared / QUEUE).read_text()
            )
            (shared / QUEUE).write_text(text)
            add(item(more))(shared)
            commit(shared, f"Merge into {branch}")
        outcome = told(shared, "merge", "--no-edit", "main")

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [A, B, C, "MSG-20250115-dddd"]
        assert outcome.queue.count('question: "Both"') == 1
        assert "bmad-messenger: " not in outcome.output  # of what is not in conflict any more

    def test_rebase_of_several_commits(self, shared: Path) -> None:
        def several(folder: Path) -> None:
            for suffix in ("1111", "2222", "3333"):
                add(item(f"MSG-20250115-{suffix}"))(folder)
                commit(folder, suffix)
            edit('"high"', '"low"')(folder)

        outcome = combine(shared, lambda folder: Messenger.open(folder).close(A), several, "rebase")

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [B, *(f"MSG-20250115-{suffix}" for suffix in ("1111", "2222", "3333"))]
        assert git(shared, "log", "--format=%s", "main..theirs").split() == ["Theirs", "3333", "2222", "1111"]

    def test_merge_in_a_linked_work_tree(self, shared: Path, tmp_path: Path) -> None:
        linked = tmp_path / "linked tree"
        git(shared, "worktree", "add", "--quiet", "-b", "theirs", str(linked))
        add(item(C))(linked)
        commit(linked, "Theirs")
        add(item("MSG-20250115-dddd"))(shared)
        commit(shared, "Ours")

        assert told(linked, "merge", "--no-edit", "main").code == 0
        assert ids(linked) == [A, B, C, "MSG-20250115-dddd"]

    def test_merge_in_a_repository_above_the_project(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "--quiet")
        folder = tmp_path / "a project"
        Messenger.open(folder.mkdir() or folder).init()
        install(Project(folder))
        write(folder, item(A))
        commit(folder, "A question")
        outcome = combine(folder, add(item(B)), add(item(C)))

        assert outcome.code == 0, outcome.output
        assert ids(folder) == [A, B, C]


class TestUncommitted:
    """A queue that was changed and not committed, as it is while agents work."""

    def prepared(self, folder: Path) -> None:
        git(folder, "switch", "--quiet", "--create", "theirs")
        add(item(C))(folder)
        commit(folder, "Theirs")
        git(folder, "switch", "--quiet", "main")
        edit('"high"', '"low"', count=1)(folder)

    def test_git_refuses_and_nothing_is_lost(self, shared: Path) -> None:
        self.prepared(shared)
        before = (shared / QUEUE).read_text()
        outcome = told(shared, "merge", "theirs")

        assert outcome.code != 0
        assert outcome.queue == before

    def test_stashed_for_the_merge_it_is_merged_too(self, shared: Path) -> None:
        self.prepared(shared)
        git(shared, "commit", "--quiet", "--allow-empty", "-m", "Ours")
        outcome = told(shared, "merge", "--no-edit", "--autostash", "theirs")

        assert outcome.code == 0, outcome.output
        assert ids(shared) == [A, B, C]
        assert outcome.queue.count('"low"') == 1
        assert git(shared, "stash", "list") == ""


class TestWithoutDriver:
    """A clone in which nobody ran `git install`: it has the attributes, and git merges by lines."""

    @pytest.fixture
    def bare(self, shared: Path, tmp_path: Path) -> Path:
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "--quiet", str(shared), str(clone))
        return clone

    def test_conflict_is_reported_with_its_line(self, bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
        outcome = combine(bare, add(item(C, to="pm")), add(item("MSG-20250115-dddd", "Which?")))
        line = outcome.queue[: outcome.queue.index("<<<<<<<")].count("\n") + 1
        capsys.readouterr()

        assert outcome.code == 1
        for command in ("validate", "list"):
            main([command, "--project", str(bare)])
            printed = capsys.readouterr()
            assert f"{QUEUE}:{line}:1" in printed.out + printed.err

    def test_install_and_the_merge_is_made_again(self, bare: Path) -> None:
        combine(bare, add(item(C)), add(item("MSG-20250115-dddd")))
        install(Project(bare))
        git(bare, "checkout", "--quiet", "--merge", "--", QUEUE)
        commit(bare, "Merge")

        assert ids(bare) == [A, B, C, "MSG-20250115-dddd"]


def test_git_shows_a_line_a_message(shared: Path) -> None:
    Messenger.open(shared).mark_read("architect", [A])
    shown = git(shared, "diff", "--unified=0")
    changed = [line for line in shown.splitlines() if line.startswith(("-MSG", "+MSG"))]

    assert [line[1:18] for line in changed] == [A, A]
    assert ["  pending  " in line for line in changed] == [True, False]
    commit(shared, "Read")
    assert f"+{A}  2025-01-15T10:30:00Z  dev → architect  clarify  high  read" in git(shared, "log", "-1", "-p")
    assert "+    status:" in git(shared, "log", "-1", "-p", "--no-textconv")
