"""The hooks that git runs for a project: a block of ours in a shell script, which may hold more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from bmad_messenger.errors import InvalidError, NotPermittedError
from bmad_messenger.files import refusals
from bmad_messenger.git import shell
from bmad_messenger.git.block import block_in, read_bytes_as_text, with_block, without_block, write_text_as_bytes
from bmad_messenger.git.repository import Repository

BEFORE_COMMIT: Final = ("pre-commit",)
AFTER_MERGE: Final = ("post-merge", "post-rewrite")
HOOKS: Final = (*BEFORE_COMMIT, *AFTER_MERGE)

_SHELL: Final = re.compile(r"#!\s*(?:\S*/env\s+(?:-\S+\s+)*)?(?:\S*/)?(?:sh|ash|bash|dash|ksh|mksh|zsh)(?:\s|\Z)")
_NEW: Final = "#!/bin/sh\n"
_UNCHECKED: Final = "; `git commit --no-verify` commits without its check"
_CALL: Final = re.compile(r"^ *(.+) git (?:pre-commit|post-merge)\b", re.MULTILINE)


class Hook(NamedTuple):
    """The file of one hook, what it holds, and what it is to hold; None where there is to be none."""

    path: Path
    name: str
    before: str | None
    after: str | None

    @property
    def is_run(self) -> bool:
        """Whether git runs it; one that is not executable was switched off by somebody."""
        return os.access(self.path, os.X_OK)


def with_hooks(repository: Repository, names: Iterable[str], project: Path) -> list[Hook]:
    """What has to change so that these hooks are there; hooks of ours that are there already are brought up to date.

    Args:
        repository: the repository.
        names: the hooks that are asked for.
        project: the messenger's folder, for which they are.

    Raises:
        InvalidError: where there is a hook that can't hold a block of ours.
        NotPermittedError: where the hooks are shared with repositories that have nothing to do with it.
    """
    present = [hook.path.name for hook in hooks_of_ours(repository) if hook.is_run]
    wanted = [name for name in HOOKS if name in present or name in names]
    if not wanted:
        return []
    _require_own_folder(repository)
    is_top = os.path.realpath(project) == os.path.realpath(repository.root)
    return [_with_block(repository, _read(repository, name), is_top) for name in wanted]


def without_hooks(repository: Repository) -> list[Hook]:
    """What has to change so that no hook of ours is left."""
    rests = ((hook, without_block(hook.before or "", hook.name)) for hook in hooks_of_ours(repository))
    return [hook._replace(after=None if rest in ("", _NEW) else rest) for hook, rest in rests]


def hooks_of_ours(repository: Repository) -> list[Hook]:
    """The hooks that hold a block of ours, as they are."""
    return [hook for name in HOOKS if block_in((hook := _read(repository, name)).before or "") is not None]


def has_pre_commit(repository: Repository) -> bool:
    """Whether git runs our check before each commit of the user's."""
    hook = _read(repository, "pre-commit")
    return hook.is_run and block_in(hook.before or "") is not None


def runs(hook: Hook) -> bool:
    """Whether git runs a hook of ours, and finds there what it calls."""
    called = _CALL.search(block_in(hook.before or "") or "")
    return called is not None and hook.is_run and shell.answers(called[1])


def write(hook: Hook) -> str | None:
    """Bring a hook's file to what it is to hold; says what was done, None where there was nothing to do.

    Raises:
        StorageError, NotPermittedError: where it can't be written.
    """
    if hook.after == hook.before and (hook.before is None or hook.is_run):
        return None
    if hook.after is None:
        with refusals("remove", hook.name):
            os.unlink(hook.path)
        return f"removed the hook {hook.name}"
    with refusals("write", hook.name):
        hook.path.parent.mkdir(parents=True, exist_ok=True)
    write_text_as_bytes(hook.path, hook.after, hook.name)
    with refusals("write", hook.name):
        mode = os.stat(hook.path).st_mode
        os.chmod(hook.path, mode | (mode & 0o444) >> 2)
    if hook.before is None:
        return f"made the hook {hook.name}"
    if block_in(hook.after) is None:
        return f"took our part out of the hook {hook.name}"
    return f"{'added our part to' if block_in(hook.before) is None else 'renewed our part of'} the hook {hook.name}"


def _with_block(repository: Repository, hook: Hook, is_top: bool) -> Hook:
    _require_script(hook)
    lines = _lines(hook.path.name, _program(repository, hook.path), is_top)
    return hook._replace(after=with_block(hook.before or _NEW, lines, hook.name, first=True))


def _lines(name: str, program: str, is_top: bool) -> list[str]:
    """The block of a hook; `is_top` where the messenger's folder is the repository's top folder."""
    if name == "pre-commit":
        within = "." if is_top else "':(glob)**/messenger/**'"
        return [
            f"if ! git diff --cached --quiet -- {within}; then",
            f"  {program} git pre-commit </dev/null || {{",
            f"    {shell.or_told(program, _UNCHECKED)}",
            "    exit 1",
            "  }",
            "fi",
        ]
    settles = f"{program} git post-merge </dev/null || {shell.or_told(program)}"
    return [settles] if name == "post-merge" else ['if [ "$1" = rebase ]; then', f"  {settles}", "fi"]


def _folder(repository: Repository) -> Path:
    return repository.root / repository.text("rev-parse", "--git-path", "hooks")


def _program(repository: Repository, path: Path) -> str:
    """How a hook calls this program: by its place on this machine, but by its name where other people get the file."""
    root = Path(os.path.realpath(repository.root))
    common = Path(os.path.realpath(root / repository.text("rev-parse", "--git-common-dir")))
    place = Path(os.path.realpath(path))
    is_shared = place.is_relative_to(root) and not place.is_relative_to(common)
    return shell.program(by_name=is_shared)


def _require_own_folder(repository: Repository) -> None:
    """Refuse hooks that git runs in every repository of the user."""
    scope, _, folder = repository.ask("config", "--show-scope", "--get", "core.hooksPath").text.partition("\t")
    if scope in ("global", "system"):
        raise NotPermittedError(
            f"core.hooksPath in the {scope} config leads all repositories to {folder}",
            hint="run `git config core.hooksPath .git/hooks` here, or call `bmad-messenger git pre-commit` from there",
        )


def _require_script(hook: Hook) -> None:
    """Refuse a hook that can't hold lines of shell, or that git does not run."""
    if hook.before is None or without_block(hook.before, hook.name) in ("", _NEW):
        return
    call = "post-merge" if hook.path.name in AFTER_MERGE else hook.path.name
    if not _SHELL.match(hook.before):
        raise InvalidError(
            f"the hook {hook.name} is no shell script",
            hint=f"let it run `bmad-messenger git {call}` itself",
        )
    if not hook.is_run:
        raise InvalidError(
            f"git does not run the hook {hook.name}: it is not executable", hint="run `chmod +x` on it, or delete it"
        )


def _read(repository: Repository, name: str) -> Hook:
    path = _folder(repository) / name
    shown = os.path.relpath(path, repository.root) if path.is_relative_to(repository.root) else str(path)
    text = read_bytes_as_text(path, shown)
    return Hook(path, shown, text, text)
