"""What attacks found: secrets that changed hands, wrong advice, and texts that took time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ostiary.debugger.carrying import MAX_AGE_S, MAX_BYTES, CannotCarry, Carrier
from ostiary.debugger.causes import find_causes
from ostiary.debugger.probing import read_page
from ostiary.debugger.reach import parse_allow_list
from ostiary.debugger.report import report
from ostiary.debugger.situation import Situation
from ostiary.debugger.typed import read_setup
from ostiary.debugger.values import Got, Run, Setup, Step, TokenShown
from ostiary.oidc.rp.checks import Check
from tests.support.ports import FakeEntropy
from tests.unit.debugger.debugger_kit import FLOW, NOW, RING, SETUP

CARRIER = Carrier.of(RING, FakeEntropy("review"))
KEPT = replace(SETUP, client_secret="a-kept-secret-1")


def typed(**changes: str) -> Setup:
    form = {"issuer": KEPT.issuer, "client_id": KEPT.client_id, "scope": "openid", **changes}  # fmt: skip
    return read_setup(tuple(form.items()), KEPT, own_redirect_uri=KEPT.redirect_uri).setup  # fmt: skip


def test_a_sign_in_is_its_owner_s_alone() -> None:
    name, text = CARRIER.pack_flow(KEPT, FLOW, "ada")

    assert CARRIER.unpack_named(text, name, "ada")[0] == KEPT

    for other in ("eve", "", "ada:", "ad"):
        with pytest.raises(CannotCarry):
            CARRIER.unpack_named(text, name, other)


def test_a_kept_secret_follows_no_endpoint_to_another_host() -> None:
    assert typed().client_secret == KEPT.client_secret
    assert typed(token_endpoint="https://evil.example/steal").client_secret == ""
    assert typed(issuer="https://evil.example").client_secret == ""
    assert typed(client_id="another").client_secret == ""


@pytest.mark.parametrize("later", [-1, MAX_AGE_S + 1])
def test_a_run_of_another_day_opens_nothing(later: float) -> None:
    text = CARRIER.pack(Run(setup=KEPT), "ada", now=NOW)
    with pytest.raises(CannotCarry, match="too old"):
        CARRIER.unpack(text, "ada", now=NOW + later)

    assert CARRIER.unpack(text, "ada", now=NOW + MAX_AGE_S).setup == KEPT


def test_a_run_of_long_steps_stays_small_enough_for_a_form() -> None:
    long = Step(kind="token", title="x", got=Got(status=200, body="y" * 100_000))
    text = CARRIER.pack(Run(steps=(long,) * 20), "ada", now=NOW)
    kept = CARRIER.unpack(text, "ada", now=NOW).steps

    assert 0 < len(kept) <= MAX_BYTES // 100_000


WRONG = Check(name="error", passed=False, expected="none", got="invalid_client")


@pytest.mark.parametrize(
    "answer",
    ["invalid_request", "slow_down", "an answer (429)", "an answer (503)", "an answer (403)", "unsupported_grant_type"],
)  # fmt: skip
def test_what_says_nothing_of_the_client_is_no_advice_to_leave_the_secret_out(
    answer: str,
) -> None:
    refused = "invalid_client"
    trials = (("client_secret_basic", refused), ("none", answer), ("client_secret_post", refused))  # fmt: skip
    (cause,) = find_causes(
        Situation(
            kind="token", setup=KEPT, now=NOW, checks=(WRONG,), error=refused,
            auth_method="client_secret_basic", trials=trials,
        )
    )  # fmt: skip

    assert cause.code == "client_refused"


@pytest.mark.parametrize("answer", ["invalid_grant", "an answer (200)"])
def test_only_a_taken_client_says_that_it_has_no_secret(answer: str) -> None:
    trials = (("client_secret_basic", "invalid_client"), ("none", answer))
    (cause,) = find_causes(
        Situation(
            kind="token", setup=KEPT, now=NOW, checks=(WRONG,), error="invalid_client",
            auth_method="client_secret_basic", trials=trials,
        )
    )  # fmt: skip

    assert cause.code == "secret_unneeded"


def test_a_host_called_as_a_word_is_not_what_the_word_means() -> None:
    public = parse_allow_list("public")

    assert public.choose("http://public:8080/") == "outside"
    assert parse_allow_list("*").choose("http://public/") == "inside"


@pytest.mark.parametrize("word", ["invalid_request", "redirect", "logout_uri", "pkce "])
def test_no_provider_s_words_take_time(word: str) -> None:
    """Minutes, before words were cut; the suite's own limit would end it."""
    setup = replace(KEPT, logout_redirect_uri="https://app.example/")
    for kind in ("logout", "authorization", "token"):
        found = find_causes(
            Situation(
                kind=kind, setup=setup, now=NOW, checks=(WRONG,), error=word * 40_000, description=word * 40_000
            )
        )  # fmt: skip

        assert all(len(cause.text) < 2000 for cause in found)


def test_no_number_is_too_long_for_a_page() -> None:
    assert "here" in read_page(b"&#" + b"9" * 5000 + b"; here")


def test_a_report_of_very_much_is_made_at_once() -> None:
    claims = {f"claim-{i}": f"somebody {i} of these" for i in range(20_000)}
    step = Step(
        kind="token",
        title="somebody 19999 of these " * 2000,
        tokens=(TokenShown(name="ID token", text="x", header={}, claims=claims),),
    )

    assert "claim-1" in report(Run(steps=(step,)))


def test_the_page_of_a_logout_is_not_in_a_report() -> None:
    page = "Sign out, Alice Doe?"
    step = Step(kind="logout", title="Logout", got=Got(status=200, body=page))

    assert "Alice" not in report(Run(steps=(step,)))
