"""One edit from its beginning to its end: open, judge, ask, merge, save. Nothing that anybody wrote is overwritten."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bmad_messenger.editing.document import taken_out, texts_of, with_again
from bmad_messenger.editing.draft import Draft
from bmad_messenger.editing.saving import Conflicted, Saved, added, cancelled, carried_out, merged, save, shown
from bmad_messenger.errors import ConflictError, DamagedError, InvalidError, MessengerError, Problem
from bmad_messenger.message import Message, Status
from bmad_messenger.messenger import Messenger
from bmad_messenger.queue.view import checked_view
from bmad_messenger.yaml.parse import Document


class Choice(Enum):
    """What a person may want done with a text that can't simply be saved."""

    EDIT = "edit again"
    KEEP = "keep the draft and leave"
    SAVE = "save anyway"
    CANCEL = "close as cancelled"
    BACK = "put back"


Editor = Callable[[Path, int | None], None]
"""Opens a file, at a line, and returns when the person is done. UsageError where that fails."""

Ask = Callable[[Sequence[Problem], Sequence[Choice]], Choice]
"""Shows a person what is wrong, and returns what they choose to do about it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit came to.

    `changed` are the ids of the messages whose text was changed, `added` the messages that are new, `closed` those that
    a status written by hand, or their deletion, has closed. `notes` say what else is to be known. `drafts` are files
    that are kept, since they have what came too late. `is_saved` is false where nothing was changed.
    """

    is_saved: bool = False
    changed: tuple[str, ...] = ()
    added: tuple[Message, ...] = ()
    closed: tuple[Message, ...] = ()
    notes: tuple[str, ...] = ()
    drafts: tuple[Path, ...] = ()


def edit(
    messenger: Messenger,
    name: str | None = None,
    *,
    editor: Editor,
    ask: Ask | None = None,
    draft: Path | None = None,
) -> Outcome:
    """Let somebody edit the queue, or one message of it, in an editor, and save the result.

    What came into the queue meanwhile stays: the two are merged by message, and then by field. A message that was
    deleted is cancelled, since the archive has it as open; one that was closed meanwhile stays closed.

    Args:
        messenger: whose queue.
        name: the id of one message, or a unique beginning or end of it; None for the whole queue.
        editor: opens the copy.
        ask: asks what to do where the text can't simply be saved; None where nobody is there to answer: then it is
            not saved.
        draft: the copy that an earlier edit left, to go on with; `name` is not looked at then.

    Raises:
        InvalidError: where the text was not saved; it is kept as a draft.
        NotFoundError: where there is no such message or draft.
        UsageError: where the editor failed.
        LockTimeoutError, DamagedError: where the queue could not be changed; the text is kept as a draft.
    """
    return _Session(messenger, editor, ask).run(name, draft)


