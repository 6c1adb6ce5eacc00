"""What the TLS fields of a service become."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from ostiary.gateway.decision import KeyPair, TlsTo
from ostiary.gateway.plan import Plan, Referred, build_plan
from ostiary.model.balancing import Upstream
from ostiary.model.certificates import CaCertificate, Certificate
from ostiary.model.gateway import Route, Service

ONE, TWO, THREE = (str(uuid.UUID(int=n)) for n in (1, 2, 3))
ROWS = Referred(
    upstreams={"pool.test": Upstream(name="pool.test", client_certificate=TWO)},
    certificates={
        key: Certificate.model_construct(id=key, cert=f"cert {n}", key=f"key {n}")
        for n, key in ((1, ONE), (2, TWO))
    },
    authorities={
        key: CaCertificate.model_construct(id=key, cert=f"ca {n}")
        for n, key in ((1, ONE), (2, TWO))
    },
)


def plan(**fields: Any) -> Plan:
    service = Service(**{"protocol": "https", "host": "up.test", **fields})
    return build_plan(
        Route(paths=("/",)), service, plain=(), secure=(), verify=True, referred=ROWS
    )


def tls(**fields: Any) -> TlsTo:
    target = plan(**fields).target
    assert target is not None
    assert target.tls is not None
    return target.tls


@pytest.mark.spec("Kong#1.2")
def test_a_service_says_whom_it_trusts_and_what_it_shows() -> None:
    said = tls(
        tls_verify=False,
        tls_verify_depth=2,
        ca_certificates=[ONE, TWO],
        client_certificate=ONE,
    )

    assert (said.verify, said.verify_depth, said.ca_pem) == (False, 2, "ca 1\nca 2")
    assert said.client == KeyPair(cert="cert 1", key="key 1")


@pytest.mark.spec("Kong#1.2")
def test_a_service_that_says_nothing_has_the_gateways_trust() -> None:
    assert tls() == TlsTo(server_name="up.test")
    assert tls(ca_certificates=[]).ca_pem is None


def test_authorities_that_are_gone_are_nobody() -> None:
    assert tls(ca_certificates=[THREE]).ca_pem == ""


@pytest.mark.spec("Kong#1.6")
@pytest.mark.parametrize(("own", "shown"), [(None, "cert 2"), (ONE, "cert 1")])
def test_an_upstreams_certificate_is_shown_where_the_service_has_none(
    own: str | None, shown: str
) -> None:
    said = tls(host="Pool.test", client_certificate=own)

    assert said.client is not None
    assert said.client.cert == shown


def test_a_plan_remembers_the_rows_it_was_made_from() -> None:
    made = plan(host="pool.test", ca_certificates=[ONE])
    expected = (ROWS.upstreams["pool.test"], ROWS.certificates[TWO], ROWS.authorities[ONE])  # fmt: skip

    assert made.upstream == "pool.test"
    assert all(a is b for a, b in zip(made.referred, expected, strict=True))
    assert plan(protocol="http").referred == ()
    assert plan().upstream is None
