"""What layouts make of lists in lists: small in memory, and endless to compare or to write."""

from __future__ import annotations

import json

import pytest

from ostiary.portal.content import layouts
from ostiary.portal.content.budget import Budget, TooMuch
from ostiary.portal.content.layouts import BadLayout, Layouts

# Four million values, were they counted; no more, so that a test ends even where nothing stops it.
DOUBLED = (
    "{% set a = [1, 1] %}{% set b = [1, 1] %}"
    + "{% set a = [a, a] %}{% set b = [b, b] %}" * 21
)
# A list that may be made, of texts that are too long together.
LONG = "{% set a = ['z', big, big, big, big, big, big, big] %}" + "{% set a = [a, a] %}" * 3  # fmt: skip
MADE = (
    "{% set a = (1, 1) %}" + "{% set a = (a, a) %}" * 21,
    "{% set a = {'x': 1} %}" + "{% set a = {'x': a, 'y': a} %}" * 21,
    "{% set a = [1] %}" + "{% set a = a + a %}" * 21,
    "{% set a = [1] %}" + "{% set a = [a] + [a] %}" * 21,
    "{% set a = [1] %}" + "{% set a = [[a, a]]|map('list')|list %}" * 21,
    "{% set a = {'x': 1} %}" + "{% set a = [{'k': 1, 'v': a}, {'k': 1, 'v': a}]|groupby('k') %}" * 21,
    "{% macro f() %}{% set ns.a = varargs %}{% endmacro %}{% set ns = namespace(a=1) %}" + "{{ f(ns.a, ns.a) }}" * 21,
    "{% macro f() %}{% set ns.a = kwargs %}{% endmacro %}{% set ns = namespace(a=1) %}" + "{{ f(x=ns.a, y=ns.a) }}" * 21,
    "{% set ns = namespace(a=[1]) %}{% for i in range(21) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}",
    "{% set ns = namespace(a=(1,)) %}{% for i in range(300) %}{% set ns.a = (ns.a,) %}{% endfor %}",
    "{% set ns = namespace(a=[1]) %}{% for i in range(300) %}{% set ns.a = {'x': ns.a} %}{% endfor %}",
)  # fmt: skip
WRITTEN = (
    "{{ a }}", "{{ a|string }}", "{{ json_encode(a) }}", "{{ a|tojson }}", "{{ a|join }}",
    "{{ 'x'|join(a) }}", "{{ a ~ 'x' }}", "{{ [a]|map('string')|list }}", "{{ a|upper }}",
    "{{ a|escape }}", "{{ a|urlencode }}", "{{ 'x'|replace('x', a) }}", "{{ a|replace('x', 'y') }}",
    "{{ {}[(a[0], big)|list] }}", "{{ {}.get('x', 1) ~ a }}", "{{ {'x': a}.values() }}",
    "{% set x %}{{ a }}{% endset %}", "{% autoescape false %}{{ a }}{% endautoescape %}",
    "{{ {'a': a}.items()|string }}", "{% for x in [a] %}{{ x }}{% endfor %}", "{{ [a]|select|list }}",
)  # fmt: skip
COMPARED = (
    "{{ a == b }}", "{{ a != b }}", "{{ a < b }}", "{{ a in [b] }}", "{{ a not in [b] }}",
    "{{ a is eq b }}", "{{ a is in [b] }}", "{{ a is lessthan b }}", "{{ [a]|select('eq', b)|list }}",
    "{{ [a, b]|sort }}", "{{ [a, b]|max }}", "{{ [a, b]|unique }}", "{{ [{'x': a}, {'x': b}]|groupby('x') }}",
    "{{ [{'x': a}]|selectattr('x', 'eq', b)|list }}", "{{ {'x': a}|dictsort(by='value') }}",
    "{% for x in [a, b] %}{{ loop.changed(x) }}{% endfor %}", "{{ {}.get(a) }}", "{{ {}[a] }}",
)  # fmt: skip
MANY = "{% for i in range(1000) %}{% for j in range(15) %}"
TIRING = (
    "{% if a == b %}{% endif %}", "{% if a is eq b %}{% endif %}", "{% if a in c %}{% endif %}",
    "{% if loop.changed(a) %}{% endif %}", "{% set x = a|sort %}", "{% set x = [a, b]|max %}",
    "{% set x = d.get(a) %}", "{% set x = d[a] %}", "{% set x = big[1:] %}", "{% set x = a[0:] %}",
    "{% set x = ['x']|map(attribute='0" + ".0" * 50 + "')|list %}", "{% set x = ['x']|sort(attribute='0" + ".0" * 50 + "') %}",
    "{% set x = a|select|select|select|first %}", "{% set x = a|tojson|length %}",
)  # fmt: skip


def draw(source: str) -> str:
    data = {"big": "y" * 90_000, "json_encode": json.dumps}
    return Layouts({"layouts/a.html": source}).render("a.html", data)


@pytest.mark.parametrize("end", ["", *WRITTEN, *COMPARED])
def test_lists_that_double_are_refused_however_they_are_used(end: str) -> None:
    with pytest.raises(BadLayout, match=r"more than 100,000 values"):
        draw(DOUBLED + end)


