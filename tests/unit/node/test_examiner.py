"""Testing a configuration whose values are in vaults: read as the gateway does, and never told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ostiary.gateway.vaults import Vaults, build_vaults, see_environ
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.node.client_keys import KeyFile
from ostiary.node.examiner import Examiner
from ostiary.ports.fetch import FetchFailed, FetchLimits
from tests.support.ports import FakeClock
from tests.support.provider import CLIENT_ID, ISSUER, FakeProvider

SECRET = "planted-secret-of-the-client"
URI = "https://gw.example/cognito"
ENVIRON = {
    "OIDC_SECRET": SECRET,
    "OIDC_ISSUER": ISSUER,
    "TEAM__OIDC_SECRET": "planted-secret-of-the-team",
    "KONG_PG_PASSWORD": "planted-password",
}


def find_vaults(workspace: str) -> Vaults:
    name = None if workspace == "default" else workspace
    return build_vaults([], see_environ(ENVIRON, name))


async def examine(
    folder: Path, fetch: Any = None, *, workspace: str = "default", **config: Any
) -> list[Any]:
    examiner = Examiner(
        fetch or FakeProvider(FakeClock()), KeyFile(folder, b"k" * 32), find_vaults
    )
    said = {"issuer": ISSUER, "client_id": [CLIENT_ID], **config}
    return [*await examiner(said, URI, workspace)]


def told(findings: list[Any]) -> str:
    return "\n".join(f"{f.level} {f.code} {f.text} {f.remedy}" for f in findings)


@pytest.mark.spec("gateway#1.9")
async def test_a_secret_in_a_vault_is_sent_and_not_told(tmp_path: Path) -> None:
    provider = FakeProvider(FakeClock())
    reference = ["{vault://env/oidc-secret}"]
    found = await examine(tmp_path, provider, client_secret=reference)
    sent = "".join(
        request.body.decode() + str(request.fields) for request in provider.requests
    )

    assert "{vault" not in sent
    assert any(f.code == "metadata" and f.level == "ok" for f in found)
    assert SECRET not in told(found)


async def test_a_provider_that_repeats_the_secret_tells_nobody(tmp_path: Path) -> None:
    class Echo:
        async def send(
            self, request: OutgoingRequest, limits: FetchLimits
        ) -> IncomingReply:
            raise FetchFailed(f"no connection: {SECRET}")

    found = await examine(tmp_path, Echo(), client_secret=["{vault://env/oidc-secret}"])

    assert "******" in told(found)
    assert SECRET not in told(found)


async def test_an_issuer_in_a_vault_is_tested_and_only_its_outcome_told(
    tmp_path: Path,
) -> None:
    good = await examine(tmp_path, issuer="{vault://env/oidc-issuer}")
    bad = FakeProvider(FakeClock())
    bad.down = True
    down = await examine(tmp_path, bad, issuer="{vault://env/oidc-issuer}")

    assert any(f.level == "ok" for f in good)
    assert any(f.level == "error" for f in down)
    for found in (good, down):
        assert "idp.example" not in told(found)
        assert "is read from a vault" in told(found)


@pytest.mark.parametrize(
    "reference",
    [
        "{vault://env/nothing}",
        "{vault://other/oidc-secret}",
        "{vault://env/kong-pg-password}",
        "{vault://env/oidc-secret/member}",
    ],
)
async def test_a_reference_that_leads_nowhere_is_an_error_and_asks_nobody(
    tmp_path: Path, reference: str
) -> None:
    provider = FakeProvider(FakeClock())
    found = await examine(tmp_path, provider, client_secret=[reference])

    assert [(f.level, f.code) for f in found] == [("error", "vault_references")]
    assert reference in found[0].text
    assert "planted" not in told(found)
    assert provider.requests == []


async def test_a_workspace_reads_its_own_variables_alone(tmp_path: Path) -> None:
    theirs = await examine(tmp_path, workspace="team", client_secret=["{vault://env/oidc-secret}"])  # fmt: skip
    own = await examine(tmp_path, workspace="team", client_secret=["{vault://env/team--oidc-secret}"])  # fmt: skip

    assert theirs[0].code == "vault_references"
    assert any(f.code == "metadata" for f in own)


async def test_what_is_no_configuration_is_told_without_what_the_vault_says(
    tmp_path: Path,
) -> None:
    found = await examine(tmp_path, issuer="{vault://env/oidc-secret}")

    assert found[0].level == "error"
    assert SECRET not in told(found)
