"""
Operators' own layouts: templates in a sandbox that nothing hostile gets out of, or stays in for long.

What a template may do is counted: turns of loops, calls, templates, and the size of every text
and list that it makes, compares or writes. Filters and methods are those of a list, each of which
takes time in proportion to what it is given. A template that goes too far is told so and not
shown. Pure.

Spec: portal §3.5 (names of data); decision 0042.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any, Final

from jinja2 import (
    DictLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
)
from jinja2.filters import FILTERS
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace, pass_context
from markupsafe import Markup, escape

from ostiary.portal.content.budget import (
    BUDGET,
    MAX_TEXT_CHARS,
    Budget,
    TooMuch,
    bounded,
    pay_for,
    pay_for_text,
    write_text,
)

MAX_TEMPLATE_CHARS: Final = 60_000
_PER_TEMPLATE: Final = 10_000
_MAX_RANGE: Final = 1000
_MAX_PLACES: Final = 15
_PER_ITEM: Final = 4
_MAX_SAID: Final = 500
_MAX_STRIPPED: Final = 100
# Raw output, partials, blocks and statements of Kong's templates.
_LUA: Final = re.compile(
    r"\{\*[^{}]{0,200}\*\}|\{\([^{}]{0,200}\)\}|\{-\w{1,60}-\}"
    r"|\{%\s*(?:local\s|layout\s*=|end\s*%|for\s[^%]{0,200}\sdo\s*%|if\s[^%]{0,200}\sthen\s*%)"
)
_FILTERS: Final = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "forceescape", "groupby", "int", "join", "last", "length", "list", "lower", "map", "max",
    "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort",
    "string", "striptags", "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode",
)  # fmt: skip
# Filters that look at a list and not into it, and those that compare, or hand on, what is in it.
# All others write what they are given as a text.
_OUTSIDE: Final = ("count", "d", "default", "first", "last", "length")
_INSIDE: Final = (
    "dictsort", "groupby", "list", "map", "max", "min", "reject", "rejectattr", "reverse",
    "select", "selectattr", "sort", "unique",
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
_COMPARING: Final = frozenset(
    ("eq", "==", "ne", "!=", "gt", ">", "lt", "<", "ge", ">=", "le", "<=", "in", "equalto", "lessthan", "greaterthan")
)  # fmt: skip


class BadLayout(Exception):
    """A layout cannot be shown; the text is for who keeps it."""

    code = "bad_layout"


@pass_context
def _turn(_: Context, value: Any, weight: int) -> Iterator[Any]:
    """What a loop goes over; each turn is paid for by how much is in the loop."""
    budget = BUDGET.get()
    budget.step()
    for item in value:
        budget.step()
        budget.toil(weight)
        yield item


@pass_context
def _charge(_: Context, value: str, weight: int) -> str:
    """Stands at the beginning of a macro, and has it paid for."""
    BUDGET.get().toil(weight)
    return value


@pass_context
def _weighed(_: Context, value: Any) -> Any:
    """What is compared is paid for by all that is in it."""
    pay_for(value)
    return value


@pass_context
def _made(_: Context, value: Any) -> Any:
    """Every list that is written in a template passes here, and every slice."""
    if isinstance(value, str):
        BUDGET.get().toil(len(value))
    return bounded(value)


@pass_context
def _constant(_: Context, value: str) -> Markup:
    return Markup(value)  # noqa: S704 - written in the template itself


@pass_context
def _joined(_: Context, values: list[Any]) -> Any:
    """What `~` makes."""
    return _join(values, "")


def _join(values: Any, by: Any = "") -> Any:
    budget, size = BUDGET.get(), 0
    parts: list[Any] = []
    for value in values:
        budget.step()
        parts.append(write_text(value))
        size += len(parts[-1]) + len(write_text(by))
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
    shown = write_text(value)
    BUDGET.get().write(len(shown))
    return value if hasattr(value, "__html__") else shown


def _size(value: object) -> int:
    return len(value) if isinstance(value, Sized) else 1


def _pay_outside(value: object) -> None:
    BUDGET.get().toil(_size(value) if isinstance(value, str | list | tuple | dict) else 1)  # fmt: skip


def _gather(made: Iterator[Any]) -> list[Any]:
    """What a filter would give one by one, at once: it is paid for where it is made."""
    budget, found = BUDGET.get(), []
    for item in made:
        budget.toil(_PER_ITEM)
        found.append(item)
        if len(found) > MAX_TEXT_CHARS:
            raise TooMuch(f"a list of more than {MAX_TEXT_CHARS:,} values")
    return found


def _as(original: Callable[..., Any], made: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(original, "jinja_pass_arg"):
        made.jinja_pass_arg = original.jinja_pass_arg  # type: ignore[attr-defined]  # as Jinja2's decorators do
    return made


def _watched(name: str, filter_: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that is paid for by what it is given, and by what it makes."""
    pay = _pay_outside if name in _OUTSIDE else pay_for if name in _INSIDE else pay_for_text  # fmt: skip

    def watched(*args: Any, **options: Any) -> Any:
        BUDGET.get().step()
        for given in (*args, *options.values()):
            pay(given)
        made = filter_(*args, **options)
        if isinstance(made, Iterator):
            made = _gather(made)
        return made if name in _OUTSIDE else bounded(made)

    return _as(filter_, watched)


