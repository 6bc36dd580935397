"""The file that a new workflow starts as: short, valid, and with comments that say what can stand where."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bmad_messenger.errors import InvalidError, UsageError
from bmad_messenger.files import make_folder, publish, refusals
from bmad_messenger.findings import report
from bmad_messenger.messenger import Messenger
from bmad_messenger.schemas import shipped_validator, violations
from bmad_messenger.workflow.library import Library

_TEXT: Final = """\
# What it is called, and what it is for.
name: {name}
description: Say in a sentence what this workflow is for

# Whose work it is: a run begins by receiving what waits for this agent, as `steps.inbox.messages`.
# agent: {agent}

# A message that starts a run by itself (`bmad-messenger workflow tick` or `serve` looks for it).
# on:
#   message: {{type: handoff, to: {agent}}}

# What a run is given: for each parameter its JSON Schema. One without a default is needed.
params:
  topic: {{type: string, default: "the next release", description: What it is about}}

# Each step runs a task (`exec`), asks a person (`ask`), waits (`wait`) or runs another workflow (`workflow`).
# It begins when the one above has ended, or those that it `needs`.
steps:
  - id: ask
    ask:
      question: "Shall we go on with {{{{ params.topic }}}}?"
      options: [go, stop]
    timeout: 2d
    on_timeout: escalate        # or: fail, continue

  - id: tell
    when: steps.ask.answer == "go"
    exec: send-message          # `bmad-messenger workflow tasks` lists the others
    with:
      type: notify
      from_agent: {agent}
      to_agents: all
      payload: {{message: "We go on with {{{{ params.topic }}}}"}}
    retry: {{times: 3, delay: 2s, backoff: 2}}

# What a run comes to, for who started it.
outputs:
  answer: {{value: "{{{{ steps.ask.answer }}}}"}}
"""


def write_new(messenger: Messenger, name: str) -> Path:
    """Write the file of a new workflow called `name`; returns its path.

    Raises:
        InvalidError: where the name can't be one.
        UsageError: where there is such a workflow.
    """
    problems = report(violations(shipped_validator("workflow.schema.json#/$defs/name"), name))
    if problems:
        raise InvalidError.of(problems, "the name")
    library = Library(messenger.project)
    if name in library.files():
        raise UsageError(f"there is a workflow {name!r}", hint=f"`bmad-messenger workflow show {name}` shows it")
    path = messenger.project.folder / "workflows" / f"{name}.yaml"
    with refusals("write", messenger.project.name(path)):
        make_folder(path.parent)
        text = _TEXT.format(name=name, agent=messenger.config.agents[0])
        if not publish(path, text.encode(), replace=False):
            raise UsageError(f"there is a file {messenger.project.name(path)}", hint="choose another name")
    return path
