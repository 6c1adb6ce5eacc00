"""
Operators' own layouts: templates in a sandbox that nothing hostile gets out of, or stays in for long.

What a template may do is counted: turns of loops, calls, templates, and the size of every text
that it makes. Filters and methods are those of a list, each of which takes time in proportion to
what it is given. A template that goes too far is told so and not shown. Pure.

Spec: portal §3.5 (names of data); decision 0042.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import (
    DictLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from markupsafe import Markup, escape

MAX_STEPS: Final = 20_000
MAX_OUTPUT_CHARS: Final = 2_000_000
MAX_TEXT_CHARS: Final = 100_000
MAX_WORK: Final = 8_000_000
MAX_TEMPLATE_CHARS: Final = 60_000
_PER_TEMPLATE: Final = 10_000
_MAX_RANGE: Final = 1000
_MAX_NUMBER: Final = 2**53
# Raw output, partials, blocks and statements of Kong's templates.
_LUA: Final = re.compile(
    r"\{\*[^{}]{0,200}\*\}|\{\([^{}]{0,200}\)\}|\{-\w{1,60}-\}"
    r"|\{%\s*(?:local\s|layout\s*=|end\s*%|for\s[^%]{0,200}\sdo\s*%|if\s[^%]{0,200}\sthen\s*%)"
)
_FILTERS: Final = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "forceescape", "groupby", "int", "last", "length", "list", "lower", "map", "max",
    "min", "reject", "rejectattr", "reverse", "round", "safe", "select", "selectattr", "sort",
    "string", "striptags", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode",
)  # fmt: skip
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    dict: frozenset({"get", "items", "keys", "values"}),
    str: frozenset({"endswith", "lower", "startswith", "strip", "upper"}),
}
_TESTS: Final = (
    "defined", "undefined", "none", "string", "number", "mapping", "sequence", "iterable",
    "boolean", "true", "false", "eq", "==", "ne", "!=", "gt", ">", "lt", "<", "ge", ">=",
    "le", "<=", "in", "even", "odd", "divisibleby", "sameas", "equalto", "lessthan", "greaterthan",
)  # fmt: skip


class BadLayout(Exception):
    """A layout cannot be shown; the text is for who keeps it."""

    code = "bad_layout"


class TooMuch(Exception):
    """A template went beyond what it may do."""


@dataclass(slots=True)
class _Budget:
    """What is left of one rendering."""

    steps: int = MAX_STEPS
    output: int = MAX_OUTPUT_CHARS
    work: int = MAX_WORK

    def step(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooMuch(f"more than {MAX_STEPS:,} turns of loops and calls")

    def write(self, size: int) -> None:
        self.output -= size
        if self.output < 0:
            raise TooMuch(f"more than {MAX_OUTPUT_CHARS:,} characters")

    def toil(self, size: int) -> None:
        self.work -= size
        if self.work < 0:
            raise TooMuch("too much work")


_BUDGET: ContextVar[_Budget] = ContextVar("ostiary_layout_budget")


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 1


def _bounded(value: Any) -> Any:  # Any: whatever a template computes
    """
    A value that is not too big to go on with.

    Raises:
        TooMuch: It is.
    """
    if isinstance(value, str | list | tuple) and len(value) > MAX_TEXT_CHARS:
        raise TooMuch(f"a text of more than {MAX_TEXT_CHARS:,} characters")
    if isinstance(value, int | float) and abs(value) > _MAX_NUMBER:
        raise TooMuch("a number that is too great")
    return value


@pass_context
def _turn(_: Context, value: Any, weight: int) -> Iterator[Any]:
    """What a loop goes over; each turn is paid for by how much is in the loop."""
    budget = _BUDGET.get()
    budget.step()
    for item in value:
        budget.step()
        budget.toil(weight)
        yield item


@pass_context
def _charge(_: Context, value: str, weight: int) -> str:
    """Stands at the beginning of a macro, and has it paid for."""
    _BUDGET.get().toil(weight)
    return value


@pass_context
def _weighed(_: Context, value: Any) -> Any:
    """What is compared is paid for by its size."""
    _BUDGET.get().toil(_size(value))
    return value


@pass_context
def _constant(_: Context, value: str) -> Markup:
    return Markup(value)  # noqa: S704 - written in the template itself


@pass_context
def _joined(_: Context, values: list[Any]) -> Any:
    """What `~` makes."""
    return _join(values, "")


def _join(values: Any, by: Any = "") -> Any:
    budget, size = _BUDGET.get(), 0
    parts: list[Any] = []
    for value in values:
        budget.step()
        parts.append(value if isinstance(value, str) else str(value))
        size += len(parts[-1]) + len(str(by))
        if size > MAX_TEXT_CHARS:
            raise TooMuch(f"a text of more than {MAX_TEXT_CHARS:,} characters")
    budget.toil(size)
    if any(isinstance(part, Markup) for part in (*parts, by)):
        return escape(by).join(parts)
    return str(by).join(parts)


def _replace(text: Any, old: str, new: str) -> Any:
    kind = Markup if isinstance(text, Markup) else str
    plain, old, new = str(text), str(old), str(new if kind is str else escape(new))
    grown = len(plain) + plain.count(old) * len(new) if old else len(plain)
    if grown > MAX_TEXT_CHARS:
        raise TooMuch(f"a text of more than {MAX_TEXT_CHARS:,} characters")
    return kind(plain.replace(old, new)) if old else text


def _range(*args: int) -> range:
    found = range(*args)
    if len(found) > _MAX_RANGE:
        raise TooMuch(f"range() gives at most {_MAX_RANGE} numbers")
    return found


@pass_context
def _output(_: Context, value: Any) -> Any:
    """Everything that is written passes here."""
    shown = value if isinstance(value, str) else str(value)
    _BUDGET.get().write(len(shown))
    return value


def _watched(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is paid for by what it is given."""

    def watched(*args: Any, **options: Any) -> Any:
        budget = _BUDGET.get()
        budget.step()
        budget.toil(sum(map(_size, args)))
        return _bounded(filter_(*args, **options))

    for name in ("jinja_pass_arg",):
        if hasattr(filter_, name):
            setattr(watched, name, getattr(filter_, name))
    return watched


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, with everything counted and little to call."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def _parse(
        self, source: str, name: str | None, filename: str | None
    ) -> nodes.Template:
        if len(source) > MAX_TEMPLATE_CHARS:
            raise TooMuch(f"longer than {MAX_TEMPLATE_CHARS:,} characters")
        if (sign := _LUA.search(source)) is not None:
            line = source.count("\n", 0, sign.start()) + 1
            text = "is written for Kong, in Lua: write it in Jinja2"
            raise TemplateSyntaxError(text, line, name, filename)
        tree = super()._parse(source, name, filename)
        _watch(tree)
        tree.set_environment(self)
        return tree

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, names in _METHODS.items():
            if isinstance(obj, kind):
                return attr in names
        is_plain = isinstance(obj, list | tuple | int | float | set | frozenset | range)
        return not is_plain and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """No `format`: it fills up to any width."""

    def call(
        __self, __context: Context, __obj: Any, *args: Any, **kwargs: Any  # noqa: N805, PYI063 - as Jinja2's own
    ) -> Any:  # fmt: skip
        budget = _BUDGET.get()
        budget.step()
        made = _bounded(super().call(__context, __obj, *args, **kwargs))
        budget.toil(_size(made))
        return made

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        texts = isinstance(left, str | list | tuple) and isinstance(right, type(left))
        if operator == "**" or not (numbers or (operator == "+" and texts)):
            raise TooMuch(f"{operator} is for numbers that are not too great")
        _BUDGET.get().toil(_size(left) + _size(right))
        return _bounded(super().call_binop(context, operator, left, right))

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja2's name
        budget = _BUDGET.get()
        budget.step()
        budget.toil(_PER_TEMPLATE)
        return super()._load_template(name, globals)


