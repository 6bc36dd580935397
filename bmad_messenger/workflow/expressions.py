"""The expressions of a workflow: `{{ … }}` in values, bare ones in conditions, evaluated in Jinja's sandbox.

A value that is one expression keeps its type; text around expressions makes a text of it. `steps.to-architect.id` means
the step called `to-architect`: hyphens after `steps.` belong to the name where a step has it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import InvalidError

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_OPENINGS: Final = ("{{", "{%", "{#")
_BEGIN: Final = "variable_begin"
_END: Final = "variable_end"
_STEP: Final = "step"
"""The kind of a token that reads a step; the others are Jinja's own."""
_MISHAPS: Final = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, NameError, RecursionError, TypeError, ValueError),
)
_LONGEST_TEXT: Final = 1_048_576  # characters of what one expression may make
_LONGEST_NUMBER: Final = 14_000  # bits; Python writes out and reads numbers of up to 4,300 digits
_DEEPEST: Final = 32  # levels; a run's file adds its own


class Unfinished(dict[str, Any]):
    """What a step leaves that was skipped or failed: its state, and what it had; what else is read of it is nothing."""


class Rounds(list[Any]):
    """What a step leaves that is done for each of several items: what each round leaves, and the state of all."""

    def __init__(self, rounds: Iterable[Any], state: str, error: str | None = None) -> None:
        super().__init__(rounds)
        self.state, self.error = state, error


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression or text with expressions in it, as the file has it.

    `names` are what it reads, `reads` the parts of these that it names: `("steps", "approve")` for `steps.approve`;
    `wholes` are those that it does not read by such parts alone. `code` is what Jinja is given; `is_single` says that
    it is one expression, whose value keeps its type.
    """

    source: str
    names: frozenset[str]
    reads: frozenset[tuple[str, str]]
    wholes: frozenset[str]
    is_condition: bool
    code: str
    is_single: bool

    def value(self, context: Mapping[str, Any]) -> Any:
        """What it comes to.

        Raises:
            InvalidError: where it reads what is not there, or comes to something that a file can't hold.
        """
        from jinja2 import ChainableUndefined, TemplateError, Undefined

        try:
            found = _code(self.code, is_single=self.is_single)(**context)
            if isinstance(found, ChainableUndefined):
                return None
            if isinstance(found, Undefined):
                found._fail_with_undefined_error()
            return found if self.is_condition else plain(found)
        except TemplateError as error:
            raise InvalidError(f"`{self.source}`: {error.message}", hint="see what the steps before it leave") from None
        except _MISHAPS as error:
            reason = str(error) or type(error).__name__
            raise InvalidError(f"`{self.source}`: {reason}", hint="mend the expression") from None


def condition(source: str, steps: Collection[str] = ()) -> Expression:
    """A bare expression, as in `when`; `{{ }}` around the whole of it is allowed too. `steps` are the known ids.

    Raises:
        InvalidError: where it is no expression.
    """
    text = source.strip()
    if text.startswith("{{") and text.endswith("}}") and "}}" not in text[:-2]:
        text = text[2:-2].strip()
    return _compiled(text, source, tuple(steps), is_condition=True)


def template(source: str, steps: Collection[str] = ()) -> Expression | None:
    """The expression that a value's text is or holds; None where it holds none.

    Raises:
        InvalidError: where one of its expressions is none.
    """
    if not holds_expression(source):
        return None
    return _compiled(source, source, tuple(steps), is_condition=False)


def filled(value: Any, context: Mapping[str, Any], steps: Collection[str] = ()) -> Any:
    """A value with every expression in it replaced by what it comes to; raises what `Expression.value` does."""
    if isinstance(value, str):
        expression = template(value, steps)
        return value if expression is None else expression.value(context)
    if isinstance(value, Mapping):
        return {key: filled(item, context, steps) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, context, steps) for item in value]
    return value


def truth(source: str | bool, context: Mapping[str, Any], steps: Collection[str] = ()) -> bool:
    """Whether a condition holds; raises what `Expression.value` does."""
    return source if isinstance(source, bool) else bool(condition(source, steps).value(context))


def texts_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in a value that holds an expression, with its path."""
    if isinstance(value, str):
        if holds_expression(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(item, (*path, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_in(item, (*path, number))


def holds_expression(value: Any) -> bool:
    """Whether there is an expression in a value."""
    if isinstance(value, str):
        return "{" in value and any(opening in value for opening in _OPENINGS)
    if isinstance(value, Mapping):
        return any(map(holds_expression, value.values()))
    return isinstance(value, list | tuple) and any(map(holds_expression, value))


@cache
def _compiled(text: str, source: str, known: tuple[str, ...], *, is_condition: bool) -> Expression:
    from jinja2 import TemplateSyntaxError

    try:
        pieces = _quoted(_tokens(f"{{{{ {text} }}}}" if is_condition else text), known)
        kinds = [kind for kind, _ in pieces]
        is_single = kinds[0] == _BEGIN and kinds[-1] == _END and kinds.count(_BEGIN) == 1
        found = _read_by(pieces, is_single=is_single)
        if is_condition and not is_single:
            raise TemplateSyntaxError("it is not one expression", 1)
    except TemplateSyntaxError as error:
        hint = 'write it as Jinja does, as in `steps.approve.answer == "approve"`'
        raise InvalidError(f"`{source}` is no expression: {error.message}", hint=hint) from None
    code = _joined(pieces[1:-1] if is_single else pieces)
    return Expression(source, found.names, found.reads, found.wholes, is_condition, code, is_single)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an expression reads, as `Expression` has it."""

    names: frozenset[str]
    reads: frozenset[tuple[str, str]]
    wholes: frozenset[str]


def _read_by(pieces: Sequence[tuple[str, str]], *, is_single: bool) -> _Reading:
    """What an expression of these tokens reads.

    Expressions are much alike but for the steps that they read and the text around them: so a number stands in the
    place of each step, and each form is looked at once.

    Raises:
        TemplateSyntaxError: where it is no expression.
    """
    from jinja2 import TemplateSyntaxError

    steps = [text for kind, text in pieces if kind == _STEP]
    numbers = iter(range(len(steps)))
    form = [
        (kind, f"['#{next(numbers)}']" if kind == _STEP else "x" if kind == "data" else text) for kind, text in pieces
    ]
    try:
        found = _read_by_form(_joined(form), is_single=is_single)
    except TemplateSyntaxError:
        return _read_by_form(_joined(pieces), is_single=is_single)  # its own words belong into the error
    names = {f"#{number}": step[2:-2] for number, step in enumerate(steps)}
    reads = frozenset((root, names.get(name, name) if root == "steps" else name) for root, name in found.reads)
    return _Reading(found.names, reads, found.wholes)


@cache
def _read_by_form(text: str, *, is_single: bool) -> _Reading:
    from jinja2 import meta

    tree = _environment().parse(text)
    if is_single:
        names = _names(tree)
    else:
        names = frozenset(meta.find_undeclared_variables(tree))
        _code(text, is_single=False)  # the filters and tests that there are not
    reads, wholes = _reads(tree)
    return _Reading(names, reads, wholes & names)


def _joined(pieces: Sequence[tuple[str, str]]) -> str:
    return "".join(text for _, text in pieces)


@cache
def _code(code: str, *, is_single: bool) -> Callable[..., Any]:
    """What evaluates an expression, or a text with expressions in it; made when it is first needed, as that costs."""
    if is_single:
        found: Callable[..., Any] = _environment().compile_expression(code, undefined_to_none=False)
        return found
    return _environment().from_string(code).render


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import ChainableUndefined, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    class Environment(SandboxedEnvironment):
        intercepted_binops = frozenset({"*", "**"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            """A mapping's own key before its methods: a payload may well have `items`."""
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            if isinstance(obj, Unfinished):
                return ChainableUndefined(name=attribute)
            return super().getattr(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            """As `getattr` has it, in brackets."""
            if isinstance(obj, Unfinished) and isinstance(argument, str):
                return self.getattr(obj, argument)
            return super().getitem(obj, argument)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            """Multiplication, short of what would take all memory or all day."""
            if _makes_too_much(operator, left, right):
                raise ValueError(f"{operator} makes too much of it")
            return super().call_binop(context, operator, left, right)

    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters.pop("random")  # a run that goes on after a crash must come to the same
    environment.globals.clear()
    return environment


def _makes_too_much(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        return bits > _LONGEST_NUMBER
    times, repeated = (left, right) if isinstance(left, int) else (right, left)
    return isinstance(times, int) and isinstance(repeated, str | list | tuple) and times * len(repeated) > _LONGEST_TEXT


def _reads(tree: Any) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
    """The parts of names that an expression reads, as far as it spells them out, and the names that it reads else."""
    from jinja2 import nodes

    reads, spelt = set(), set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if isinstance(node.node, nodes.Name):
            if isinstance(node, nodes.Getattr):
                part = node.attr
            elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
                part = node.arg.value
            else:
                continue
            reads.add((node.node.name, part))
            spelt.add(id(node.node))
    wholes = (node.name for node in tree.find_all(nodes.Name) if id(node) not in spelt)
    return frozenset(reads), frozenset(wholes)


def _names(tree: Any) -> frozenset[str]:
    """The names that an expression reads.

    Raises:
        TemplateSyntaxError: where it uses a filter or a test that there is not.
    """
    from jinja2 import TemplateSyntaxError, nodes

    environment = _environment()
    for kind, word, known in ((nodes.Filter, "filter", environment.filters), (nodes.Test, "test", environment.tests)):
        for node in tree.find_all(kind):
            if node.name not in known:
                raise TemplateSyntaxError(f"there is no {word} {node.name!r}", node.lineno)
    return frozenset(node.name for node in tree.find_all(nodes.Name))


def _tokens(text: str) -> list[tuple[str, str]]:
    return [(kind, part) for _, kind, part in _environment().lex(text)]


def _quoted(tokens: list[tuple[str, str]], known: tuple[str, ...]) -> list[tuple[str, str]]:
    """The tokens with `steps.NAME` written `steps['NAME']`; of the names that it may be, the longest known one."""
    pieces: list[tuple[str, str]] = []
    at = 0
    while at < len(tokens):
        pieces.append(tokens[at])
        at += 1
        if pieces[-1] != ("name", "steps") or tokens[at : at + 1] != [("operator", ".")]:
            continue
        is_attribute = _joined(pieces[-3:-1]).rstrip().endswith(".")
        if not is_attribute:
            name, length = _step_name(tokens[at + 1 :], known)
            pieces.append((_STEP, f"[{name!r}]"))
            at += 1 + length
    return pieces


def _step_name(tokens: list[tuple[str, str]], known: tuple[str, ...]) -> tuple[str, int]:
    """The name that the tokens after `steps.` begin with, and how many of them it takes."""
    names: list[tuple[str, int]] = []
    joined = ""
    for number, (kind, text) in enumerate(tokens):
        is_word = kind in ("name", "integer")
        if not is_word and (kind, text) != ("operator", "-"):
            break
        joined += text
        if is_word:
            names.append((joined, number + 1))
    matching = [one for one in names if one[0] in known]
    return (matching or names[:1] or [("", 0)])[-1]


def plain(value: Any, depth: int = 0) -> Any:
    """The value in JSON's types, which are those that a run's file can hold.

    Raises:
        ValueError: where it has none of these.
    """
    if isinstance(value, str):
        if len(value) > _LONGEST_TEXT:
            raise ValueError(f"it makes a text of {len(value)} characters")
        if not value.isascii():
            value.encode()  # half a surrogate pair is no text
        return str(value)
    if isinstance(value, int):
        if value.bit_length() > _LONGEST_NUMBER:
            raise ValueError("it comes to a very large number")
        return value
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"it comes to {value}, which is no number that a file can hold")
    if value is None or isinstance(value, float):
        return value
    if depth > _DEEPEST:
        raise ValueError("it nests too deep")
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) or hasattr(value, "__next__"):
        return [plain(item, depth + 1) for item in value]
    raise ValueError(f"it comes to a {type(value).__name__}, which a run's file can't hold")
