"""Whatever happened to a project's files: the doctor says what it finds, has no bug of its own, and changes nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmad_messenger import Message, Messenger
from bmad_messenger.doctor.examination import examine
from tests.doctor.visiting import codes, visit

DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "gone": lambda path, _: path.unlink(),
    "empty": lambda path, _: path.write_bytes(b""),
    "garbage": lambda path, content: path.write_bytes(content),
    "torn": lambda path, content: path.write_bytes(path.read_bytes()[: len(content)]),
    "mixed": lambda path, content: path.write_bytes(
        path.read_bytes()[: 3 * len(content)] + content + path.read_bytes()
    ),
    "a folder": lambda path, _: (path.unlink(), path.mkdir()),
    "a loop": lambda path, _: (path.unlink(), path.symlink_to(path.name)),
    "a pipe": lambda path, _: (path.unlink(), os.mkfifo(path)),
    "long ago": lambda path, _: os.utime(path, (0, 0)),
}
CONTENT = st.sampled_from(
    (
        *(b"\xff\xfe", b"messages:\n", b"<<<<<<< ours\n", b"=======\n", b">>>>>>> theirs\n", b"  - message_id: [\n"),
        *(b"- a\n- b\n", b"{}", b"[]", b"null", b"\x00", b"  - payload: {message: !x y}\n", b"&a [*a]", b"'"),
        *(
            b'{"pid": -1, "host": 3, "command": [], "since": "never"}\n',
            b"agents: {add: 3}\n",
            b"limits: {lock_timeout: 0}\n",
        ),
    )
) | st.binary(max_size=60)


@pytest.fixture
def files(messenger: Messenger, send: Callable[[], Message]) -> list[Path]:
    """Every file of a project that has an open message and a closed one."""
    send()
    messenger.close(send().message_id)
    (messenger.project.schemas).mkdir()
    (messenger.project.schemas / "retro.schema.json").write_text('{"type": "object"}')
    messenger.project.config.write_text("limits: {thread_length: 7}\n")
    messenger.list()
    return sorted(path for path in messenger.project.folder.rglob("*") if path.is_file())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from([*DAMAGES]), CONTENT), min_size=1, max_size=4), st.booleans()
)
def test_any_damage_is_looked_at_calmly(
    messenger: Messenger,
    files: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    damages: list[tuple[int, str, bytes]],
    fix: bool,
) -> None:
    monkeypatch.setenv("PATH", "")  # git is not the point here
    folder = messenger.project.folder
    kept = folder.with_name("kept")
    if not kept.exists():
        shutil.copytree(folder, kept)
    for number, damage, content in damages:
        path = files[number % len(files)]
        if path.is_file() and not path.is_symlink():
            DAMAGES[damage](path, content)
    try:
        report = visit(messenger)
        assert "internal" not in codes(report)
        if fix:
            report = examine(messenger.project, fix=True)
            assert "internal" not in codes(report)
            left = [finding for finding in report.findings if finding.fix is not None]
            failed = [finding for finding in report.findings if finding.problem.message.startswith("--fix could not")]
            assert failed or not left
    finally:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
