"""A logout is checked in the form that its provider has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ostiary.debugger.client import build_sign_out_url
from ostiary.debugger.values import Run
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.debugger.debugger_kit import SETUP, Scene, codes, reply


@pytest.fixture
def scene() -> Scene:
    return Scene()


POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc123"


def cognito(scene: Scene, **edits: Any) -> Run:
    domain = "https://shop.auth.eu-west-1.amazoncognito.com"
    document = {
        **scene.provider.metadata(),
        "issuer": POOL,
        "end_session_endpoint": f"{domain}/logout",
    }
    setup = replace(SETUP, issuer=POOL, **edits)
    return Run(setup=setup, document=document)


@pytest.mark.parametrize(
    ("edits", "sent", "code"),
    [
        (
            {"logout_redirect_uri": "https://app.example/bye"},
            {"client_id": CLIENT_ID, "logout_uri": "https://app.example/bye"},
            "",
        ),
        (
            {
                "logout_redirect_uri": "https://app.example/bye",
                "logout_form": "standard",
            },
            {
                "client_id": CLIENT_ID,
                "post_logout_redirect_uri": "https://app.example/bye",
            },
            "cognito_logout_form",
        ),
        (
            {"logout_redirect_uri": "app.example/bye"},
            {"client_id": CLIENT_ID, "logout_uri": "https://app.example/bye"},
            "logout_uri_without_scheme",
        ),
        ({"logout_form": "cognito"}, {"client_id": CLIENT_ID}, "cognito_logout_form"),
    ],
)
async def test_cognito_s_logout_in_each_form(
    scene: Scene, edits: dict[str, Any], sent: dict[str, str], code: str
) -> None:
    scene.wire.replies["logout"] = reply(302, "", location="https://app.example/bye")
    run = await scene.desk.sign_out(cognito(scene, **edits))
    (request, _) = scene.wire.asked[-1]

    assert dict(parse_qsl(urlsplit(request.url).query)) == sent
    assert [c.code for c in run.steps[-1].causes] == ([code] if code else [])


async def test_cognito_without_a_way_back_is_not_asked(scene: Scene) -> None:
    run = await scene.desk.sign_out(cognito(scene))

    assert (
        run.steps[-1].failure
        == "Amazon Cognito's logout needs an address to come back to (logout_uri), and none was typed."
    )
    assert scene.wire.asked == []


async def test_a_way_back_that_is_not_registered_is_told(scene: Scene) -> None:
    scene.wire.replies["logout"] = reply(302, "", location="/error?error=redirect_mismatch&client_id=x")  # fmt: skip
    run = await scene.desk.sign_out(cognito(scene, logout_redirect_uri="https://app.example/bye"))  # fmt: skip

    assert codes(run) == [("logout", ["logout_uri_unregistered"])]


@pytest.mark.spec("OIDCRP-Initiated#2")
async def test_the_standard_logout_shows_the_id_token_and_no_step_does(
    scene: Scene,
) -> None:
    setup = replace(SETUP, logout_redirect_uri="https://app.example/bye")
    run = await scene.sign_in(setup)
    scene.wire.replies["end"] = reply(200, "Sign out?")
    run = await scene.desk.sign_out(run)
    sent = dict(parse_qsl(urlsplit(scene.wire.asked[-1][0].url).query))
    step = run.steps[-1]
    assert step.sent is not None

    assert sent["id_token_hint"] == run.held.id_token
    assert dict(step.sent.pairs)["id_token_hint"] == "$ID_TOKEN"
    assert step.is_good


async def test_cognito_s_form_can_be_tried_elsewhere(scene: Scene) -> None:
    setup = replace(
        SETUP, logout_form="cognito", logout_redirect_uri="https://app.example/bye"
    )
    run = await scene.desk.discover(setup)

    assert (
        build_sign_out_url(run)
        == f"{ISSUER}/end?client_id={CLIENT_ID}&logout_uri={quote('https://app.example/bye', safe='')}"
    )