def _watch(tree: nodes.Template) -> None:
    """Put counters into a template: around loops, around what is joined, compared and written."""
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise TooMuch("loops must not be recursive")
        assert isinstance(loop.iter, nodes.Expr)
        loop.iter = _filtered(loop.iter, "_turn", _weigh(loop))
    for owner in [*tree.find_all(nodes.Node)]:
        for name, value in [*owner.iter_fields()]:
            if isinstance(value, nodes.Concat):
                setattr(owner, name, _concat(value))
            elif isinstance(value, list):
                value[:] = [_concat(v) if isinstance(v, nodes.Concat) else v for v in value]  # fmt: skip
    for comparison in tree.find_all(nodes.Compare):
        comparison.expr = _filtered(comparison.expr, "_weighed")
        for operand in comparison.ops:
            operand.expr = _filtered(operand.expr, "_weighed")
    for output in tree.find_all(nodes.Output):
        output.nodes = [
            _filtered(nodes.Const(part.data, lineno=part.lineno), "_constant")
            if isinstance(part, nodes.TemplateData)
            else part
            for part in output.nodes
        ]
    for made in tree.find_all((nodes.Macro, nodes.CallBlock, nodes.Block)):
        assert isinstance(made, nodes.Macro | nodes.CallBlock | nodes.Block)
        paid = _filtered(nodes.Const("", lineno=made.lineno), "_charge", _weigh(made))
        made.body = [nodes.Output([paid], lineno=made.lineno), *made.body]


