"""The doctor names each fault before the first sign-in, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from ostiary.signin.doctor import Doctor, Finding
from ostiary.signin.party import Party
from ostiary.signin.values import Toolbox
from tests.support.browser import RING, World, build_party
from tests.support.provider import ISSUER

URI = "https://gw.example/cognito"


async def examine(world: World, party: Party) -> dict[str, Finding]:
    tools = Toolbox(
        fetch=world.provider,
        shared=world.shared,
        clock=world.clock,
        entropy=world.entropy,
        ring=RING,
        log=world.log,
    )
    found = await Doctor(tools).examine(party, URI)
    worst = sorted(found, key=lambda f: ("ok", "warning", "error").index(f.level))
    return {finding.code: finding for finding in worst}


async def test_a_healthy_configuration_has_nothing_but_oks() -> None:
    world = World()
    world.provider.date = formatdate(world.clock.now(), usegmt=True)
    world.provider.registered = [URI]

    found = await examine(world, build_party())

    assert {f.level for f in found.values()} == {"ok"}
    assert set(found) == {"clock", "metadata", "keys", "redirect_uri", "client"}
    assert found["redirect_uri"].text.endswith(URI)


def metadata(**edits: Any) -> Callable[[World], None]:
    def act(world: World) -> None:
        world.provider.metadata_edits = edits

    return act


def refuse_client(world: World) -> None:
    world.provider.token_reply = lambda _: world.provider.json(
        401, {"error": "invalid_client"}
    )


def break_token(world: World) -> None:
    world.provider.token_reply = lambda _: world.provider.json(500, {})


def go_away(world: World) -> None:
    world.provider.down = True


def skew(seconds: float) -> Callable[[World], None]:
    def act(world: World) -> None:
        world.provider.date = formatdate(world.clock.now() + seconds, usegmt=True)

    return act


def no_keys(world: World) -> None:
    world.provider.keys = []


def register_another(world: World) -> None:
    world.provider.registered = ["https://gw.example/other"]


def nothing(_: World) -> None:
    """Only the configuration is at fault."""


FAULTS: list[tuple[dict[str, Any], Callable[[World], None], str, str, str]] = [
    ({}, go_away, "discovery", "error", "cannot be reached"),
    ({}, metadata(issuer="https://o.example"), "metadata", "error", "https://o.example"),
    ({}, metadata(token_endpoint="http://idp.example/t"), "metadata", "error", "not https"),
    ({}, metadata(jwks_uri=None), "keys", "error", "no jwks_uri"),
    ({}, no_keys, "keys", "error", "no key that can verify"),
    ({}, skew(600), "clock", "error", "600 s behind"),
    ({}, skew(-600), "clock", "error", "600 s ahead of"),
    ({}, register_another, "redirect_uri", "error", "redirect_mismatch"),
    ({}, refuse_client, "client", "error", "without a secret"),
    ({"client_secret": ["s"]}, refuse_client, "client", "error", "with a secret"),
    ({}, break_token, "client", "error", "status 500"),
    ({}, metadata(authorization_endpoint=None), "redirect_uri", "error", "no authorization_endpoint"),
    ({"auth_methods": ["introspection"]}, metadata(introspection_endpoint=None), "endpoint",
     "error", "introspection needs"),
    ({}, metadata(userinfo_endpoint=None), "endpoint", "warning", "userinfo needs"),
    ({"logout_revoke": True}, metadata(revocation_endpoint=None), "endpoint", "error",
     "revocation_endpoint"),
    ({"scopes": ["openid", "phone"]}, metadata(scopes_supported=["openid"]), "scopes", "warning",
     "has phone"),
    ({"response_mode": "form_post"}, metadata(response_modes_supported=["query"]),
     "response_mode", "warning", "has form_post"),
    ({}, metadata(id_token_signing_alg_values_supported=["HS256"]), "alg", "error", "HS256 only"),
    ({}, metadata(code_challenge_methods_supported=["plain"]), "pkce", "warning", "S256"),
    ({"ostiary": {"backchannel_logout": True}}, nothing, "backchannel_logout", "warning",
     "does not say"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "act", "code", "level", "text"), FAULTS)
async def test_a_fault_is_named_with_a_remedy(
    config: dict[str, Any],
    act: Callable[[World], None],
    code: str,
    level: str,
    text: str,
) -> None:
    world = World()
    act(world)

    finding = (await examine(world, build_party(**config)))[code]

    assert (finding.level, finding.remedy != "") == (level, True)
    assert text in finding.text


async def test_leeway_allows_for_a_clock_that_differs() -> None:
    world = World()
    skew(600)(world)

    found = await examine(world, build_party(leeway=1000))

    assert found["clock"].level == "ok"


async def test_no_secret_is_in_what_the_doctor_says() -> None:
    world = World()
    refuse_client(world)
    register_another(world)

    found = await examine(world, build_party(client_secret=["hush-hush"]))

    said = " ".join(f"{f.text} {f.remedy}" for f in found.values())
    assert "hush-hush" not in said
    assert ISSUER in said
