"""Each step is asked, judged and written down, and no step tells a secret."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from email.utils import formatdate
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.debugger.carrying import Carrier
from ostiary.debugger.causes import tell_cors
from ostiary.debugger.client import build_sign_out_url, find_endpoint
from ostiary.debugger.desk import is_about_same
from ostiary.debugger.showing import build_values
from ostiary.debugger.values import ENDPOINTS, Held, Run, Setup
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.fetch import FailureKind
from tests.support.ports import FakeEntropy
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.debugger.debugger_kit import (
    BACK,
    FLOW,
    FURTHER,
    JSON,
    NOW,
    RING,
    SECRET,
    SETUP,
    Scene,
    codes,
    objects,
    reply,
)

CONFIDENTIAL = replace(SETUP, client_secret=SECRET)
PATHS = {
    "discovery": "openid-configuration",
    "keys": "jwks",
    "authorization": "authorize",
    "token": "token",
    "userinfo": "userinfo",
    "introspection": "introspect",
    "refresh": "token",
    "revocation": "revoke",
    "logout": "end",
    "client_credentials": "token",
}


@pytest.fixture
def scene() -> Scene:
    return Scene()


def welcome(scene: Scene, run: Run) -> None:
    """Let the provider know the access token that a run holds."""
    scene.provider.people[run.held.access_token] = {"sub": "ada"}
    scene.provider.told[run.held.access_token] = {"active": True}


def form_of(request: OutgoingRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


# The honest way.


async def test_an_honest_provider_gives_good_steps_only(scene: Scene) -> None:
    run = await scene.sign_in(CONFIDENTIAL)
    welcome(scene, run)
    for act in ("userinfo", "introspection", "refresh", "logout"):
        welcome(scene, run)
        run = await FURTHER[act](scene.desk, run)
    run = await scene.desk.revoke(run)

    assert [(s.kind, s.is_good) for s in run.steps] == [
        (kind, True)
        for kind in (
            *("discovery", "keys", "authorization", "callback", "token"),
            *("userinfo", "introspection", "refresh", "logout", "revocation"),
        )
    ]
    assert all(step.at == NOW and not step.failure for step in run.steps)


async def test_discovery_learns_the_document_and_the_keys(scene: Scene) -> None:
    run = await scene.desk.discover(SETUP)

    assert run.document == scene.provider.metadata()
    assert run.keys is not None
    assert [key["kid"] for key in run.keys["keys"]] == ["key-1"]
    assert (run.flow, run.held) == (None, Held())


@pytest.mark.spec("RFC7636#4.3")
async def test_a_sign_in_is_sent_with_new_values_and_a_challenge(scene: Scene) -> None:
    first = await scene.desk.prepare(await scene.desk.discover(SETUP))
    second = await scene.desk.prepare(first)
    assert first.flow is not None
    assert second.flow is not None
    sent = dict(parse_qsl(urlsplit(scene.provider.asked("/authorize")[0].url).query))

    assert sent["state"] == first.flow.state
    assert sent["code_challenge_method"] == "S256"
    assert sent["redirect_uri"] == BACK
    assert len({first.flow.state, first.flow.nonce, first.flow.verifier, second.flow.state}) == 4  # fmt: skip
    assert first.steps[-1].actor == "browser"


async def test_a_code_is_changed_into_tokens_that_are_held(scene: Scene) -> None:
    run = await scene.sign_in(CONFIDENTIAL)
    step = run.steps[-1]

    assert [token.name for token in step.tokens] == [
        *("ID token", "Access token", "Refresh token")
    ]
    assert run.held.access_token == step.tokens[1].text
    assert (bool(run.held.id_token), run.held.refresh_token) == (True, "refresh-0")
    assert run.flow is None
    assert "pkce" in [check.name for check in step.checks if check.passed]


async def test_without_pkce_neither_challenge_nor_verifier_is_sent(
    scene: Scene,
) -> None:
    run = await scene.sign_in(replace(SETUP, uses_pkce=False))
    asked = dict(parse_qsl(urlsplit(scene.provider.asked("/authorize")[0].url).query))
    (redeemed,) = scene.provider.asked("/token")

    assert run.steps[-1].is_good
    assert "code_challenge" not in asked
    assert "code_verifier" not in form_of(redeemed)


@pytest.mark.spec("RFC6749#6")
async def test_a_refresh_replaces_the_tokens_that_are_held(scene: Scene) -> None:
    run = await scene.sign_in()
    old = run.held
    scene.clock.move(5)
    run = await scene.desk.refresh(run)

    assert form_of(scene.provider.asked("/token")[-1])["refresh_token"] == "refresh-0"
    assert run.held.refresh_token == "refresh-1"
    assert run.held.access_token != old.access_token
    assert run.steps[-1].is_good


async def test_a_refreshed_id_token_of_somebody_else_is_told(scene: Scene) -> None:
    run = await scene.sign_in()
    scene.provider.id_edits = {"sub": "eve"}
    run = await scene.desk.refresh(run)

    assert [c.code for c in run.steps[-1].causes] == ["refresh_sub_differs"]


@pytest.mark.spec("RFC6749#4.4")
async def test_a_client_s_own_token_leaves_no_person_s(scene: Scene) -> None:
    setup = replace(CONFIDENTIAL, scope="openid email orders", audience="api")
    run = await scene.sign_in(setup)
    run = await scene.desk.use_client_credentials(run)
    form = form_of(scene.provider.asked("/token")[-1])

    assert (form["scope"], form["audience"]) == ("orders", "api")
    assert (run.held.id_token, run.held.refresh_token) == ("", "")
    assert run.held.access_token


@pytest.mark.spec("RFC7009#2.1")
async def test_the_refresh_token_is_revoked_first_and_then_the_access_token(
    scene: Scene,
) -> None:
    run = await scene.desk.revoke(await scene.sign_in())
    half = run.held
    run = await scene.desk.revoke(run)
    hints = [form_of(r)["token_type_hint"] for r in scene.provider.asked("/revoke")]

    assert hints == ["refresh_token", "access_token"]
    assert (half.refresh_token, bool(half.access_token)) == ("", True)
    assert run.held.access_token == ""
    assert [s.title for s in run.steps[-2:]] == [
        *("Revocation of the refresh token", "Revocation of the access token")
    ]


async def test_a_revocation_that_is_refused_takes_nothing_away(scene: Scene) -> None:
    run = await scene.sign_in()
    scene.wire.replies["revoke"] = reply(503, "away")
    run = await scene.desk.revoke(run)

    assert run.held.refresh_token
    assert [c.code for c in run.steps[-1].causes] == ["provider_broken"]


async def test_userinfo_as_a_jwt_is_shown_decoded(scene: Scene) -> None:
    run = await scene.sign_in()
    scene.wire.replies["userinfo"] = IncomingReply(
        status=200, fields={}, body=run.held.id_token.encode()
    )
    run = await scene.desk.ask_userinfo(run)

    assert run.steps[-1].is_good
    assert [token.name for token in run.steps[-1].tokens] == ["UserInfo"]


# CORS.


async def test_cors_is_tried_only_for_another_origin(scene: Scene) -> None:
    scene.wire.makes["token"] = lambda _: reply(405, {})
    told = await scene.desk.discover(SETUP, origin="https://app.example")
    own = await scene.desk.discover(SETUP, origin="https://idp.example")
    request = next(r for r, _ in scene.wire.asked if r.method == "OPTIONS")

    assert [s.kind for s in told.steps] == ["discovery", "keys", "cors"]
    assert told.steps[-1].causes == (
        tell_cors(allows=False, origin="https://app.example"),
    )
    assert told.steps[-1].is_good
    assert [s.kind for s in own.steps] == ["discovery", "keys"]
    assert dict(request.fields)["Origin"] == "https://app.example"


@pytest.mark.parametrize("allowed", ["*", "https://app.example"])
async def test_cors_that_is_allowed_is_no_step(scene: Scene, allowed: str) -> None:
    answer = reply(204, access_control_allow_origin=allowed)
    scene.wire.makes["token"] = lambda _: answer
    run = await scene.desk.discover(SETUP, origin="https://app.example")

    assert [s.kind for s in run.steps] == ["discovery", "keys"]


# Where it goes.


async def everything(scene: Scene, setup: Setup) -> Run:
    run = await scene.sign_in(setup)
    for act in FURTHER.values():
        run = await act(scene.desk, run)
    return run


@pytest.mark.spec("D7")
async def test_urls_of_metadata_are_asked_beside_the_issuer_and_typed_ones_are_not(
    scene: Scene,
) -> None:
    await everything(scene, CONFIDENTIAL)
    discovery, *others = [limits.beside for _, limits in scene.wire.asked]

    assert discovery is None
    assert set(others) == {"idp.example"}
    assert {limits.reach for _, limits in scene.wire.asked} == {"inside"}


@pytest.mark.spec("D7")
@pytest.mark.parametrize("name", ENDPOINTS)
async def test_a_typed_endpoint_wins_and_is_asked_as_typed(
    scene: Scene, name: str
) -> None:
    path = urlsplit(str(scene.provider.metadata()[name])).path
    typed = f"https://elsewhere.example{path}"
    await everything(scene, replace(CONFIDENTIAL, endpoints=((name, typed),)))
    besides = {
        limits.beside
        for request, limits in scene.wire.asked
        if request.url.startswith("https://elsewhere.example")
    }

    assert besides == {None}


async def test_a_public_debugger_stays_outside() -> None:
    scene = Scene(allowed="public")
    await everything(scene, CONFIDENTIAL)

    assert {limits.reach for _, limits in scene.wire.asked} == {"outside"}


@pytest.mark.spec("D7")
async def test_a_host_that_is_not_allowed_is_sent_nothing() -> None:
    scene = Scene(allowed="other.example")
    run = await scene.desk.discover(SETUP)

    assert scene.wire.asked == []
    assert codes(run) == [("discovery", ["place_forbidden"])]


@pytest.mark.spec("D7")
async def test_metadata_cannot_lead_to_a_host_that_is_not_allowed() -> None:
    scene = Scene(allowed="idp.example")
    scene.provider.metadata_edits = {"token_endpoint": "https://evil.example/token"}
    run = await scene.sign_in(CONFIDENTIAL)

    assert codes(run)[-1] == ("token", ["place_forbidden"])
    assert not [r for r, _ in scene.wire.asked if "evil.example" in r.url]


async def test_who_has_typed_what_is_needed_needs_no_discovery(scene: Scene) -> None:
    """A provider without discovery can be debugged, with its issuer for the ID token's."""
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    document = scene.provider.metadata()
    typed = tuple((name, str(document[name])) for name in names)
    scene.wire.replies["openid-configuration"] = reply(404, {})
    run = await scene.sign_in(replace(SETUP, endpoints=typed))

    assert [(s.kind, s.is_good) for s in run.steps] == [
        *(("keys", True), ("authorization", True), ("callback", True), ("token", True))
    ]