def _judged(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that compares, paid for as comparisons are."""

    def judged(*args: Any) -> Any:
        for given in args:
            pay_for(given)
        return test(*args)

    return _as(test, judged)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if abs(precision) > _MAX_PLACES:
        raise TooMuch(f"round() takes at most {_MAX_PLACES} places")
    return FILTERS["round"](value, precision, method)


def _check_stripped(chars: Any = None) -> None:
    # Each character of a text is looked for among them.
    if isinstance(chars, str) and len(chars) > _MAX_STRIPPED:
        raise TooMuch(f"more than {_MAX_STRIPPED} characters to strip")


def _trim(value: Any, chars: str | None = None) -> Any:
    _check_stripped(chars)
    return FILTERS["trim"](value, chars)


class _Space(Namespace):
    """Values by name; not written out, for they may hold one another."""

    def __repr__(self) -> str:
        return "<Namespace>"


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
        _refuse_inner(tree, name, filename)
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
        BUDGET.get().step()
        # What macros and namespaces are given they only keep; anything else may write it.
        keeps = isinstance(__obj, Macro) or __obj is _Space
        for given in (args, kwargs):
            if given:
                (bounded if keeps else pay_for_text)(given)
        if getattr(__obj, "__name__", "") == "strip":
            _check_stripped(*args)
        made = bounded(super().call(__context, __obj, *args, **kwargs))
        BUDGET.get().toil(_size(made) if isinstance(made, str) else 1)
        return made

    def call_filter(self, name: str, *args: Any, **options: Any) -> Any:
        """A filter that `map` is told the name of."""
        if not isinstance(name, str) or name.startswith("_"):
            raise TooMuch("map() is not for this filter")
        return super().call_filter(name, *args, **options)

    def getitem(self, obj: Any, argument: Any) -> Any:
        # Filters come here for every step of an `attribute`, of every item.
        BUDGET.get().toil(1)
        # What is no name is hashed, and written out where it is missing.
        if not isinstance(argument, str | int):
            pay_for_text(argument)
        return super().getitem(obj, argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        texts = isinstance(left, str | list | tuple) and isinstance(right, type(left))
        if operator == "**" or not (numbers or (operator == "+" and texts)):
            raise TooMuch(f"{operator} is for numbers that are not too great")
        if not numbers:
            BUDGET.get().toil(len(left) + len(right))
        return bounded(super().call_binop(context, operator, left, right))

    def _load_template(self, name: str, globals: Any) -> Template:  # noqa: A002 - Jinja2's name
        budget = BUDGET.get()
        budget.step()
        budget.toil(_PER_TEMPLATE)
        return super()._load_template(name, globals)


def _refuse_inner(tree: nodes.Template, name: str | None, filename: str | None) -> None:
    """Our counters are not for who writes templates: they would be told to count backwards."""
    for node in tree.find_all((nodes.Filter, nodes.Test, nodes.Call)):
        called = node.node if isinstance(node, nodes.Call) else node
        said = getattr(called, "name", None)
        if isinstance(said, str) and said.startswith("_"):
            text = f"{said[:80]} is not for layouts: such names are kept for us"
            raise TemplateSyntaxError(text, node.lineno, name, filename)


def _watch(tree: nodes.Template) -> None:
    """Put counters into a template: around loops, around what is made, compared and written."""
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            raise TooMuch("loops must not be recursive")
        assert isinstance(loop.iter, nodes.Expr)
        loop.iter = _filtered(loop.iter, "_turn", _weigh(loop))
    for owner in [*tree.find_all(nodes.Node)]:
        for name, value in [*owner.iter_fields()]:
            if isinstance(value, nodes.Expr):
                setattr(owner, name, _count_made(value))
            elif isinstance(value, list):
                value[:] = [_count_made(v) if isinstance(v, nodes.Expr) else v for v in value]  # fmt: skip
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


def _count_made(node: nodes.Expr) -> nodes.Expr:
    """An expression, counted if it joins texts, or makes a list or a piece of one."""
    if isinstance(node, nodes.Concat):
        return _concat(node)
    is_list = isinstance(node, nodes.List | nodes.Dict) or (
        isinstance(node, nodes.Tuple) and node.ctx == "load"
    )
    is_piece = isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice)
    return _filtered(node, "_made") if is_list or is_piece else node


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
        known = {
            **environment.filters,
            "round": _round,
            "trim": _trim,
            "join": _join,
            "replace": _replace,
        }
        environment.filters = {name: _watched(name, known[name]) for name in _FILTERS}
        environment.filters |= {
            "_turn": _turn, "_charge": _charge, "_weighed": _weighed, "_constant": _constant, "_joined": _joined,
            "_made": _made,
        }  # fmt: skip
        tests: dict[str, Any] = {**environment.tests}  # Any: Jinja's own type is wrong
        environment.tests = {
            name: _judged(tests[name]) if name in _COMPARING else tests[name]
            for name in _TESTS
        }
        environment.globals.clear()
        environment.globals.update({"range": _range, "namespace": _Space})
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
        token = BUDGET.set(Budget())
        try:
            return self._environment.get_template(name).render(data)
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            place = f"{name}, line {line}" if line else name
            raise BadLayout(f"{place}: {(error.message or type(error).__name__)[:_MAX_SAID]}") from error  # fmt: skip
        except TooMuch as error:
            raise BadLayout(f"{name}: does too much: {error}") from error
        except (
            RecursionError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError,
            SyntaxError, MemoryError,
        ) as error:  # fmt: skip
            said = "goes too deep" if isinstance(error, RecursionError) else str(error)
            raise BadLayout(f"{name}: {said[:200]}") from error
        finally:
            BUDGET.reset(token)