class _Session:
    """The edit of one copy; `line` is where the editor is to open it."""

    def __init__(self, messenger: Messenger, editor: Editor, ask: Ask | None) -> None:
        self.messenger, self.store = messenger, messenger.store
        self.editor, self.ask = editor, ask
        self.line: int | None = None
        self.notes: list[str] = []
        self.drafts: list[Path] = []
        self._sound: set[str] = set()

    def run(self, name: str | None, left: Path | None) -> Outcome:
        draft = self._begun(name) if left is None else Draft.again(self.messenger.project, left)
        while True:
            try:
                self.editor(draft.path, self.line)
                text = draft.read()
                if text == draft.base or not text.strip():
                    draft.remove()
                    return Outcome()
                outcome = self._judged_and_saved(draft, text)
                if outcome is not None:
                    return outcome
            except Conflicted as conflict:
                draft = self._rebased(draft, conflict)
            except MessengerError as error:
                _tell_draft(error, draft)
                raise

    def _begun(self, name: str | None) -> Draft:
        """A new draft, of the queue as it is after what is due was done."""
        messenger = self.messenger
        if not messenger.project.queue.exists():
            messenger.init()
        if name is not None:
            messenger.carry_out()
            view = self.store.view()
            message_id = self.store.resolve(name, view)
            draft = Draft.new(messenger.project, taken_out(self.store, view, message_id), message_id)
        else:
            with suppress(DamagedError):  # the edit may be to mend it
                messenger.carry_out()
            draft = Draft.new(messenger.project, self.store.queue.settled().text, None)
        self._write(draft, draft.base, self._errors(draft, draft.base)[0])
        return draft

    def _judged_and_saved(self, draft: Draft, text: str) -> Outcome | None:
        """What came of saving a text; None where it is to be edited again."""
        errors, is_safe = self._errors(draft, text)
        known = {problem.message for problem in self._errors(draft, draft.base)[0]}
        new = [problem for problem in errors if problem.message not in known] if is_safe else errors
        if new:
            choices = (Choice.EDIT, Choice.SAVE, Choice.KEEP) if is_safe else (Choice.EDIT, Choice.KEEP)
            if self._choose(draft, text, new, choices) is Choice.EDIT:
                return None
        gone = self._deleted(draft, text)
        if gone and self.ask is not None:
            missing = [Problem(f"{one} is not in your copy any more", severity="warning") for one in gone]
            choice = self._choose(draft, text, missing, (Choice.CANCEL, Choice.BACK, Choice.EDIT, Choice.KEEP))
            if choice is Choice.EDIT:
                return None
            if choice is Choice.BACK:
                text, gone = with_again(text, draft.base, gone), []
        return self._saved(draft, text, gone)

    def _errors(self, draft: Draft, text: str) -> tuple[Sequence[Problem], bool]:
        """What is wrong with a text, and whether the queue can live with it: each message that is well still works."""
        try:
            view = checked_view(text, draft.name, self._check)
            view.queue.require_block()
        except DamagedError as error:
            return [error.problem], False
        if draft.message_id is not None and len(view.queue) and draft.message_id not in texts_of(text):
            hint = "put its message_id back, or delete the whole message to cancel it"
            return [Problem(f"{draft.message_id} has lost its id", hint, draft.name, 1, 1)], False
        errors = [problem for problem in view.problems if problem.severity == "error"]
        return errors, all(problem.code != ConflictError.code for problem in errors)

    def _check(self, document: Document, path: str | None) -> tuple[Problem, ...]:
        """Judge one message as a command does; one that was found sound before is not judged again."""
        key = json.dumps(document.value)
        problems = () if key in self._sound else self.store.check(document, path)
        if not problems:
            self._sound.add(key)
        return problems

    def _deleted(self, draft: Draft, text: str) -> list[str]:
        """The ids of the messages that the draft began with, that are not in the text, and that the queue still has."""
        after = texts_of(text)
        gone = [message_id for message_id in shown(draft.base) if message_id not in after]
        if not gone:
            return []
        with suppress(DamagedError):  # then the text replaces a queue that held nobody knows what
            view = self.store.view()
            return [message_id for message_id in gone if self.store.place(message_id, view) is not None]
        return []

    def _choose(self, draft: Draft, text: str, problems: Sequence[Problem], choices: Sequence[Choice]) -> Choice:
        """What the person wants done; where that is to leave, or nobody can be asked, raises what is wrong."""
        placed = self._write(draft, text, problems)
        choice = Choice.KEEP if self.ask is None else self.ask(placed, choices)
        if choice is Choice.KEEP:
            raise InvalidError.of(placed, "")
        return choice

    def _write(self, draft: Draft, text: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Write the draft, with what is wrong above its text; returns that with the places in the file."""
        above = draft.write(text, problems)
        placed = tuple(
            problem._replace(path=draft.name, line=None if problem.line is None else problem.line + above)
            for problem in problems
        )
        self.line = next((problem.line for problem in placed if problem.line is not None), None)
        return placed

    def _saved(self, draft: Draft, text: str, gone: Sequence[str]) -> Outcome:
        """Cancel what was deleted, and put the rest into the queue."""
        if gone:  # a conflict has to show before anything is done
            merged(self.messenger, self.store.queue.settled(), draft, text)
        closed = cancelled(self.messenger, gone)
        saved = Saved()
        if draft.message_id is None or draft.message_id not in gone:
            saved = save(self.messenger, draft, text)
        self._leave(draft, text, saved.late)  # at once: a draft that is saved must not be gone on with
        left = {*gone} - {message.message_id for message in closed}
        closed += cancelled(self.messenger, (one for one in gone if one in left))
        done = carried_out(self.messenger)
        before, after = shown(draft.base), texts_of(text)
        changed = (one for one in before if one in after and before[one] != after[one])
        return Outcome(
            is_saved=True,
            changed=tuple(one for one in changed if one not in saved.late),
            added=tuple(added(self.store, text, {*before, *(saved.ids - after.keys())})),
            closed=(*closed, *(one for one in done if one.status.is_closed)),
            notes=(*self.notes, *saved.notes),
            drafts=tuple(self.drafts),
        )

    def _rebased(self, draft: Draft, conflict: Conflicted) -> Draft:
        """The draft with the conflicts in its text, which now counts as begun with what the queue holds."""
        if conflict.late:
            self._leave(draft, draft.read(), conflict.late)
            draft = Draft.new(self.messenger.project, conflict.now, draft.message_id)
        try:
            draft.write(conflict.merged.text)
            draft = draft.based_on(conflict.now)  # last: an old text on a new base would take back what came meanwhile
            self._choose(draft, conflict.merged.text, conflict.merged.conflicts, (Choice.EDIT, Choice.KEEP))
        except MessengerError as error:
            _tell_draft(error, draft)
            raise
        return draft

    def _leave(self, draft: Draft, text: str, late: Mapping[str, Status]) -> None:
        """Delete the draft, whose text is saved; but for what came too late, which stays in its file."""
        if not late:
            draft.remove()
            return
        draft.leave([item for one, item in texts_of(text).items() if one in late])
        self.drafts.append(draft.path)
        for message_id, status in late.items():
            self.notes.append(f"{message_id} is {status.value} since: what you changed in it is only in {draft.name}")


def _tell_draft(error: MessengerError, draft: Draft) -> None:
    """Let an error say where the text is; one that says nothing new is deleted."""
    try:
        is_new = draft.read() != draft.base
    except MessengerError:
        is_new = draft.path.exists()
    if not is_new:
        draft.remove()
        return
    hint = f"`bmad-messenger edit --draft {shlex.quote(draft.name)}` goes on with it"
    kept = Problem("your text is not in the queue; it is kept as a draft", hint, draft.name)
    error.problems = (*(error.problems or (error.problem,)), kept)