async def test_a_provider_without_an_issuer_cannot_vouch_for_an_id_token(
    scene: Scene,
) -> None:
    document = scene.provider.metadata()
    typed = tuple((name, str(document[name])) for name in ENDPOINTS)
    run = await scene.sign_in(Setup(client_id=CLIENT_ID, redirect_uri=BACK, endpoints=typed))  # fmt: skip

    assert codes(run)[-1][1][0] == "token_issuer"
    assert f"Type the issuer {ISSUER}" in run.steps[-1].causes[0].remedy


@pytest.mark.parametrize("act", FURTHER)
async def test_a_step_without_an_endpoint_says_so(scene: Scene, act: str) -> None:
    run = await FURTHER[act](scene.desk, Run(setup=SETUP))

    assert run.steps[-1].failure.startswith("The provider does not say where its ")
    assert scene.wire.asked == []


async def test_a_sign_in_without_an_endpoint_is_not_begun(scene: Scene) -> None:
    run = await scene.desk.prepare(Run(setup=SETUP))

    assert run.flow is None
    assert run.steps[-1].failure == (
        "The provider does not say where its authorization_endpoint is, and none was typed."
    )


# A provider that is away, or answers strangely.


@pytest.mark.parametrize("kind", get_args(FailureKind))
async def test_a_provider_that_is_away_gives_a_step_with_a_cause(
    scene: Scene, kind: FailureKind
) -> None:
    known = await scene.desk.discover(CONFIDENTIAL)
    signed_in = await scene.sign_in(CONFIDENTIAL)
    scene.wire.away = kind
    runs = [await scene.desk.discover(CONFIDENTIAL), await scene.desk.prepare(known)]
    pairs = (("state", FLOW.state), ("code", "code-9"))
    runs.append(await scene.desk.finish(known, FLOW, pairs))
    runs += [await act(scene.desk, signed_in) for act in FURTHER.values()]
    steps = [run.steps[-1] for run in runs]

    assert [step.kind for step in steps] == [
        *("discovery", "authorization", "token", *FURTHER)
    ]
    assert all(step.failure and not step.is_good for step in steps)
    assert all(len(step.causes) == 1 and step.causes[0].remedy for step in steps)


