"""Head matter: keys with their types, and a rule that always says who may read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.model.headmatter import (
    Headmatter,
    check_route,
    read_page,
    read_rule,
    split_headmatter,
)
from ostiary.model.safe_yaml import BadText


def test_a_page_has_its_head_and_its_text() -> None:
    head, body = read_page(
        "---\r\ntitle: A\nlayout: x.html\nreadable_by: [b, a, b]\nhero: Hi\n---\r\n# T\n---\n"
    )

    assert head == Headmatter(
        title="A", layout="x.html", readable_by=("b", "a"), extra={"hero": "Hi"}
    )
    assert body == "# T\n---\n"


def test_a_page_without_a_head_is_all_text() -> None:
    assert read_page("text --- more") == (Headmatter(), "text --- more")
    assert read_page("---\n---\nx") == (Headmatter(), "x")
    assert split_headmatter("") == (None, "")


@pytest.mark.parametrize("value", [["*", "a"], [], "", [""], 7, {"a": 1}, [1], True])
def test_a_rule_that_does_not_say_who_is_refused(value: object) -> None:
    with pytest.raises(BadText) as caught:
        read_rule(value)

    assert caught.value.reason.startswith("readable_by")


@pytest.mark.parametrize(
    "route", ["/a/../b", "/./a", "/a//b", "/a?b", "/a b", "/<a>", "/" + "a" * 300, "/\\a"]
)  # fmt: skip
def test_a_route_that_can_be_no_path_is_refused(route: str) -> None:
    with pytest.raises(BadText):
        check_route(route, "route")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_a_route_that_is_taken_is_plain(route: str) -> None:
    try:
        found = check_route(route, "route")
    except BadText:
        return

    assert found.startswith("/")
    assert not found.startswith("//")
    assert ".." not in found.split("/")
    assert "\\" not in found


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="-abc:\n *[]'\"#&{}\t", max_size=80), st.text(max_size=40))
def test_any_head_reads_or_says_why(head: str, body: str) -> None:
    try:
        found, _ = read_page(f"---\n{head}\n---\n{body}")
    except BadText:
        return

    assert found.readable_by != ()
