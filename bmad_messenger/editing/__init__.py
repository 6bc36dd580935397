"""Editing the queue, or one message of it, in an editor: on a copy, which is merged with what came meanwhile."""

from bmad_messenger.editing.draft import Draft, left_drafts
from bmad_messenger.editing.session import Ask, Choice, Editor, Outcome, edit

__all__ = ["Ask", "Choice", "Draft", "Editor", "Outcome", "edit", "left_drafts"]