async def test_keys_that_cannot_be_fetched_are_told(scene: Scene) -> None:
    scene.wire.replies["jwks"] = reply(404, {"error": "not_found"})
    run = await scene.desk.discover(SETUP)

    assert codes(run) == [("discovery", []), ("keys", ["keys_missing"])]


async def test_a_bad_document_is_asked_no_further(scene: Scene) -> None:
    scene.provider.metadata_edits = {"issuer": "https://other.example"}
    run = await scene.desk.discover(SETUP)

    assert codes(run) == [("discovery", ["issuer_differs"])]
    assert scene.wire.paths() == ["/pool/.well-known/openid-configuration"]


async def test_a_clock_that_is_off_does_not_end_it(scene: Scene) -> None:
    scene.provider.date = formatdate(NOW - 900, usegmt=True)
    run = await scene.desk.discover(SETUP)

    assert codes(run) == [("discovery", ["clock_off"]), ("keys", [])]


@pytest.mark.parametrize("kind", PATHS)
@given(document=objects("error", "error_description", *ENDPOINTS, "id_token"))
@settings(max_examples=12, deadline=None)
async def test_no_answer_at_any_step_raises(
    kind: str, document: dict[str, Any]
) -> None:
    scene = Scene()
    run = await scene.sign_in(CONFIDENTIAL)
    body = json.dumps(document).encode("utf-8", "replace")
    for status in (200, 302, 401, 500):
        fields = {"location": "http://[\udcff", "date": "\udcff"}
        scene.wire.replies[PATHS[kind]] = IncomingReply(
            status=status, fields=fields, body=body
        )
        match kind:
            case "discovery" | "keys":
                found = await scene.desk.discover(CONFIDENTIAL, origin="https://a.b")
            case "authorization":
                found = await scene.desk.prepare(run)
            case "token":
                found = await scene.desk.finish(run, FLOW, (("state", FLOW.state), ("code", "c")))  # fmt: skip
            case _:
                found = await FURTHER[kind](scene.desk, run)
        carrier = Carrier.of(RING, FakeEntropy())
        values = build_values(found, sealed="", admin="", own_redirect_uri=BACK)

        assert found.steps[-1].is_good or found.steps[-1].causes
        assert carrier.unpack(carrier.pack(found, "", now=NOW), "", now=NOW) == found
        assert values["steps"]


