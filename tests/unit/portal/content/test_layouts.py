"""Operators' layouts: what they may name is there, and nothing hostile gets far."""

from __future__ import annotations

import time

import pytest

from ostiary.portal.content.access import ANONYMOUS
from ostiary.portal.content.finding import Page, find_page
from ostiary.portal.content.layouts import BadLayout, Layouts
from ostiary.portal.content.rendering import render_page
from tests.unit.portal.content.site_kit import ADA, frame, show, site_of

BIG = "y" * 90_000
HOSTILE = (
    "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in range(100000000) %}{% endfor %}",
    "{{ 'a' * 1000000000 }}",
    "{{ [1] * 1000000000 }}",
    "{{ 10 ** 10000000 }}",
    "{% set a = 99999999 %}" + "{% set a = a * a %}" * 40,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a %}" * 60,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a + a %}" * 60,
    "{% set a %}xxxxxxxxxx{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = [a, a]|join %}" * 60,
    "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a|replace('x', 'xx') %}" * 60,
    "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(50) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% set n = n - 1 %}{% if n > 0 %}{% include 'a.html' %}{% include 'a.html' %}{% endif %}",
    "{% include 'a.html' %}",
    "{% for a in range(1000) recursive %}{{ loop([1]) }}{% endfor %}",
    "{% for a in range(1000) %}" + "x" * 9000 + "{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(18) %}{{ big.upper() }}{% endfor %}{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(18) %}{% if 'z' in big %}{% endif %}{% endfor %}{% endfor %}",
    "{% set ns = namespace(l=['x']) %}{% for a in range(1000) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "{{ '%999999999d' % 1 }}",
    "{{ '%999999999d'|format(1) }}",
    "{{ '{:999999999}'.format(1) }}",
    "{{ 'x'.center(999999999) }}",
    "{{ 'x'|indent(999999999) }}",
    "{{ [1]|batch(999999999, 'x')|list }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{% if 1 %}" * 200 + "{% endif %}" * 200,
    "x" * 70_000,
    "{{ ''.__class__ }}",
    "{{ f.__globals__ }}",
    "{{ f.__code__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ [''|map(attribute='__class__')|list] }}{{ ['']|map(attribute='__class__')|list|first.x }}",
    "{{ lipsum }}",
    "{{ cycler }}",
    "{{ missing }}",
    "{% if %}",
    "{% import 'os' as os %}",
    "{% include '../../../etc/passwd' %}",
)  # fmt: skip


@pytest.mark.parametrize("source", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_layout_is_stopped_and_named(source: str) -> None:
    layouts = Layouts({"layouts/a.html": source})
    began = time.process_time()

    with pytest.raises(BadLayout) as caught:
        layouts.render("a.html", {"n": 60, "big": BIG, "f": frame})

    assert caught.value.code == "bad_layout"
    assert str(caught.value).startswith("a.html")
    assert time.process_time() - began < 10  # CPU: most take some milliseconds


def test_a_layout_has_the_data_of_its_page() -> None:
    layout = (
        "{% extends 'layouts/frame.html' %}{% block main %}"
        "<h1>{{ page.title }}</h1>{{ page.body }}{{ page.color }}"
        "{% for spec in portal.specs %}[{{ spec.title }}]{% endfor %}"
        "{{ portal.specs_by_tag('t')|length }}{% include 'partials/p.html' %}"
        "{{ l('hello', 'x') }}{{ l('none', 'fall') }}{{ markdown('**b**') }}"
        "{{ user.is_authenticated }}{{ user.has_role('a') }}{{ theme.color('accent') }}"
        "{% for crumb in page.breadcrumbs %}/{{ crumb.display_name }}{% endfor %}{% endblock %}"
    )
    site = site_of(
        {
            "content/a/b.md": "---\ntitle: <T>\nlayout: own.html\ncolor: <i>\nlocale: {hello: Hallo}\n---\n*x*<script>1</script>",
            "specs/s.yaml": "openapi: 3.0.0\ninfo: {title: S}\ntags: [{name: t}]\npaths: {}",
            "themes/base/theme.conf.yaml": "colors: {accent: {value: '#123456'}}",
            "themes/base/layouts/own.html": layout,
            "themes/base/layouts/frame.html": "<main>{% block main %}{% endblock %}</main>",
            "themes/base/partials/p.html": "<i>{{ portal.name }}</i>",
        }
    )
    html = show(site, "/a/b", ADA)

    assert (
        "<main><h1>&lt;T&gt;</h1><p><em>x</em></p>\n&lt;i&gt;[S]1<i>Developer Portal</i>"
        "Hallofall<p><strong>b</strong></p>\nTrueFalse#123456/a/b</main>" in html
    )
    assert "portal-search" in html


def test_a_layout_that_is_a_whole_page_is_sent_as_it_is() -> None:
    site = site_of(
        {
            "content/a.md": "---\nlayout: own.html\n---\n",
            "themes/base/layouts/own.html": "<!DOCTYPE html><p>{{ page.title }}",
        }
    )

    assert show(site, "/a") == "<!DOCTYPE html><p>A"


def test_a_page_with_a_broken_layout_is_drawn_by_ours_and_told() -> None:
    site = site_of(
        {
            "content/a.md": "---\nlayout: own.html\n---\nwords",
            "themes/base/layouts/own.html": "{{ nothing.at.all }}",
        }
    )
    found = find_page(site, "/a", ANONYMOUS)
    assert isinstance(found, Page)
    drawn = render_page(found, frame(site))

    assert b"<p>words</p>" in drawn.body
    assert drawn.trouble is not None
    assert "'nothing' is undefined" in drawn.trouble.text


def test_markdown_in_layouts_has_an_end() -> None:
    site = site_of(
        {
            "content/a.md": "---\nlayout: own.html\n---\nwords",
            "themes/base/layouts/own.html": "{% for i in range(1000) %}{{ markdown('x') }}{% endfor %}",
        }
    )
    found = find_page(site, "/a", ANONYMOUS)
    assert isinstance(found, Page)

    assert render_page(found, frame(site)).trouble is not None


@pytest.mark.parametrize(
    "source",
    ["{*page.body*}", "{(partials/header.html)}", "{-main-}x{-main-}", '{% layout = "layouts/_app.html" %}', "{% for _, item in each(x) do %}{% end %}"],
)  # fmt: skip
def test_a_layout_of_kongs_is_named_and_the_page_has_our_look(source: str) -> None:
    site = site_of(
        {
            "content/index.txt": "---\nlayout: homepage.html\nhero: Hi there\n---\n",
            "themes/base/layouts/homepage.html": source,
        }
    )
    found = find_page(site, "/", ANONYMOUS)
    assert isinstance(found, Page)
    drawn = render_page(found, frame(site))

    assert b"<h1>Hi there</h1>" in drawn.body
    assert drawn.trouble is not None
    assert "in Lua" in drawn.trouble.text
