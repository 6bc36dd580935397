"""What of a workflow's file can be read although its form is wrong, so that all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from bmad_messenger.findings import MAX_FINDINGS, Finding, near_misses
from bmad_messenger.workflow.model import KINDS
from bmad_messenger.yaml.parse import Path

SECTIONS: Final = ("steps", "finally")

_ROOTS: Final = {"params": "params", "steps": "steps", "finally": "steps", "agent": "steps", "on": "trigger"}
"""What expressions read of the parts of a file; others go by their own name."""

_PARTNERS: Final = {"as": "foreach", "max_parallel": "foreach", "on_timeout": "timeout"}
_EMPTY: Final[Mapping[str, Any]] = {"foreach": [], "needs": []}
"""What stands in the place of a step's key that can't be read, where to leave it out would mean something else."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """What of a file can be read.

    Attributes:
        mapping: the parts that are sound; a step may lack what it does.
        findings: what is wrong with the form of the others.
        unread: the roots of which an expression may read what can't be read here: `params`, `steps`, …
        broken: the paths of what is wrong: whatever else is found wrong there follows from that.
    """

    mapping: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
    unread: frozenset[str] = frozenset()
    broken: frozenset[Path] = frozenset()


def salvaged(value: Any, findings: Sequence[Finding], schema: Mapping[str, Any]) -> Salvage:
    """What can be read of a file's value in which the schema of workflows finds these things wrong."""
    if not findings:
        return Salvage(value)
    if not isinstance(value, Mapping) or len(findings) >= MAX_FINDINGS:
        return Salvage({"name": "", "steps": []}, tuple(findings), broken=frozenset({()}))
    findings = _once(findings, value)
    properties = schema["properties"]
    salvaging = _Salvaging(deepcopy({**value}), properties, properties["steps"]["items"]["properties"])
    for finding in findings:
        salvaging.leave_out(finding.path)
    return salvaging.found(findings)


def _once(findings: Sequence[Finding], value: Mapping[str, Any]) -> list[Finding]:
    """The findings; of a step that is no mapping, only that."""
    told: dict[Path, Finding] = {}
    for finding in findings:
        path = finding.path
        if len(path) == 2 and path[0] in SECTIONS and not isinstance(value[path[0]][path[1]], Mapping):
            told.setdefault(path, finding)
    return [one for one in findings if told.get(one.path, one) is one]


class _Salvaging:
    """A file's mapping, of which part after part is left out."""

    def __init__(self, mapping: dict[str, Any], known: Collection[str], of_steps: Collection[str]) -> None:
        self.mapping, self.known, self.of_steps = mapping, known, of_steps
        self.unread: set[str] = set()
        self.broken: set[Path] = set()

    def leave_out(self, path: Path) -> None:
        """Leave out what is wrong at a path; of a misspelt key, also what it means."""
        if not path:
            return
        key = str(path[0])
        if key in SECTIONS and len(path) > 1:
            self._of_step(key, path)
            return
        self.broken.add(path[:2])
        if key in ("params", "outputs") and len(path) > 1:
            if path[1] in self.mapping[key]:
                self.mapping[key][path[1]] = {} if key == "params" else {"value": None}
            return
        for meant in near_misses([key], self.known, self.mapping).values() if key not in self.known else ():
            self.leave_out((meant,))
        self.mapping.pop(key, None)
        self.unread.add(_ROOTS.get(key, key))

    def _of_step(self, section: str, path: Path) -> None:
        number = int(path[1])
        step = self.mapping[section][number]
        if not isinstance(step, dict):
            step = self.mapping[section][number] = {}
        elif len(path) > 2:
            self._key_of_step(step, path)
        elif sum(kind in step for kind in KINDS) != 1:
            for kind in KINDS:
                step.pop(kind, None)
        for key, partner in _PARTNERS.items():
            if partner not in step:
                step.pop(key, None)

    def _key_of_step(self, step: dict[str, Any], path: Path) -> None:
        key = str(path[2])
        self.broken.add(path[:3])
        for meant in near_misses([key], self.of_steps, step).values() if key not in self.of_steps else ():
            self._key_of_step(step, (*path[:2], meant))
        if key == "id":
            self.unread.add("steps")
        elif key in _EMPTY:
            step[key] = _EMPTY[key]
        else:
            step.pop(key, None)

    def found(self, findings: Sequence[Finding]) -> Salvage:
        """What is left, with names that nothing reads where they are missing."""
        self.mapping.setdefault("steps", [])
        for section in SECTIONS:
            for number, step in enumerate(self.mapping.get(section, ())):
                if not isinstance(step.get("id"), str):
                    step["id"] = f"{section}[{number}]"
                    self.unread.add("steps")
        name = self.mapping.get("name")
        self.mapping["name"] = name if isinstance(name, str) else ""
        return Salvage(self.mapping, tuple(findings), frozenset(self.unread), frozenset(self.broken))