@given(document=st.dictionaries(st.sampled_from(("issuer", *ENDPOINTS)), JSON))
@settings(max_examples=100, deadline=None)
def test_a_document_s_endpoints_are_urls_or_nowhere(document: dict[str, Any]) -> None:
    run = Run(setup=SETUP, document=document, held=Held(id_token="x"))

    assert all(
        urlsplit(find_endpoint(run, name)).scheme in {"", "http", "https"}
        for name in ENDPOINTS
    )
    assert build_sign_out_url(run) is None or run.document


# The answer at the redirect URI.


@pytest.mark.spec("RFC6749#10.12")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"state": "of-somebody-else"}, "state_mismatch"),
        ({"iss": "https://evil.example"}, "response_issuer_differs"),
        ({"code": ""}, "no_code"),
        (
            {
                "code": "",
                "error": "access_denied",
                "error_description": "She said no",
            },
            "provider_refused",
        ),
    ],
)
async def test_an_answer_that_is_not_believed_is_not_redeemed(
    scene: Scene, changes: dict[str, str], code: str
) -> None:
    run = await scene.sign_in(changes=changes)

    assert codes(run)[-1] == ("callback", [code])
    assert scene.provider.asked("/token") == []


async def test_an_answer_with_two_codes_is_not_redeemed(scene: Scene) -> None:
    run = await scene.desk.prepare(await scene.desk.discover(SETUP))
    assert run.flow is not None
    pairs = (*scene.come_back(run), ("code", "another"))
    run = await scene.desk.finish(run, run.flow, pairs)

    assert codes(run)[-1] == ("callback", ["answer_repeats"])
    assert scene.provider.asked("/token") == []


