"""Cookies: read strictly, written exactly, removed so that they really go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.http.cookies import (
    MAX_COOKIES,
    CookieAttributes,
    build_delete_cookie,
    build_set_cookie,
    is_cookie_name,
    parse_cookies,
    remove_cookies,
)

FAST = settings(max_examples=200, deadline=None, derandomize=True)
NAMES = st.text("abcXYZ019_-!#$%&'*+.^`|~", min_size=1, max_size=8)
VALUES = st.text("abcXYZ019_-!#$%&'()*+./:<=>?@[]^`{|}~", max_size=12)


@pytest.mark.spec("RFC6265bis#5.8.3")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"a=1", [("a", "1")]),
        (b"a=1; b=2", [("a", "1"), ("b", "2")]),
        (b"a=1;b=2", [("a", "1"), ("b", "2")]),
        (b" \ta=1 ; \tb=2\t", [("a", "1"), ("b", "2")]),
        (b"a=", [("a", "")]),
        (b"a=b=c==", [("a", "b=c==")]),
        (b"a=1; a=2", [("a", "1"), ("a", "2")]),
        (b"__Host-a=1", [("__Host-a", "1")]),
    ],
)
def test_well_formed_cookies_are_read_in_order(
    field: bytes, expected: list[tuple[str, str]]
) -> None:
    assert list(parse_cookies([field])) == expected


@pytest.mark.spec("T-K1")
@pytest.mark.spec("T-K9")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"", []),
        (b"a", []),
        (b"=", []),
        (b"=x", []),
        (b";;;", []),
        (b"; ; a=1;;", [("a", "1")]),
        (b'a="x;y"', []),
        (b'a="x"', []),
        (b"$Version=1; a=1", [("$Version", "1"), ("a", "1")]),
        (b"a b=1", []),
        (b"a=1 2", []),
        (b"a=1,2", []),
        (b"a=\\x", []),
        (b"a =1", []),
        (b"a= 1", []),
        (b"\xe2\x80\x80__Host-a=1", []),
        (b"\xc2\xa0__Host-a=1", []),
        (b"\x0b__Host-a=1", []),
        (b"a=\xff", []),
        (b"a=\x00", []),
        (b"(a)=1", []),
    ],
)
def test_anything_else_is_left_out_not_guessed_at(
    field: bytes, expected: list[tuple[str, str]]
) -> None:
    assert list(parse_cookies([field])) == expected


def test_several_fields_are_one_list() -> None:
    assert parse_cookies([b"a=1", b"b=2; a=3"]) == (("a", "1"), ("b", "2"), ("a", "3"))


@pytest.mark.spec("T-K1")
@pytest.mark.parametrize("fields", [1, 3])
def test_ten_thousand_pairs_are_cut_to_the_limit(fields: int) -> None:
    field = b"; ".join(b"c%d=1" % n for n in range(10_000))

    assert len(parse_cookies([field] * fields)) == MAX_COOKIES


@FAST
@given(st.lists(st.tuples(NAMES, VALUES), max_size=10))
def test_what_is_written_is_read_back(pairs: list[tuple[str, str]]) -> None:
    field = "; ".join(f"{name}={value}" for name, value in pairs).encode()

    assert list(parse_cookies([field])) == pairs


@FAST
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_no_bytes_break_the_reader(fields: list[bytes]) -> None:
    found = parse_cookies(fields)

    assert all(is_cookie_name(name) for name, _ in found)
    assert not any(set(value) & set(' ",;\\') for _, value in found)


@pytest.mark.spec("T-H10")
@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"a=1; session=x; b=2", b"a=1; b=2"),
        (b"session=x", b""),
        (b"session=x;session=y;a=1", b"a=1"),
        (b"flow_1=x; flow_2=y; flower=z", b"flower=z"),
        (b'a="q;uoted"; session=1', b'a="q; uoted"'),
        (b"a=\xff; session=1", b"a=\xff"),
        (b"sessions=1; Session=2", b"sessions=1; Session=2"),
        (b"lonely; session=1", b"lonely"),
        (b" session =1; a=1", b"a=1"),
    ],
)
def test_our_cookies_are_hidden_and_the_others_stay(
    field: bytes, expected: bytes
) -> None:
    assert remove_cookies(field, names={"session"}, prefixes=("flow_",)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (CookieAttributes(), b"Path=/; SameSite=Lax; Secure; HttpOnly"),
        (
            CookieAttributes(domain="a.example", path="/p", same_site="Strict"),
            b"Domain=a.example; Path=/p; SameSite=Strict; Secure; HttpOnly",
        ),
        (CookieAttributes(domain="localhost"), b"Path=/; SameSite=Lax; Secure; HttpOnly"),
        (CookieAttributes(domain=""), b"Path=/; SameSite=Lax; Secure; HttpOnly"),
        (
            CookieAttributes(same_site="Default", secure=False, http_only=False),
            b"Path=/",
        ),
        (
            CookieAttributes(same_site="None", secure=False),
            b"Path=/; SameSite=None; Secure; HttpOnly",
        ),
    ],
)  # fmt: skip
def test_attributes_come_in_the_order_of_kong(
    attributes: CookieAttributes, expected: bytes
) -> None:
    gone = b"; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0"

    assert build_set_cookie("n", "v", attributes) == b"n=v; " + expected
    assert build_delete_cookie("n", attributes) == b"n=; " + expected + gone


def test_a_lifetime_comes_last() -> None:
    attributes = CookieAttributes(max_age_s=600)

    assert build_set_cookie("n", "v", attributes).endswith(b"HttpOnly; Max-Age=600")


@pytest.mark.spec("T-K7")
@FAST
@given(
    st.builds(
        CookieAttributes,
        path=st.sampled_from(["/", "/a"]),
        domain=st.sampled_from([None, "a.example"]),
        same_site=st.sampled_from(["Strict", "Lax", "None", "Default"]),
        secure=st.booleans(),
        http_only=st.booleans(),
        max_age_s=st.sampled_from([None, 0, 60]),
    )
)
def test_a_deletion_repeats_every_attribute_of_the_cookie(
    attributes: CookieAttributes,
) -> None:
    made = build_set_cookie("n", "", attributes).decode().split("; ")
    gone = build_delete_cookie("n", attributes).decode().split("; ")

    assert [a for a in made if not a.startswith("Max-Age")] == gone[:-2]
