"""Wherever hosts are compared, they are compared label by label: never by how they end or begin."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.oidc.op.authorize import AuthorizationRequest
from ostiary.oidc.op.errors import ShowError
from ostiary.proxy.resolver import resolve_locally
from ostiary.userpool.api.caller import check_host
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.config import UserPoolConfig
from ostiary.web.guard import build_guard
from tests.spec.test_op_authorize import CLIENT, judge
from tests.unit.gateway.test_router import query, table, won

pytestmark = pytest.mark.spec("T-R2")

# What has `app.example` in it and is somebody else's.
STRANGERS = (
    "evil-app.example", "evilapp.example", "app.example.evil.example", "app.examples",
    "app-example", "appxexample", "app.example@evil.example",
    "xn--app.example", "app.example%2eevil.example",
)  # fmt: skip
# The same of names under localhost, which are this machine.
FOREIGN_LOCAL = (
    "evil-localhost", "evillocalhost", "localhost.evil.example", "localhosts",
    "localhost-evil", "app.localhost.evil", "127.0.0.1.evil.example",
)  # fmt: skip


@pytest.mark.parametrize("stranger", [*STRANGERS, "evil.example\\.app.example"])
def test_the_provider_sends_codes_to_a_registered_host_alone(stranger: str) -> None:
    assert CLIENT.redirect_uris[0] == "https://app.example/cb"
    assert isinstance(judge(), AuthorizationRequest)

    assert isinstance(judge(redirect_uri=f"https://{stranger}/cb"), ShowError)


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_route_for_a_host_and_what_is_below_it_takes_no_other(stranger: str) -> None:
    router = table({"hosts": ["app.example", "*.app.example"]})

    assert won(router.match(query(host="app.example"))) == "r0"
    assert won(router.match(query(host="a.app.example"))) == "r0"
    assert won(router.match(query(host=stranger))) is None


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_route_for_every_ending_takes_whole_labels(stranger: str) -> None:
    router = table({"hosts": ["app.*"]})

    assert won(router.match(query(host="app.example"))) == "r0"
    taken = won(router.match(query(host=stranger))) is not None
    assert taken is stranger.startswith("app.")


@pytest.mark.parametrize("stranger", [*STRANGERS, *FOREIGN_LOCAL])
def test_the_admin_api_serves_its_own_hosts_and_origins_alone(stranger: str) -> None:
    guard = build_guard(allowed_hosts=["app.example"], gui_url="https://gui.example")

    def refuses(host: str, origin: str | None = None) -> bool:
        return guard.refuse(host=host, origin=origin, site=None) is not None

    assert not refuses("app.example")
    assert not refuses("a.localhost", "https://gui.example")
    assert refuses(stranger)
    assert refuses("localhost", f"https://{stranger.replace('app', 'gui')}")


@pytest.mark.parametrize("stranger", [*STRANGERS, *FOREIGN_LOCAL])
def test_the_pool_api_serves_its_own_names_alone(stranger: str) -> None:
    unused: Any = None
    config = UserPoolConfig(
        store=unused,
        clock=unused,
        entropy=unused,
        mailer=unused,
        database_key=b"",
        issuer_base="https://issuer.example",
        domain_suffix="app.example",
        domain_port=None,
    )
    for own in ("localhost:9229", "x.localhost", "a.app.example"):
        check_host(config, own)

    with pytest.raises(ApiError):
        check_host(config, stranger)


@pytest.mark.parametrize("stranger", FOREIGN_LOCAL)
def test_only_localhost_and_what_is_below_it_is_this_machine(stranger: str) -> None:
    assert resolve_locally("a.localhost") == ("127.0.0.1", "::1")

    assert resolve_locally(stranger) == ()