async def test_an_answer_is_cut_where_it_is_absurdly_long(scene: Scene) -> None:
    run = await scene.sign_in(changes={"error": "x" * 100_000, "code": ""})

    assert len(repr(asdict(run.steps[-1]))) < 10_000


async def test_a_sign_in_whose_steps_are_gone_is_recalled(scene: Scene) -> None:
    run = await scene.desk.discover(SETUP)
    run = scene.desk.recall(run, FLOW)
    step = run.steps[-1]
    assert step.sent is not None

    assert (step.kind, step.at, step.is_good) == ("authorization", NOW, True)
    assert ("state", "$STATE") in step.sent.pairs


# The provider's word before anybody goes there.


@pytest.mark.parametrize("error", ["login_required", "interaction_required", "consent_required"])  # fmt: skip
async def test_a_provider_that_nobody_has_signed_in_at_does_not_refuse(
    scene: Scene, error: str
) -> None:
    scene.wire.replies["authorize"] = reply(302, "", location=f"{BACK}?error={error}")
    run = await scene.desk.prepare(await scene.desk.discover(SETUP))

    assert run.steps[-1].is_good


async def test_a_redirect_uri_that_is_not_registered_is_told_before_anybody_goes_there(
    scene: Scene,
) -> None:
    scene.provider.registered = ["https://other.example/cb"]
    run = await scene.desk.prepare(await scene.desk.discover(SETUP))

    assert codes(run)[-1] == ("authorization", ["redirect_uri_unregistered"])
    assert run.flow is not None


# Tokens for other APIs.


async def test_an_access_token_for_another_api_leaves_a_sign_in_good(
    scene: Scene,
) -> None:
    """Keycloak's are for `account`; the step is good, the rule is shown, and a note tells of it."""
    scene.provider.access_edits = {"aud": "account"}
    run = await scene.sign_in()
    step = run.steps[-1]

    assert step.is_good
    assert [(c.code, c.level) for c in step.causes] == [
        ("access_token_unusable", "note")
    ]
    assert [c.name for c in step.checks if not c.passed] == ["access token: aud"]


# Whether what is known still holds.


@pytest.mark.parametrize(
    ("edits", "same"),
    [
        ({}, True),
        ({"issuer": f"{ISSUER}/"}, True),
        ({"issuer": f"{ISSUER}/.well-known/openid-configuration"}, True),
        ({"client_id": "another", "scope": "openid x"}, True),
        ({"issuer": "https://other.example"}, False),
        ({"endpoints": (("token_endpoint", "https://x.example"),)}, False),
    ],
)
def test_what_is_known_holds_for_the_same_provider(
    edits: dict[str, Any], same: bool
) -> None:
    assert is_about_same(Run(setup=SETUP), replace(SETUP, **edits)) is same
