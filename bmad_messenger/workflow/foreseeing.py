"""What is known of a step before its run begins: all that does not depend on what only the run brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bmad_messenger.errors import InvalidError
from bmad_messenger.findings import Finding, show
from bmad_messenger.workflow.expressions import Expression, condition, holds_expression, template, texts_in
from bmad_messenger.workflow.model import Step, Workflow
from bmad_messenger.yaml.parse import Path


@dataclass(frozen=True, slots=True)
class Known:
    """What expressions can read before a run's first step.

    Attributes:
        values: what is known, by its root: `params`, `trigger`.
        unknown: the parameters whose values only the run brings.
        is_start: whether a run is about to begin.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()
    is_start: bool = False

    def covers(self, expression: Expression) -> bool:
        """Whether all that an expression reads is known."""
        if expression.names - self.values.keys():
            return False
        reads_unknown = any(("params", name) in expression.reads for name in self.unknown)
        return not reads_unknown and not (self.unknown and "params" in expression.wholes)

    def with_value(self, name: str, value: Any) -> Known:
        """What is known, and this value."""
        return replace(self, values={**self.values, name: value})


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A step as it will be done: once for each of its items that are known, with all that is known of it.

    `is_skipped` says that it will not be done.
    """

    steps: tuple[Step, ...]
    findings: tuple[Finding, ...] = ()
    is_skipped: bool = False


def foreseen(workflow: Workflow, step: Step, known: Known) -> Foreseen:
    """What can be told of a step with what is known; an expression that can't be evaluated then is a finding."""
    return _Foreseeing(workflow, step.at).step(step, known)


def foreseen_value(workflow: Workflow, value: Any, at: Path, known: Known) -> tuple[Any, tuple[Finding, ...]]:
    """A value of a workflow with what is known in the place of its expressions, and what is wrong with these."""
    found = _Foreseeing(workflow, at)
    return found.value(value, known), tuple(found.findings)


class _Foreseeing:
    """Evaluates what stands at or below a place of a workflow."""

    def __init__(self, workflow: Workflow, at: Path) -> None:
        self.ids, self.at = workflow.ids, at
        self.findings: list[Finding] = []

    def step(self, step: Step, known: Known) -> Foreseen:
        """The step, as far as it is known."""
        when = self._compiled(step.when, is_condition=True) if isinstance(step.when, str) else None
        if when is not None and known.covers(when):
            if not self._evaluated(when, True, known, ("when",)):
                return Foreseen((step,), tuple(self.findings), is_skipped=True)
        elif step.when is False:
            return Foreseen((step,), is_skipped=True)
        elif when is not None and when.names & known.values.keys():
            known = Known(is_start=known.is_start)  # it may be skipped just where a value can't be used
        return Foreseen(tuple(self._rounds(step, known)), tuple(self.findings))

    def value(self, value: Any, known: Known, at: Path = ()) -> Any:
        """A value with what is known in the place of its expressions."""
        if isinstance(value, Mapping):
            return {key: self.value(item, known, (*at, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, known, (*at, number)) for number, item in enumerate(value)]
        found = self._compiled(value) if isinstance(value, str) else None
        return value if found is None or not known.covers(found) else self._evaluated(found, value, known, at)

    def _rounds(self, step: Step, known: Known) -> Iterator[Step]:
        """The step, once for each of its known items where it reads them."""
        name, items = step.item_name, self.value(step.items_text, known, ("foreach",))
        if step.foreach is None or (not isinstance(items, list) and holds_expression(items)):
            yield self._filled(step, known)
        elif not isinstance(items, list):
            message = f"foreach: wanted a list, found {show(items)}"
            self.findings.append(Finding((*self.at, "foreach"), message, "name a list"))
        elif not any(name in one.names for one in self._expressions(step)):
            yield from (self._filled(step, known) for _ in items[:1])
        else:
            for item in items:
                yield self._filled(step, known if holds_expression(item) else known.with_value(name, item))

    def _filled(self, step: Step, known: Known) -> Step:
        return replace(
            step,
            params=self.value(step.params, known, ("with",)),
            timeout=self.value(step.timeout, known, ("timeout",)),
            what=self.value(step.what, known, (step.kind,)),
        )

    def _expressions(self, step: Step) -> Iterator[Expression]:
        for _, text in texts_in([step.params, step.timeout, step.what]):
            if (found := self._compiled(text)) is not None:
                yield found

    def _compiled(self, text: str, *, is_condition: bool = False) -> Expression | None:
        """The expression that a text is; None where it is none, or not a sound one, which is told elsewhere."""
        try:
            return condition(text, self.ids) if is_condition else template(text, self.ids)
        except InvalidError:
            return None

    def _evaluated(self, expression: Expression, otherwise: Any, known: Known, at: Path) -> Any:
        try:
            return expression.value(known.values)
        except InvalidError as error:
            self.findings.append(Finding((*self.at, *at), error.problem.message, error.problem.hint))
            return otherwise
