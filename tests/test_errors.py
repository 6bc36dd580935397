"""What goes wrong is said once: what, where, what to do, and an exit code of its own."""

from __future__ import annotations

import errno

import pytest

from bmad_messenger import errors
from bmad_messenger.errors import GitError, InvalidError, MessengerError, NotPermittedError, Problem, StorageError

EXIT_CODES = {
    "MessengerError": 1,
    "UsageError": 2,
    "InvalidError": 3,
    "NotFoundError": 4,
    "LockTimeoutError": 5,
    "NotPermittedError": 6,
    "ThreadTooLongError": 6,
    "DamagedError": 7,
    "ConflictError": 7,
    "GitError": 7,
    "StorageError": 7,
    "WaitTimeoutError": 8,
}
KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}


def test_each_error_has_the_exit_code_of_the_design() -> None:
    assert {name: kind.exit_code for name, kind in KINDS.items()} == EXIT_CODES


def test_each_error_has_a_code_of_its_own() -> None:
    assert len({kind.code for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wrong"), "wrong"),
        (Problem("wrong", "mend it"), "wrong; mend it"),
        (Problem("wrong", path="a.yaml"), "a.yaml: wrong"),
        (Problem("wrong", "mend it", "a.yaml", 3, 5), "a.yaml:3:5: wrong; mend it"),
    ],
)
def test_a_problem_is_one_line(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_an_error_reads_like_its_problem() -> None:
    error = InvalidError("wrong", hint="mend it", path="a.yaml", line=3, column=5)

    assert str(error) == str(error.problem) == "a.yaml:3:5: wrong; mend it"


def test_the_json_of_an_error_has_the_keys_of_the_design() -> None:
    error = InvalidError("wrong", hint="mend it", path="a.yaml", line=3, column=5)

    assert error.problem.to_mapping() == {
        "code": "invalid",
        "message": "wrong",
        "hint": "mend it",
        "path": "a.yaml",
        "line": 3,
        "column": 5,
    }


def test_one_problem_speaks_for_itself() -> None:
    error = InvalidError.of((Problem("wrong", "mend it", "a.yaml", 3, 5),), "the file")

    assert str(error) == "a.yaml:3:5: the file: wrong; mend it"


def test_several_problems_are_counted_and_kept() -> None:
    problems = (Problem("wrong", path="a.yaml", line=1), Problem("worse", path="a.yaml", line=2))

    error = InvalidError.of(problems, "the file")

    assert str(error) == "a.yaml:1: the file: 2 problems"
    assert error.problems == problems


def test_several_problems_of_nothing_in_particular_are_counted() -> None:
    problems = (Problem("wrong", path="a.yaml", line=1), Problem("worse", path="b.yaml", line=2))

    assert InvalidError.of(problems, "").problem.message == "2 problems"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StorageError),
        (errno.EIO, StorageError),
        (errno.EACCES, NotPermittedError),
        (errno.EPERM, NotPermittedError),
        (errno.EROFS, NotPermittedError),
    ],
)
def test_what_the_system_refuses_is_told_by_its_cause(number: int, kind: type[MessengerError]) -> None:
    error = StorageError.of_os(OSError(number, "the reason"), "write", "a.yaml")

    assert type(error) is kind
    assert "can't write a.yaml: the reason" in str(error)
    assert error.problem.hint


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("fatal: Needed a single revision", "Needed a single revision"),
        ("error: one\n\nerror: two\nthree\nfour", "one; two; three"),
        ("", "it did not say why"),
    ],
)
def test_what_git_answers_is_told_in_one_line(answer: str, reason: str) -> None:
    error = GitError.of_git(("--no-pager", "push", "origin"), answer)

    assert error.problem.message == f"`git push` failed: {reason}"
