"""A run goes through the browser and comes back whole, or not at all."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.carrying import (
    MAX_COOKIE,
    MAX_STEPS,
    CannotCarry,
    Carrier,
    _bind,
    name_cookie,
)
from ostiary.debugger.values import (
    Cause,
    Flow,
    Got,
    Held,
    Kind,
    Run,
    Sent,
    Setup,
    Step,
    TokenShown,
)
from ostiary.jose.encoding import encode_base64url
from ostiary.oidc.rp.checks import Check
from ostiary.ports.debugging import FLOW_COOKIE
from tests.support.ports import FakeEntropy
from tests.unit.debugger.debugger_kit import FLOW, NOW, OTHER_RING, RING, SETUP

CARRIER = Carrier.of(RING, FakeEntropy())
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple)
TIME = st.floats(0, 1e12, allow_nan=False)
DOCUMENT: st.SearchStrategy[Any] = st.none() | st.dictionaries(
    TEXT, st.none() | TEXT | st.integers(-5, 5) | st.lists(TEXT, max_size=2), max_size=3
)
STEP = st.builds(
    Step,
    kind=st.sampled_from(get_args(Kind)),
    title=TEXT,
    at=TIME,
    sent=st.none() | st.builds(Sent, method=TEXT, url=TEXT, fields=PAIRS, pairs=PAIRS),
    got=st.none()
    | st.builds(
        Got,
        status=st.integers(100, 599),
        fields=PAIRS,
        body=TEXT,
        took_ms=st.none() | TIME,
    ),
    failure=TEXT,
    checks=st.lists(
        st.builds(Check, name=TEXT, passed=st.booleans(), expected=TEXT, got=TEXT),
        max_size=2,
    ).map(tuple),
    causes=st.lists(
        st.builds(
            Cause,
            code=TEXT,
            text=TEXT,
            remedy=TEXT,
            level=st.sampled_from(["error", "note"]),
        ),
        max_size=2,
    ).map(tuple),
    tokens=st.lists(
        st.builds(TokenShown, name=TEXT, text=TEXT, header=DOCUMENT, claims=DOCUMENT),
        max_size=2,
    ).map(tuple),
    trials=st.just(()),
)
RUN = st.builds(
    Run,
    setup=st.builds(
        Setup,
        issuer=TEXT,
        client_secret=TEXT,
        leeway_s=st.integers(0, 9),
        endpoints=PAIRS,
    ),
    steps=st.lists(
        STEP
        | st.builds(
            Step,
            kind=st.just("token"),
            title=TEXT,
            trials=st.lists(STEP, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    document=DOCUMENT,
    keys=DOCUMENT,
    flow=st.none()
    | st.builds(Flow, state=TEXT, nonce=TEXT, verifier=TEXT, begun_at=TIME),
    held=st.builds(Held, access_token=TEXT, id_token=TEXT, nonce=TEXT),
)
STEPS = (Step(kind="token", title="Token request"),)
A_RUN = Run(setup=Setup(client_secret="s3cret-1"), steps=STEPS, flow=FLOW)


@given(RUN, TEXT)
@settings(max_examples=100, deadline=None)
def test_a_run_comes_back_as_it_went(run: Run, owner: str) -> None:
    assert CARRIER.unpack(CARRIER.pack(run, owner, now=NOW), owner, now=NOW) == run


def test_a_run_is_told_to_nobody_and_never_looks_the_same() -> None:
    texts = [CARRIER.pack(A_RUN, "ada", now=NOW) for _ in range(2)]

    assert texts[0] != texts[1]
    assert all("s3cret" not in text and text.isascii() for text in texts)


@pytest.mark.parametrize("owner", ["", "eve", "ada "])
def test_a_run_is_opened_for_its_owner_only(owner: str) -> None:
    with pytest.raises(CannotCarry) as refused:
        CARRIER.unpack(CARRIER.pack(A_RUN, "ada", now=NOW), owner, now=NOW)

    assert refused.value.code == "cannot_carry"


def test_a_run_of_another_ring_is_not_ours() -> None:
    other = Carrier.of(OTHER_RING, FakeEntropy())
    with pytest.raises(CannotCarry):
        other.unpack(CARRIER.pack(A_RUN, "ada", now=NOW), "ada", now=NOW)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_run_that_was_changed_is_refused(data: st.DataObject) -> None:
    text = CARRIER.pack(A_RUN, "ada", now=NOW)
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.sampled_from("Aa0_-=. é").filter(lambda s: s != text[place]))
    with pytest.raises(CannotCarry):
        CARRIER.unpack(text[:place] + sign + text[place + 1 :], "ada", now=NOW)


@given(st.text(max_size=60) | st.binary(max_size=60).map(encode_base64url))
@settings(max_examples=100, deadline=None)
def test_what_is_no_run_is_refused(text: str) -> None:
    with pytest.raises(CannotCarry):
        CARRIER.unpack(text, "", now=NOW)
    with pytest.raises(CannotCarry):
        CARRIER.unpack_flow(text, "state", "ada")


def test_a_run_of_another_version_is_refused() -> None:
    text = CARRIER._seal(CARRIER.runs, b'{"setup": {"leeway_s": "soon"}}', "ada")
    with pytest.raises(CannotCarry, match="another version"):
        CARRIER.unpack(text, "ada", now=NOW)


def test_of_many_steps_the_newest_are_carried() -> None:
    steps = tuple(Step(kind="token", title=str(n)) for n in range(MAX_STEPS + 5))
    run = CARRIER.unpack(CARRIER.pack(Run(steps=steps), "", now=NOW), "", now=NOW)

    assert run.steps == steps[5:]


# A sign-in in a cookie.


@pytest.mark.spec("RFC9700#4.7")
def test_a_sign_in_comes_back_with_its_state_only() -> None:
    name, text = CARRIER.pack_flow(SETUP, FLOW, "ada")

    assert name == name_cookie(FLOW.state)
    assert CARRIER.unpack_flow(text, FLOW.state, "ada") == (SETUP, FLOW)
    for state in ("", "another", FLOW.state.lower()):
        with pytest.raises(CannotCarry):
            CARRIER.unpack_flow(text, state, "ada")


def test_the_cookie_s_name_does_not_tell_the_state() -> None:
    name = name_cookie(FLOW.state)

    assert name.startswith(FLOW_COOKIE)
    assert FLOW.state not in name
    assert name != name_cookie("another")


def test_a_sign_in_is_no_run_and_a_run_no_sign_in() -> None:
    name, text = CARRIER.pack_flow(SETUP, FLOW, "ada")
    with pytest.raises(CannotCarry):
        CARRIER.unpack(text, name, now=NOW)
    with pytest.raises(CannotCarry):
        CARRIER.unpack_flow(CARRIER.pack(A_RUN, name, now=NOW), FLOW.state, "ada")


def test_a_sign_in_of_another_version_is_refused() -> None:
    text = CARRIER._seal(CARRIER.flows, b"[]", _bind("ada", name_cookie("s")))
    with pytest.raises(CannotCarry, match="another version"):
        CARRIER.unpack_flow(text, "s", "ada")


def test_what_is_too_long_for_a_cookie_is_not_begun() -> None:
    chance = FakeEntropy("long")
    texts = [encode_base64url(chance.bytes(1500)) for _ in range(2)]
    setup = Setup(client_secret=texts[0], audience=texts[1])
    with pytest.raises(CannotCarry, match="too long for a cookie"):
        CARRIER.pack_flow(setup, FLOW, "ada")
    _, text = CARRIER.pack_flow(Setup(client_secret=texts[0]), FLOW, "ada")

    assert len(text) <= MAX_COOKIE
