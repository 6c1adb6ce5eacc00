"""What an upstream can check when somebody claims to be the gateway."""

from __future__ import annotations

import pytest

from ostiary.gateway.compile import compile_config
from ostiary.gateway.decision import Forward, Pending
from ostiary.gateway.gateway import Gateway, GatewayOptions
from ostiary.http.head import Fields, RequestHead, find_all
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import SignedJwt, read_unverified_claims, verify_jwt
from ostiary.jose.keys import PrivateKey, parse_jwks
from ostiary.kit import Services
from ostiary.model.declarative import read_declarative
from ostiary.model.identity import build_id
from ostiary.plugins import CATALOG
from ostiary.signin.assertion import LIFETIME_S, RENEW_BEFORE_S, TYPE, Assertions
from tests.support.browser import World
from tests.support.parties import bearer
from tests.support.provider import CLIENT_ID, ISSUER
from tests.unit.gateway.gateway_kit import PEER, NoBody

HEADER = "x-ostiary-assertion"


class GatewayNode:
    """One gateway with a signing key of its own."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.key = PrivateKey.generate_ec(f"key-of-{name}")
        self.issuer = f"urn:ostiary:{name}"
        assertions = Assertions(self.key, issuer=self.issuer, clock=world.clock)
        services = Services(
            signin=world.worker(), log=lambda *_: None, assertions=assertions
        )
        own = {"upstream_assertion_header": HEADER, "accept_any_audience": False}
        config = {"issuer": ISSUER, "client_id": [CLIENT_ID], "ostiary": own}
        data = {
            "_format_version": "3.0",
            "services": [
                {
                    "name": name,
                    "host": f"{name}.internal",
                    "routes": [{"name": name, "paths": [f"/{name}"]}],
                }
                for name in ("bills", "wages")
            ],
            "plugins": [{"name": "openid-connect", "config": config}],
        }
        self.gateway = Gateway(
            GatewayOptions(version="1"), new_request_id=lambda: "id", now=lambda: 0
        )
        self.gateway.snapshot = compile_config(
            read_declarative(data), CATALOG, services
        )

    async def sent(self, path: str, token: str, *, spoof: bytes | None = None) -> str:
        """The assertion that the upstream of this path gets."""
        fields: Fields = ((b"Host", b"gw.example"), *bearer(token))
        if spoof is not None:
            fields += ((b"X-Ostiary-Assertion", spoof), (b"x_ostiary_assertion", spoof))
        head = RequestHead(method=b"GET", target=path.encode(), fields=fields)
        decision = self.gateway.on_request(head, PEER, NoBody())
        if isinstance(decision, Pending):
            decision = await decision.decision
        assert isinstance(decision, Forward), decision
        (value,) = find_all(decision.head.fields, HEADER.encode())
        assert not [v for _, v in decision.head.fields if v == spoof]
        return value.decode()


def check(token: str, node: GatewayNode, *, service: str) -> SignedJwt:
    """
    What a careful upstream does.

    Raises:
        JoseError: Not signed by this node.
        PermissionError: For somebody else, by somebody else, or over.
    """
    keys = parse_jwks({"keys": [node.key.public_jwk()]})
    found = verify_jwt(token, keys, algorithms=frozenset({"ES256"}))
    now = node.world.clock.now()
    expires = found.claims["exp"]
    assert isinstance(expires, int)
    if (
        found.header.typ != TYPE
        or found.claims["iss"] != node.issuer
        or found.claims["aud"] != build_id("services", service)
        or now >= expires
    ):
        raise PermissionError
    return found


@pytest.mark.spec("T-F8")
@pytest.mark.spec("RFC8725#3.8")
async def test_an_upstream_can_verify_who_said_it_and_to_whom() -> None:
    world = World()
    node = GatewayNode(world, "one")
    token = world.provider.access_token()
    said = check(await node.sent("/bills", token), node, service="bills")

    assert said.claims["sub"] == read_unverified_claims(token)["sub"]
    assert said.claims["auth_method"] == "bearer"
    with pytest.raises(PermissionError):
        check(await node.sent("/bills", token), node, service="wages")


@pytest.mark.spec("T-F8")
async def test_another_gateway_and_a_client_cannot_say_it() -> None:
    world = World()
    node, other = GatewayNode(world, "one"), GatewayNode(world, "two")
    token = world.provider.access_token()
    forged = await other.sent("/bills", token)

    with pytest.raises(JoseError):
        check(forged, node, service="bills")
    kept = await node.sent("/bills", token, spoof=forged.encode())
    assert kept != forged
    check(kept, node, service="bills")


@pytest.mark.spec("T-F8")
async def test_it_is_signed_once_and_anew_before_it_is_over() -> None:
    world = World()
    node = GatewayNode(world, "one")
    token = world.provider.access_token(exp=int(world.clock.now()) + 3600)
    first = await node.sent("/bills", token)
    assert await node.sent("/bills", token) == first

    world.clock.move(LIFETIME_S - RENEW_BEFORE_S + 1)
    second = await node.sent("/bills", token)
    assert second != first
    check(first, node, service="bills")
    world.clock.move(RENEW_BEFORE_S)
    with pytest.raises(PermissionError):
        check(first, node, service="bills")
    check(second, node, service="bills")
