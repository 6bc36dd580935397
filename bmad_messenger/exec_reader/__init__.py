"""Reads the `<exec>` elements of BMAD's task and instruction files."""

from bmad_messenger.exec_reader.reader import ExecElement, read_exec
from bmad_messenger.exec_reader.variables import resolve_variables

__all__ = ["ExecElement", "read_exec", "resolve_variables"]
