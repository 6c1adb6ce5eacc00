"""Signatures of the API: any, unless the operator has said whose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from starlette.types import Receive, Scope, Send

from ostiary.adapters.system import SystemClock
from ostiary.userpool.api.signature import derive_key
from ostiary.userpool.app import create_app
from ostiary.userpool.limits import Limits
from ostiary.web.buckets import Buckets
from tests.userpool.pool_kit import open_site
from tests.userpool.pool_sdk import Sdk, serve_sdk

KEY_ID, SECRET = "AKIAOSTIARY", "a secret access key"


@pytest.fixture
async def sdk(tmp_path: Path) -> AsyncIterator[Sdk]:
    async with open_site(tmp_path) as site:
        config = replace(site.config, credentials={KEY_ID: SECRET}, clock=SystemClock())
        async with serve_sdk(create_app(config)) as opened:
            yield opened


def sign_as(sdk: Sdk, key_id: str, secret: str, **more: Any) -> None:
    sdk.use(
        boto3.client(
            "cognito-idp",
            endpoint_url=sdk.url,
            region_name="ap-southeast-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(retries={"max_attempts": 0}, **more),
        )
    )


async def test_who_has_the_key_may_call(sdk: Sdk) -> None:
    sign_as(sdk, KEY_ID, SECRET)

    assert (await sdk.call("ListUserPools", MaxResults=1))["UserPools"] == []


@pytest.mark.parametrize(
    ("key_id", "secret", "expected"),
    [
        (KEY_ID, "another", "InvalidSignatureException"),
        ("AKIANOBODY", SECRET, "UnrecognizedClientException"),
    ],
)
async def test_who_has_another_may_not(
    sdk: Sdk, key_id: str, secret: str, expected: str
) -> None:
    sign_as(sdk, key_id, secret)

    assert (await sdk.refused("ListUserPools", MaxResults=1))[0] == expected


async def test_what_was_signed_long_ago_is_no_good(
    sdk: Sdk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_as(sdk, KEY_ID, SECRET)
    monkeypatch.setattr(
        "ostiary.adapters.system.SystemClock.now", lambda _self: 1_000_000_000.0
    )

    assert (await sdk.refused("ListUserPools", MaxResults=1))[
        0
    ] == "InvalidSignatureException"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-target", "AWSCognitoIdentityProviderService.ListUserPools"),
        ("x-amz-date", "20261122T000000Z"),
        ("host", "localhost"),
        ("authorization", "AWS4-HMAC-SHA256 x"),
        ("content-type", "text/plain"),
        ("x-amz-added", "by somebody else"),
    ],
)
async def test_nothing_is_added_to_what_was_signed(
    tmp_path: Path, name: str, value: str, first: bool
) -> None:
    async with open_site(tmp_path) as site:
        config = replace(site.config, credentials={KEY_ID: SECRET}, clock=SystemClock())
        app = create_app(config)

        async def meddle(scope: Scope, receive: Receive, send: Send) -> None:
            added, signed = [(name.encode(), value.encode())], scope["headers"]
            headers = [*added, *signed] if first else [*signed, *added]
            await app({**scope, "headers": headers}, receive, send)

        async with serve_sdk(meddle) as sdk:
            sign_as(sdk, KEY_ID, SECRET)
            code, _ = await sdk.refused("ListUserPools", MaxResults=1)

    assert code in {"InvalidSignatureException", "IncompleteSignatureException"}


async def test_public_operations_need_no_signature(sdk: Sdk) -> None:
    sign_as(sdk, "AKIANOBODY", "x")
    code, _ = await sdk.refused(
        "InitiateAuth", ClientId="nobody", AuthFlow="USER_PASSWORD_AUTH"
    )

    assert code == "ResourceNotFoundException"


def test_the_key_of_a_day_is_the_published_one() -> None:
    made = derive_key(
        "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        date="20150830",
        region="us-east-1",
        service="iam",
    )

    assert made.hex() == (
        "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    )


async def test_who_calls_too_often_is_told_so(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        limits = Limits(clients=Buckets(0), addresses=Buckets(2))
        config = replace(site.config, limits=limits)
        async with serve_sdk(create_app(config)) as sdk:
            for _ in range(2):
                await sdk.call("ListUserPools", MaxResults=1)
            with pytest.raises(ClientError) as caught:
                await sdk.call("ListUserPools", MaxResults=1)

    assert caught.value.response["Error"] == {
        "Code": "TooManyRequestsException",
        "Message": "Rate exceeded",
    }
