"""The expressions of a workflow: `{{ … }}` in values, bare ones in conditions, evaluated in Jinja's sandbox.

A value that is one expression keeps its type; text around expressions makes a text of it. `steps.to-architect.id` means
the step called `to-architect`: hyphens after `steps.` belong to the name where a step has it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from bmad_messenger.errors import InvalidError

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

_OPENINGS: Final = ("{{", "{%", "{#")
_MISHAPS: Final = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
_JSON: Final = (str, int, float, bool, type(None))
_LONGEST_TEXT: Final = 1_048_576  # characters of what one expression may make


class Unfinished(dict[str, Any]):
    """What a step leaves that was skipped or failed: its state; anything else that is read of it is nothing."""


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression or text with expressions in it, as the file has it.

    `names` are what it reads, `reads` the parts of these that it names: `("steps", "approve")` for `steps.approve`.
    """

    source: str
    names: frozenset[str] = frozenset()
    reads: frozenset[tuple[str, str]] = frozenset()
    is_condition: bool = False
    code: Any = field(default=None, compare=False, repr=False)
    is_single: bool = False

    def value(self, context: Mapping[str, Any]) -> Any:
        """What it comes to.

        Raises:
            InvalidError: where it reads what is not there, or comes to something that a file can't hold.
        """
        from jinja2 import ChainableUndefined, TemplateError, Undefined

        try:
            found = self.code(**context) if self.is_single else self.code.render(**context)
            if isinstance(found, ChainableUndefined):
                return None
            if isinstance(found, Undefined):
                found._fail_with_undefined_error()
            return found if self.is_condition else _plain(found)
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
    if not any(opening in source for opening in _OPENINGS):
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
        if any(opening in value for opening in _OPENINGS):
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_in(item, (*path, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from texts_in(item, (*path, number))


@cache
def _compiled(text: str, source: str, known: tuple[str, ...], *, is_condition: bool) -> Expression:
    from jinja2 import TemplateSyntaxError, meta

    environment = _environment()
    try:
        body = _with_quoted_steps(f"{{{{ {text} }}}}" if is_condition else text, known)
        tree = environment.parse(body)
        names, reads = frozenset(meta.find_undeclared_variables(tree)), frozenset(_reads(tree))
        inner = _single(body)
        if is_condition and inner is None:
            raise TemplateSyntaxError("it is not one expression", 1)
        if inner is not None:
            code: Any = environment.compile_expression(inner, undefined_to_none=False)
        else:
            code = environment.from_string(body)
    except TemplateSyntaxError as error:
        hint = 'write it as Jinja does, as in `steps.approve.answer == "approve"`'
        raise InvalidError(f"`{source}` is no expression: {error.message}", hint=hint) from None
    return Expression(source, names, reads, is_condition, code, inner is not None)


@cache
def _environment() -> SandboxedEnvironment:
    from jinja2 import ChainableUndefined, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    class Environment(SandboxedEnvironment):
        def getattr(self, obj: Any, attribute: str) -> Any:
            """A mapping's own key before its methods: a payload may well have `items`."""
            if isinstance(obj, Mapping) and attribute in obj:
                return obj[attribute]
            if isinstance(obj, Unfinished):
                return ChainableUndefined(name=attribute)
            return super().getattr(obj, attribute)

    environment = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    environment.filters.pop("random")  # a run that goes on after a crash must come to the same
    environment.globals.clear()
    return environment


def _reads(tree: Any) -> Iterator[tuple[str, str]]:
    """The parts of names that an expression reads, as far as it spells them out."""
    from jinja2 import nodes

    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if isinstance(node.node, nodes.Name):
            if isinstance(node, nodes.Getattr):
                yield node.node.name, node.attr
            elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
                yield node.node.name, node.arg.value


def _single(body: str) -> str | None:
    """What stands in the braces of a text that is one expression and nothing else; None for any other text."""
    tokens = [kind for _, kind, _ in _environment().lex(body)]
    if tokens[:1] != ["variable_begin"] or tokens[-1:] != ["variable_end"] or tokens.count("variable_begin") > 1:
        return None
    return body.removeprefix("{{").removeprefix("-").removesuffix("}}").removesuffix("-")


def _with_quoted_steps(body: str, known: tuple[str, ...]) -> str:
    """The text with `steps.NAME` written `steps['NAME']`; of the names that it may be, the longest known one."""
    tokens = [(kind, text) for _, kind, text in _environment().lex(body)]
    pieces: list[str] = []
    at = 0
    while at < len(tokens):
        is_root = tokens[at] == ("name", "steps") and not "".join(pieces[-2:]).rstrip().endswith(".")
        pieces.append(tokens[at][1])
        at += 1
        if is_root and tokens[at : at + 1] == [("operator", ".")]:
            name, length = _step_name(tokens[at + 1 :], known)
            pieces.append(f"[{name!r}]")
            at += 1 + length
    return "".join(pieces)


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


def _plain(value: Any, depth: int = 0) -> Any:
    """The value as JSON's types, which is what a run's file can hold."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise ValueError(f"it makes a text of {len(value)} characters")
    if isinstance(value, _JSON):
        return value
    if depth > 64:
        raise ValueError("it nests too deep")
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) or hasattr(value, "__next__"):
        return [_plain(item, depth + 1) for item in value]
    raise ValueError(f"it comes to a {type(value).__name__}, which a run's file can't hold")
