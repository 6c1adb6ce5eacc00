"""The debugger goes where its operator lets it go, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.reach import parse_allow_list
from ostiary.ports.fetch import FetchFailed


@pytest.mark.spec("D7")
@pytest.mark.parametrize(
    ("words", "url", "reach"),
    [
        ("public", "https://idp.example/x", "outside"),
        ("idp.example", "https://idp.example:8443/x", "inside"),
        ("idp.example", "https://IDP.example./x", "inside"),
        ("public, idp.example", "https://idp.example/x", "inside"),
        ("public, idp.example", "https://other.example/x", "outside"),
        ("*.example", "https://idp.example/x", "inside"),
        ("*.example", "https://a.b.example/x", "inside"),
        ("*", "http://10.0.0.1/x", "inside"),
        ("10.0.0.1", "http://10.0.0.1/x", "inside"),
        ("[::1]", "http://[::1]:8443/x", "inside"),
        ("LOCALHOST", "http://localhost/x", "inside"),
    ],
)
def test_a_host_that_is_listed_may_be_asked(words: str, url: str, reach: str) -> None:
    assert parse_allow_list(words).choose(url) == reach


@pytest.mark.spec("D7")
@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("", "https://idp.example/x"),
        ("off", "https://idp.example/x"),
        ("off", "https://off/x"),
        ("idp.example", "https://idp.example.evil/x"),
        ("idp.example", "https://xidp.example/x"),
        ("idp.example", "https://idp.example@evil.example/x"),
        ("*.example", "https://example/x"),
        ("*.example", "https://evilexample/x"),
        ("idp.example", "https://sub.idp.example/x"),
        ("::1", "http://[::2]/x"),
        ("idp.example", "/relative"),
        ("idp.example", ""),
        ("*", "http://[::1/x"),
    ],
)
def test_any_other_host_is_refused(words: str, url: str) -> None:
    with pytest.raises(FetchFailed) as refused:
        parse_allow_list(words.replace("::1", "[::1]")).choose(url)

    assert refused.value.kind == "place"


def test_a_refusal_names_the_host() -> None:
    with pytest.raises(FetchFailed) as refused:
        parse_allow_list("idp.example").choose("https://evil.example/x")

    assert (
        refused.value.reason == "evil.example is not among the hosts that may be asked"
    )


@pytest.mark.parametrize(
    "word",
    ["https://idp.example", "idp.example:8443", "*idp", "*.", "a b", "idp.example/x", "ä.example", "off"],
)  # fmt: skip
def test_a_word_that_is_no_host_is_named(word: str) -> None:
    with pytest.raises(ValueError, match="is no host") as refused:
        parse_allow_list(f"public,{word}")

    assert str(refused.value).startswith(f"{word!r} ")


def test_blanks_and_empty_words_are_nothing() -> None:
    assert parse_allow_list(" a.example ,, B.example,").words == {
        *("a.example", "b.example")
    }


@given(st.text(max_size=30) | st.builds("http://{}".format, st.text(max_size=20)))
@settings(max_examples=150, deadline=None)
def test_no_url_is_too_strange(url: str) -> None:
    with pytest.raises(FetchFailed):
        parse_allow_list("idp.example").choose(url)
