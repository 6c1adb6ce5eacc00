"""A client that is refused is tried in each way, and blamed for nothing that it did right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from ostiary.debugger.values import Held
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from tests.unit.debugger.debugger_kit import SECRET, SETUP, Scene, reply

CONFIDENTIAL = replace(SETUP, client_secret=SECRET)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def form_of(request: OutgoingRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))


def client_refusals(
    letting_in: str, error: str = "invalid_client"
) -> Callable[[OutgoingRequest], IncomingReply]:
    """A token endpoint that lets in by one method, and looks at the client before the code."""

    def answer(request: OutgoingRequest) -> IncomingReply:
        form = form_of(request)
        used = "client_secret_basic" if "Authorization" in dict(request.fields) else ("client_secret_post" if "client_secret" in form else "none")  # fmt: skip
        return reply(400, {"error": "invalid_grant" if used == letting_in else error})

    return answer


@pytest.mark.parametrize(
    ("letting_in", "code"),
    [
        ("none", "secret_unneeded"),
        ("client_secret_post", "auth_method_wrong"),
        ("nobody", "secret_wrong"),
    ],
)
async def test_a_refused_client_is_tried_in_each_way(
    scene: Scene, letting_in: str, code: str
) -> None:
    scene.wire.makes["token"] = client_refusals(letting_in)
    run = await scene.sign_in(CONFIDENTIAL)
    step = run.steps[-1]
    codes_sent = [form_of(r).get("code") for r, _ in scene.wire.asked if r.method == "POST"]  # fmt: skip

    assert [c.code for c in step.causes] == [code]
    assert [t.title for t in step.trials] == [
        "Tried as client_secret_basic, with a made-up code",
        "Tried without a secret, with a made-up code",
        "Tried as client_secret_post, with a made-up code",
    ]
    assert codes_sent[0] == "code-1"
    assert "code-1" not in codes_sent[1:]


async def test_a_client_without_a_secret_is_not_tried(scene: Scene) -> None:
    scene.wire.makes["token"] = client_refusals("client_secret_basic")
    run = await scene.sign_in(SETUP)

    assert [c.code for c in run.steps[-1].causes] == ["secret_missing"]
    assert run.steps[-1].trials == ()


async def test_a_client_that_may_not_use_a_grant_is_not_told_to_send_its_secret_otherwise(
    scene: Scene,
) -> None:
    """Keycloak says unauthorized_client to both."""

    def answer(request: OutgoingRequest) -> IncomingReply:
        form = form_of(request)
        asks_for_itself = form["grant_type"] == "client_credentials"
        knows = "Authorization" in dict(request.fields) or "client_secret" in form
        return reply(
            400 if knows else 401,
            {
                "error": "unauthorized_client"
                if asks_for_itself or not knows
                else "invalid_grant"
            },
        )

    scene.wire.makes["token"] = answer
    run = await scene.desk.use_client_credentials(
        await scene.desk.discover(CONFIDENTIAL)
    )

    assert [c.code for c in run.steps[-1].causes] == ["grant_refused"]


async def test_an_introspection_that_is_refused_does_not_blame_the_secret(
    scene: Scene,
) -> None:
    run = await scene.sign_in(CONFIDENTIAL)
    scene.wire.replies["introspect"] = reply(401, {"error": "invalid_client"})
    run = await scene.desk.introspect(run)

    assert [c.code for c in run.steps[-1].causes] == ["introspection_refused"]


async def test_a_provider_that_is_away_during_the_trials_is_no_harm(
    scene: Scene,
) -> None:
    refusal = reply(401, {"error": "invalid_client"})

    def answer(_: OutgoingRequest) -> IncomingReply:
        scene.wire.away = "time"
        return refusal

    scene.wire.makes["token"] = answer
    run = await scene.sign_in(CONFIDENTIAL)

    assert run.steps[-1].trials == ()
    assert [c.code for c in run.steps[-1].causes] == ["secret_wrong"]


async def test_status_200_with_an_error_is_no_token(scene: Scene) -> None:
    """GitHub says so."""
    scene.wire.makes["token"] = lambda _: reply(
        200, {"error": "bad_verification_code", "error_description": "It is over."}
    )
    run = await scene.sign_in()

    assert run.held == Held()
    assert [c.text for c in run.steps[-1].causes] == [
        "The provider says: bad_verification_code: It is over."
    ]
