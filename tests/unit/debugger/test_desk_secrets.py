"""No step tells a secret, whatever the provider repeats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from urllib.parse import parse_qsl, quote

import pytest

from ostiary.debugger.values import Flow, Held, Run, Step
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from tests.unit.debugger.debugger_kit import FURTHER, SECRET, SETUP, Scene, reply

CONFIDENTIAL = replace(SETUP, client_secret=SECRET)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def told(steps: tuple[Step, ...]) -> Iterator[str]:
    """All texts of steps but the tokens, which whoever asked for them may see."""

    def walk(value: object, name: str = "") -> Iterator[str]:
        match value:
            case dict():
                for key, inner in value.items():
                    if not (name == "tokens" and key in {"text", "claims"}):
                        yield from walk(inner, str(key))
            case list() | tuple():
                for inner in value:
                    yield from walk(inner, name)
            case _:
                yield str(value)

    for step in steps:
        yield from walk(asdict(step))


def secrets_of(scene: Scene, flow: Flow, *runs: Run) -> list[str]:
    known = [SECRET, flow.state, flow.nonce, flow.verifier, "code-1"]
    for run in runs:
        held = run.held
        known += [held.access_token, held.id_token, held.refresh_token]
    basics = [
        dict(r.fields).get("Authorization", "").partition(" ")[2]
        for r, _ in scene.wire.asked
    ]
    return [text for text in (*known, *basics) if text]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "client_secret_jwt"])  # fmt: skip
async def test_no_step_of_an_honest_flow_tells_a_secret(
    scene: Scene, method: str
) -> None:
    setup = replace(
        CONFIDENTIAL,
        auth_method=method,
        client_secret=SECRET if method != "client_secret_jwt" else SECRET * 2,
    )
    run = await scene.desk.prepare(await scene.desk.discover(setup))
    flow = run.flow
    assert flow is not None
    first = run = await scene.desk.finish(run, flow, scene.come_back(run))
    for act in ("userinfo", "introspection", "refresh", "logout", "revocation"):
        run = await FURTHER[act](scene.desk, run)
        first = replace(first, held=run.held) if act == "refresh" else first
    signed_in = await scene.desk.use_client_credentials(run)
    text = "\n".join(told(signed_in.steps))

    assert len(signed_in.steps) == 11
    assert not [s for s in secrets_of(scene, flow, run, first, signed_in) if s in text]


async def test_no_step_tells_a_secret_that_the_provider_repeats(scene: Scene) -> None:
    """In errors, headers, redirects and pages, as whoever wants to help writes them."""
    run = await scene.desk.prepare(await scene.desk.discover(CONFIDENTIAL))
    flow = run.flow
    assert flow is not None

    def repeat(request: OutgoingRequest) -> IncomingReply:
        everything_sent = " ".join(
            (request.url, request.body.decode(), *(v for _, v in request.fields))
        )
        decoded = " ".join(v for _, v in parse_qsl(request.body.decode()))
        words = f"{everything_sent} {decoded} {flow.nonce} {SECRET}"
        return reply(
            401,
            {"error": "invalid_client", "error_description": words[:2000], "e": words},
            www_authenticate=f'Bearer error="{words}"',
            location=f"https://app.example/error?error={quote(words)}",
            date=words,
        )

    paths = ("token", "userinfo", "introspect", "revoke", "end", "authorize")
    scene.wire.makes = dict.fromkeys(paths, repeat)
    answer = scene.come_back(run, error_description=f"{flow.nonce} {SECRET}")
    run = await scene.desk.finish(run, flow, answer)
    held = Held(
        access_token="ACCESS-opaque-1",
        id_token=scene.provider.id_token("n"),
        refresh_token="REFRESH-opaque-1",
        nonce=flow.nonce,
    )
    run = replace(run, held=held, flow=flow)
    for act in FURTHER.values():
        run = await act(scene.desk, run)
    text = "\n".join(told(run.steps))

    assert len(run.steps) == 11
    assert [s for s in secrets_of(scene, flow, run) if s in text] == []


async def test_no_step_tells_a_secret_that_comes_back_in_an_error(
    scene: Scene,
) -> None:
    run = await scene.desk.prepare(await scene.desk.discover(CONFIDENTIAL))
    flow = run.flow
    assert flow is not None
    pairs = (
        ("state", flow.state),
        ("error", f"bad {flow.nonce}"),
        ("error_description", f"{SECRET} {flow.verifier}"),
        ("iss", f"https://{flow.state}.example"),
    )
    run = await scene.desk.finish(run, flow, pairs)
    text = "\n".join(told(run.steps))

    assert not [s for s in secrets_of(scene, flow, run) if s in text]


async def test_what_is_secret_is_in_no_repr(scene: Scene) -> None:
    run = await scene.desk.prepare(await scene.desk.discover(CONFIDENTIAL))
    flow = run.flow
    assert flow is not None
    run = await scene.desk.finish(run, flow, scene.come_back(run))
    text = repr(run)

    assert not [s for s in secrets_of(scene, flow, run) if s in text]
    assert "ada@example.com" not in text


async def test_neither_a_check_nor_a_cause_repeats_a_secret(scene: Scene) -> None:
    run = await scene.desk.prepare(await scene.desk.discover(CONFIDENTIAL))
    flow = run.flow
    assert flow is not None
    answer = scene.come_back(run)
    words = f"{SECRET} code-1 {flow.verifier}"
    answers = (
        reply(400, {"error": words}),
        replace(reply(200, "page"), fields={"content-type": words}),
    )
    for found in answers:
        scene.wire.replies["token"] = found
        step = (await scene.desk.finish(run, flow, answer)).steps[-1]
        text = "\n".join(told((step,)))

        assert not step.is_good
        assert not [s for s in secrets_of(scene, flow, run) if s in text]