@pytest.mark.parametrize("source", MADE)
def test_lists_that_double_are_refused_however_they_are_made(source: str) -> None:
    with pytest.raises(BadLayout, match=r"does too much: a list|does too much: lists"):
        draw(source)


@pytest.mark.parametrize("end", WRITTEN[:-1])
def test_texts_that_many_lists_share_are_not_written(end: str) -> None:
    with pytest.raises(BadLayout, match=r"does too much: more than 2,000,000"):
        draw(LONG + end)


@pytest.mark.parametrize("body", TIRING)
def test_what_is_looked_through_is_paid_for_each_time(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "Budget", lambda: Budget(work=400_000))
    made = "{% set a = (1, 1) %}{% set b = (1, 1) %}" + "{% set a = (a, a) %}{% set b = (b, b) %}" * 11  # fmt: skip
    start = made + "{% set c = [b] %}{% set d = {} %}" + MANY
    body = body.replace("d[a]", "d[a]|default('')")
    with pytest.raises(BadLayout, match="too much work"):
        draw(start + body + "{% endfor %}{% endfor %}")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ 1|round(100000, 'floor') }}", "at most 15 places"),
        ("{{ 'x'|trim(big) }}", "characters to strip"),
        ("{{ 'x'.strip(big) }}", "characters to strip"),
        ("{{ nothing[(big, big)] }}", "undefined"),
    ],
)
def test_what_takes_long_for_little_is_refused(source: str, told: str) -> None:
    with pytest.raises(BadLayout, match=told) as caught:
        draw(source)

    assert len(str(caught.value)) < 600


def test_namespaces_that_hold_one_another_are_not_written_out() -> None:
    held = "{% set a = namespace() %}" + "{% set a = namespace(x=a, y=a) %}" * 21

    assert draw(held + "{{ a }}{{ [a]|join }}") == 2 * "&lt;Namespace&gt;"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{% set a = [1, [2, 'x']] %}{{ a }}", "[1, [2, &#39;x&#39;]]"),
        ("{{ [1, [2]] == [1, [2]] }}{{ [2] in [[1], [2]] }}{{ 2 is in [1, 2] }}", "TrueTrueTrue"),
        ("{{ {'a': [1, (2, 3)]}|tojson }}{{ json_encode([1]) }}", '{"a": [1, [2, 3]]}[1]'),
        ("{% set a, b = 1, 2 %}{{ a }}{{ b }}{% for k, v in {'x': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "12x1"),
        ("{{ [3, 1, 2]|sort|join(',') }}{{ [1, 1]|unique|join }}{{ [1, 2]|reverse|join }}", "1,2,3121"),
        ("{{ [{'n': 2}, {'n': 1}]|map(attribute='n')|list }}{{ ['a']|map('upper')|first }}", "[2, 1]A"),
        ("{% for g, rows in [{'k': 1}, {'k': 1}]|groupby('k') %}{{ g }}{{ rows|length }}{% endfor %}", "12"),
        ("{{ [1, 2, 3][1:] + [4] }}{{ 'abc'[:2] }}{{ [1, 2]|select('odd')|list }}", "[2, 3, 4]ab[1]"),
        ("{% macro f(x) %}{{ x }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, [2], k=3) }}", "1([2],){&#39;k&#39;: 3}"),
        ("{% set ns = namespace(a=[]) %}{% for i in range(3) %}{% set ns.a = ns.a + [i] %}{% endfor %}{{ ns.a }}", "[0, 1, 2]"),
        ("{% include ['b.html', 'a2.html'] ignore missing %}{{ 2.567|round(1) }}{{ ' x '|trim }}{{ '-x-'.strip('-') }}", "2.6xx"),
    ],
)  # fmt: skip
def test_lists_of_honest_layouts_are_as_they_were(source: str, shown: str) -> None:
    assert draw(source) == shown


@pytest.mark.parametrize(
    "source",
    [
        "{% set z = ''|_charge(-999999999999999) %}", "{% for x in [1]|_turn(-1000000000) %}{% endfor %}",
        "{% filter _charge(-1) %}x{% endfilter %}", "{% set z | _charge(-1) %}x{% endset %}",
        "{{ '<b>'|_constant }}", "{{ 1 is _charge }}", "{{ _f() }}", "{{ ('x'|_made)() }}",
    ],
)  # fmt: skip
def test_counters_cannot_be_named_by_a_layout(source: str) -> None:
    with pytest.raises(BadLayout, match=r"line 1: _.* is not for layouts"):
        draw(source)


@pytest.mark.parametrize("name", ["'_charge', -999999999999999", "'_constant'", "'_' ~ 'made'"])  # fmt: skip
def test_counters_cannot_be_named_to_map_either(name: str) -> None:
    with pytest.raises(BadLayout, match="not for this filter"):
        draw("{{ ['']|map(" + name + ")|list }}")


def test_a_budget_gives_nothing_back() -> None:
    budget = Budget(work=10, output=10)
    budget.toil(-100)
    budget.write(-100)

    assert (budget.work, budget.output) == (10, 10)
    with pytest.raises(TooMuch):
        budget.toil(11)
