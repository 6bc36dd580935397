"""Plays a team by chance: clones whose agents send and whose people edit, commit, branch, merge and rebase."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from bmad_messenger import Message
from bmad_messenger.errors import DamagedError, InvalidError
from bmad_messenger.git.install import install
from bmad_messenger.git.syncing import sync
from bmad_messenger.message import format_time
from tests.git.agents_work import AgentsWork
from tests.git.clones import Clone, clone_of, empty_remote, first_clone_of
from tests.git.histories import faults_of_history, seen_in
from tests.git.players import Answer, Player, Sent
from tests.git.real_git import git

AGENTS: Final = (
    ("pm", "architect", "dev", "user"),
    ("dev", "tea", "sm", "user"),
    ("analyst", "ux-designer", "architect", "dev"),
)
"""Whose messages are read in which clone; some work in two."""

_IDS: Final = 600  # beginnings of ids to choose from: few, so that clones meet in the same ones
_LONGEST_THREAD: Final = 8
_SETTINGS: Final = {
    "advice.detachedHead": "false",
    "core.fsync": "none",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "rerere.enabled": "false",
}
_UNDER_WAY: Final = {"rebase-merge": "rebase", "CHERRY_PICK_HEAD": "cherry-pick", "MERGE_HEAD": "merge"}
_REFUSED: Final = re.compile(
    r"would be overwritten|uncommitted changes|unstaged changes|not possible because you have unmerged|"
    r"already exists, no checkout|Please commit|index contains uncommitted|unable to unlink"
)
_IN_THE_WAY: Final = "untracked working tree files would be overwritten"
"""What git says where the record of a second message with one id was not added to git."""

_LOSSES: Final = ("missing", "closed")
"""The codes of what a project at rest must not have."""

_HUNK: Final = re.compile(r"^<{7} [^\n]*\n(.*?)^={7}\r?\n(.*?)^>{7} [^\n]*\n", re.MULTILINE | re.DOTALL)
_NOT_ADDED: Final = "mark them as resolved using git add"
_BY_LINES: Final = ("merged by lines", "does not run")


class Simulation(AgentsWork):
    """One game, decided by its seed.

    Attributes:
        log: what was done, a line each.
        sent: what was sent, by its word.
        unnamed: the words of what may have been committed before a command gave it an id.
        halved: the words of what was closed within a merge, whose commit has the queue alone.
        faults: what a merge did that it must never do.
    """

    def __init__(self, seed: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rng = Random(seed)
        self.now = datetime(2025, 1, 15, 9, tzinfo=UTC)
        self.log: list[str] = []
        self.sent: dict[str, Sent] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.unnamed: set[str] = set()
        self.halved: set[str] = set()
        self.faults: list[str] = []
        self.within = self.rng.choice((".", "my project"))
        self._monkeypatch = monkeypatch
        self._patch()
        self.remote = empty_remote(folder / "remote.git")
        self._configure(self.remote)
        self.players = [self._player(folder / name, agents) for name, agents in zip("abc", AGENTS, strict=True)]

    def play(self, operations: int) -> None:
        """Do so many things."""
        doings, weights = zip(*self._doings(), strict=True)
        for number in range(operations):
            player = self.rng.choice(self.players)
            self._tick(player)
            doing: Callable[[Player], object] = self.rng.choices(doings, weights)[0]
            self.log.append(f"{number:3} {player.name} {doing.__name__}")
            doing(player)

    def finish(self) -> None:
        """Bring everything home: what is put aside, what is on branches, what others have not seen."""
        for player in self.players:
            self._tick(player)
            self.log.append(f"  . {player.name} brings its work home")
            self.commit(player)
            while player.stashes:
                self.stash_pop(player)
                self.commit(player)
            self._git(player, "switch", "--quiet", "main", check=True)
            for branch in player.branches[1:]:
                self._integrate(player, "merge", "--quiet", "--no-edit", branch, gives_up=False)
                self._commit_all(player)
            self.commit(player)
        for _ in range(8):
            heads = [player.clone.head() for player in self.players]
            for player in self.players:
                self._tick(player)
                self.log.append(f"  . {player.name} syncs")
                self.sync(player)
            if heads == [player.clone.head() for player in self.players]:
                return
        self.faults.append("the clones don't come to rest")

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell the story of a game that breaks off."""
        try:
            yield
        except Exception as error:
            raise AssertionError(f"{self.story()}\n{error}") from error

    def story(self) -> str:
        """What was done, and what came of it."""
        return "\n".join(["", *self.log, *self.faults])

    def check(self) -> None:
        """Look for faults in what came of it."""
        heads = {player.clone.head() for player in self.players} | {git(self.remote, "rev-parse", "main").strip()}
        if len(heads) > 1:
            self.faults.append("the clones and the remote are not at one commit")
        problems = {player.name: player.clone.messenger.validate() for player in self.players}
        told = {one.message.split()[0] for found in problems.values() for one in found if one.code == "unread-again"}
        for player in self.players:
            found = [
                *map(str, (one for one in problems[player.name] if one.severity == "error" or one.code in _LOSSES)),
                *self._faults_of_files(player.clone),
                *faults_of_history(player.clone.folder, self.unnamed, self.halved, told),
            ]
            self.faults += [f"{player.name}: {fault}" for fault in found]

    def _faults_of_files(self, clone: Clone) -> Iterator[str]:
        if not clone.is_clean():
            yield f"git status: {clone.git('status', '--porcelain')}"
        project = clone.project
        queued = seen_in(project.queue.read_bytes().decode())
        archived = [seen for path in project.archive.rglob("*.yaml") for seen in seen_in(path.read_bytes().decode())]
        closed = [seen for seen in archived if not seen.is_open]
        for word, sent in self.sent.items():
            places = [seen for seen in (*queued, *closed) if seen.word == word]
            records = [seen for seen in archived if seen.word == word]
            if len(places) != len(records) or not records or (len(records) > 1 and word not in self.unnamed):
                yield f"{word} is there {len(places)} times, and {len(records)} times in the archive"
            elif sent.answers is not None:
                answered = [seen.message_id for seen in archived if seen.word == sent.answers]
                if places[0].reply_to not in answered:
                    yield f"{word} answers {places[0].reply_to} instead of {answered}"
        ids = Counter(seen.message_id for seen in archived)
        yield from (f"{count} messages are called {one}" for one, count in ids.items() if count > 1)

    # What people do with git.

    def commit(self, player: Player) -> None:
        """Commit everything, or what git knows already."""
        if self.rng.random() < 0.8:
            self._git(player, "add", "--all")
        self._git(player, "commit", "--quiet", "--all", "--message", f"Work of {player.name}")

    def amend(self, player: Player) -> None:
        """Add to the last commit, where nobody else has it yet."""
        if self._git(player, "merge-base", "--is-ancestor", "HEAD", "origin/main").code:
            self._git(player, "add", "--all")
            self._git(player, "commit", "--quiet", "--amend", "--no-edit", "--allow-empty")

    def branch_off(self, player: Player) -> None:
        """Begin a branch, where there are not many."""
        if len(player.branches) < 4:
            name = f"{player.name}-{len(self.log)}"
            if self._git(player, "switch", "--quiet", "--create", name).code == 0:
                player.branches.append(name)

    def switch(self, player: Player) -> None:
        """Go to another branch."""
        self._make_room(player)
        self._git(player, "switch", "--quiet", self.rng.choice(player.branches))

    def merge(self, player: Player) -> None:
        """Merge another branch."""
        other = self._other_branch(player)
        if other is not None and self._make_room(player) and self.rng.random() < 0.2:
            if self._git(player, "merge", "--quiet", "--squash", other).code:
                self._resolve(player)
            self._commit_all(player)
        elif other is not None:
            self._integrate(player, "merge", "--quiet", "--no-edit", other)

    def rebase(self, player: Player) -> None:
        """Put a branch on top of another."""
        current, other = player.branch, self._other_branch(player)
        if other is not None and current != "main":
            self._make_room(player)
            self._integrate(player, "rebase", "--quiet", other)

    def cherry_pick(self, player: Player) -> None:
        """Take one commit of another branch."""
        other = self._other_branch(player)
        if other is not None:
            self._make_room(player)
            commits = player.clone.git("rev-list", "--no-merges", "--max-count=5", f"HEAD..{other}").split()
            if commits:
                self._integrate(player, "cherry-pick", self.rng.choice(commits))

    def stash(self, player: Player) -> None:
        """Put changes aside."""
        untracked = ("--include-untracked",) if self.rng.random() < 0.5 else ()
        self._git(player, "stash", "push", "--quiet", *untracked)

    def stash_pop(self, player: Player) -> None:
        """Take up again what was put aside."""
        if not player.stashes:
            return
        self._commit_all(player)
        if self._git(player, "stash", "pop", "--quiet").code == 0:
            pass
        elif self._unmerged(player):
            self._resolve(player)
            self._git(player, "reset", "--quiet")
            self._git(player, "stash", "drop", "--quiet", check=True)
        else:  # a file is in the way, as one of another message with the same id
            self._git(player, "reset", "--quiet", "--hard", check=True)
            self._git(player, "clean", "--quiet", "--force", "-d", check=True)
            name = f"{player.name}-{len(self.log)}"
            self._git(player, "stash", "branch", name, check=True)
            player.branches.append(name)

    def fetch(self, player: Player) -> None:
        """See what others pushed."""
        self._git(player, "fetch", "--quiet")

    def pull(self, player: Player) -> None:
        """Merge what others pushed, or rebase onto it."""
        aside = () if self._make_room(player) or self.rng.random() < 0.5 else ("--autostash",)
        way = self.rng.choice(("--rebase", "--no-rebase"))
        self._integrate(player, "pull", "--quiet", "--no-edit", way, *aside, "origin", "main")
        if self._unmerged(player):  # what was put aside came back with conflicts, and is among the stashes
            self._resolve(player)
            self._git(player, "reset", "--quiet")
            self._git(player, "stash", "drop", "--quiet", check=True)

    def push(self, player: Player) -> None:
        """Push the branch, where it is the shared one."""
        if player.branch == "main":
            self._git(player, "push", "--quiet", "origin", "main")

    def sync(self, player: Player) -> None:
        """Run `git sync`; what it can't decide is decided as it says."""
        try:
            self._note(*sync(player.clone.project).actions)
        except InvalidError as error:
            self._note(str(error), *(problem.message for problem in error.problems))
            if "can't merge" not in str(error) and "both sides changed" not in str(error):
                raise
            self._integrate(player, "pull", "--quiet", "--no-edit", "--no-rebase", "origin", "main", gives_up=False)
            self._note(*sync(player.clone.project).actions)

    def _doings(self) -> Sequence[tuple[Callable[[Player], object], int]]:
        return (
            (self.send, 40),
            (self.send_again, 6),
            (self.receive, 36),
            (self.claim, 8),
            (self.reply, 12),
            (self.done, 22),
            (self.settle, 8),
            (self.type_in, 6),
            (self.edit, 36),
            (self.commit, 36),
            (self.amend, 4),
            (self.branch_off, 6),
            (self.switch, 10),
            (self.merge, 12),
            (self.rebase, 8),
            (self.cherry_pick, 6),
            (self.stash, 5),
            (self.stash_pop, 7),
            (self.fetch, 2),
            (self.pull, 14),
            (self.push, 12),
            (self.sync, 10),
        )

    # How messages are told apart.

    def _new_word(self) -> str:
        return f"w{len(self.sent):03}x"

    def _word_of(self, message: Message) -> str:
        return words_in(str(message.payload))[0]

    def _text(self, word: str, *about: str) -> str:
        more = self.rng.choice(("", ": see the notes", " # really", "\n- message_id: fake\nand: more\n"))
        return f"{word} in few words{''.join(f', of {one}' for one in about)}{more}"

    def _payload(self, type_: str, word: str) -> dict[str, Any]:
        text = self._text(word)
        if type_ in ("handoff", "review"):
            key = "context_summary" if type_ == "handoff" else "artifact_path"
            payload = {"artifact_path": "docs/prd.md", "next_actions": ["- read it", "build it"]}
            return payload | {key: text} if type_ == "handoff" else {"artifact_path": "docs/prd.md", "note": text}
        return {{"clarify": "question", "escalate": "issue", "notify": "message"}.get(type_, "topic"): text}

    def _send(self, player: Player, word: str, fields: dict[str, Any]) -> None:
        sent = player.clone.messenger.send(**fields)
        self.sent.setdefault(word, Sent(word))
        self._note(sent.message_id, word)

    def _open_one(self, player: Player, fits: Callable[[Message], bool] = lambda _: True) -> Message | None:
        found = [message for message in player.clone.messenger.list() if fits(message)]
        return self.rng.choice(found) if found else None

    # How a person works.

    def _read(self, player: Player) -> str:
        return player.queue.read_bytes().decode()

    def _edit(self, player: Player, text: str) -> None:
        player.queue.write_text(text, encoding="utf-8", newline="")

    def _make_room(self, player: Player) -> bool:
        """What most people do before they merge; whether they did."""
        is_careful = self.rng.random() < 0.85
        if is_careful:
            self._commit_all(player)
        return is_careful

    def _commit_all(self, player: Player) -> None:
        self._git(player, "add", "--all", check=True)
        self._git(player, "commit", "--quiet", "--message", f"Work of {player.name}")

    def _integrate(self, player: Player, *command: str, gives_up: bool = True) -> None:
        """Run a command that merges; decide what conflicts, or give it up."""
        answer = self._git(player, *command)
        if answer.code and _IN_THE_WAY in answer.text and not player.under_way:
            self._commit_all(player)
            answer = self._git(player, *command)
        if answer.code == 0 or (not player.under_way and _REFUSED.search(answer.text)):
            return
        if gives_up and self.rng.random() < 0.15 and (doing := player.under_way):
            self._give_up(player, doing)
            return
        for _ in range(100):
            doing = player.under_way
            if doing is None:
                return
            self._work_on(player)
            self._resolve(player)
            answer = self._git(player, "-c", "core.editor=true", doing, "--continue")
            if _IN_THE_WAY in answer.text:
                self._commit_all(player)
            elif answer.code and _NOT_ADDED in answer.text:  # what agents did meanwhile
                self._git(player, "add", "--all", check=True)
            elif answer.code and not self._unmerged(player):
                skipped = self._git(player, doing, "--skip")
                if _IN_THE_WAY in skipped.text:
                    self._commit_all(player)
        raise AssertionError(f"{command} does not end: {answer.text}")

    def _give_up(self, player: Player, doing: str) -> None:
        """Go back to before; what git says is in the way came of the merge that is given up."""
        answer = self._git(player, doing, "--abort")
        if answer.code and _IN_THE_WAY in answer.text:
            for name in re.findall(r"^\t(.+)$", answer.text, re.MULTILINE):
                (player.clone.folder / name).unlink(missing_ok=True)
            answer = self._git(player, doing, "--abort")
        if answer.code:
            raise AssertionError(f"{doing} can't be given up: {answer.text}")

    def _work_on(self, player: Player) -> None:
        """Let agents go on while a person decides; where messages can't be told apart they are told so."""
        before = words_in(self._read(player))
        while self.rng.random() < 0.4:
            doing = self.rng.choice((self.send, self.receive, self.done, self.reply))
            self._note(f"meanwhile {doing.__name__}")
            try:
                doing(player)
            except DamagedError as error:
                self._note(str(error))
        self.halved.update(set(before).difference(words_in(self._read(player))))

    def _resolve(self, player: Player) -> None:
        """Decide every conflict for one side, and keep a file that one side changed and the other has not."""
        for name in self._unmerged(player):
            path = player.clone.folder / name
            if path.exists():
                text = path.read_bytes().decode()
                decided = _HUNK.sub(self._side_of, text)
                if decided != text:
                    self._note("decides", name)
                path.write_bytes(decided.encode())
            self._git(player, "add", "--all", "--", name, check=True)

    def _side_of(self, hunk: re.Match[str]) -> str:
        """One side of a conflict; of two ids the longer, which came of a merge that told two messages apart."""
        sides = hunk[1], hunk[2]
        return max(sides, key=len) if "MSG-" in hunk[0] else self.rng.choice(sides)

    def _unmerged(self, player: Player) -> list[str]:
        lines = player.clone.git("ls-files", "--unmerged", "-z").split("\0")[:-1]
        return [*dict.fromkeys(line.partition("\t")[2] for line in lines)]

    def _other_branch(self, player: Player) -> str | None:
        current = player.branch
        others = [branch for branch in player.branches if branch != current]
        return self.rng.choice(others) if others else None

    def _git(self, player: Player, *arguments: str, check: bool = False) -> Answer:
        done = subprocess.run(
            ("git", *arguments), cwd=player.clone.folder, capture_output=True, text=True, check=False, errors="replace"
        )
        text = f"{done.stdout}{done.stderr}".strip()
        self._note(f"git {' '.join(arguments)} → {done.returncode}" + (f": {text}" if text else ""))
        self.faults += [f"{self.log[-1]}" for words in _BY_LINES if words in text]
        if check and done.returncode:
            raise AssertionError(f"git {' '.join(arguments)}: {text}")
        return Answer(done.returncode, text)

    def _note(self, *words: str) -> None:
        if words:
            self.log.append(f"      {' | '.join(words)}")

    # The table.

    def _patch(self) -> None:
        """Let chance and time be the game's."""
        setattr_, setenv = self._monkeypatch.setattr, self._monkeypatch.setenv
        setattr_("bmad_messenger.message.now", lambda: self.now)
        setattr_("bmad_messenger.store.secrets", self)
        setattr_(os, "fsync", lambda descriptor: None)
        setenv("BMAD_MESSENGER_WORKER", "worker")
        setenv("GIT_MERGE_AUTOEDIT", "no")

    def token_hex(self, size: int) -> str:
        """The digits of an id, in place of those that `secrets` gives."""
        return f"{self.rng.randrange(_IDS):04x}{self.rng.randbytes(size).hex()[4:]}"

    def _tick(self, player: Player) -> None:
        """Let time pass; no two clocks agree."""
        self.now += timedelta(seconds=self.rng.randrange(1, 240))
        self._monkeypatch.setenv("BMAD_MESSENGER_WORKER", f"{player.name}:1")
        for role in ("AUTHOR", "COMMITTER"):
            self._monkeypatch.setenv(f"GIT_{role}_DATE", format_time(self.now))

    def _player(self, folder: Path, agents: Sequence[str]) -> Player:
        is_first = not any(self.remote.glob("refs/heads/*"))
        clone = (first_clone_of if is_first else clone_of)(self.remote, folder, self.within)
        self._configure(folder)
        install(clone.project)
        if is_first:
            clone.git("add", "--all")
            clone.git("commit", "--quiet", "--message", "Let git merge messages")
            clone.git("push", "--quiet")
        return Player(folder.name, clone, agents)

    def _configure(self, folder: Path) -> None:
        config = folder / (".git/config" if (folder / ".git").exists() else "config")
        with config.open("a") as file:
            for key, value in _SETTINGS.items():
                section, _, name = key.partition(".")
                file.write(f"[{section}]\n\t{name} = {value}\n")


def words_in(text: str) -> list[str]:
    """The words of the messages in a text."""
    return re.findall(r"\bw\d{3}x\b", text)