def _weigh(node: nodes.Node) -> int:
    return sum(1 for _ in node.find_all(nodes.Node))


def _concat(node: nodes.Concat) -> nodes.Filter:
    return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_joined")


def _filtered(node: nodes.Expr, name: str, *args: int) -> nodes.Filter:
    given = [nodes.Const(value) for value in args]
    return nodes.Filter(node, name, given, [], None, None, lineno=node.lineno)


class Layouts:
    """The layouts of one theme, compiled as they are asked for."""

    def __init__(self, files: Mapping[str, str]) -> None:
        names = {**files}
        for path, text in files.items():
            names.setdefault(path.removeprefix("layouts/"), text)
        environment = _Sandbox(
            loader=DictLoader(names),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_output,
            auto_reload=False,
        )
        known = environment.filters
        environment.filters = {name: _watched(known[name]) for name in _FILTERS}
        environment.filters |= {
            "_turn": _turn, "_charge": _charge, "_weighed": _weighed, "_constant": _constant, "_joined": _joined,
            "join": _watched(_join), "replace": _watched(_replace),
        }  # fmt: skip
        environment.tests = {name: environment.tests[name] for name in _TESTS}
        spaces = environment.globals["namespace"]
        environment.globals.clear()
        environment.globals.update({"range": _range, "namespace": spaces})
        self._environment = environment
        self._names = frozenset(names)

    def has(self, name: str) -> bool:
        """Whether the operator has a layout of this name."""
        return name in self._names

    def render(self, name: str, data: Mapping[str, Any]) -> str:  # Any: plain values
        """
        A page by an operator's layout.

        Raises:
            BadLayout: It is wrong, or does too much; the text names it, and the line.
        """
        token = _BUDGET.set(_Budget())
        try:
            return self._environment.get_template(name).render(data)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            place = f"{name}, line {line}" if line else name
            raise BadLayout(f"{place}: {error.message or type(error).__name__}") from error  # fmt: skip
        except TooMuch as error:
            raise BadLayout(f"{name}: does too much: {error}") from error
        except (
            RecursionError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
            SyntaxError, MemoryError,
        ) as error:  # fmt: skip
            said = "goes too deep" if isinstance(error, RecursionError) else str(error)
            raise BadLayout(f"{name}: {said[:200]}") from error
        finally:
            _BUDGET.reset(token)
