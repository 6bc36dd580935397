"""What helps against a conflict that git left in one of the messenger's files."""

from __future__ import annotations

from pathlib import Path

from bmad_messenger.doctor.diagnosis import command
from bmad_messenger.doctor.subject import Subject


def merge_again(subject: Subject, path: Path) -> str:
    """The command that merges a file once more, by message; none where git is not in the middle of a merge of it."""
    tree = subject.work_tree
    if tree is None or tree.name(path) not in tree.unmerged:
        return ""
    again = command("git", "checkout", "--merge", "--", subject.project.name(path))
    return f"bmad-messenger git install && {again}"
