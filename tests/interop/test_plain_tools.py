"""curl and boto3 as they are: their own name resolution, their own TLS, their own checks."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from ostiary.cli.demo import steps
from tests.interop.stage import Stage


def test_curl_reads_discovery_and_keys_of_the_pool(stage: Stage) -> None:
    issuer = stage.made.issuer(stage.node.site)
    status, body = stage.curl(f"{issuer}/.well-known/openid-configuration")
    document = json.loads(body)

    assert (status, document["issuer"]) == (200, issuer)
    status, body = stage.curl(document["jwks_uri"])
    keys = json.loads(body)["keys"]
    assert status == 200
    assert {(k["kty"], k["alg"], k["use"]) for k in keys} == {("RSA", "RS256", "sig")}
    assert all("d" not in key for key in keys)


def test_curl_without_credentials_is_sent_to_sign_in_or_refused(stage: Stage) -> None:
    page = stage.page("members")
    status, _ = stage.curl(page, "--header", "Accept: text/html")
    refused, body = stage.curl(page, "--header", "Accept: application/json")

    assert status == 302
    assert refused == 401
    assert json.loads(body)["message"] == "Unauthorized"


def test_curl_follows_to_the_hosted_sign_in_page(stage: Stage) -> None:
    status, body = stage.curl(
        stage.page("members"),
        *("--location", "--cookie", "", "--header", "Accept: text/html"),
    )

    assert status == 200
    assert 'name="password"' in body


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
def test_curl_gets_the_same_answer_in_any_version(stage: Stage, version: str) -> None:
    html = ("--header", "Accept: text/html")

    assert stage.curl(stage.page("members"), version, *html)[0] == 302


def test_curl_does_not_trust_the_gateway_without_the_ca(stage: Stage) -> None:
    with pytest.raises(AssertionError, match="certificate"):
        stage.curl(stage.page("members"), "--cacert", "/dev/null")


def test_boto3_reads_what_the_steps_made(stage: Stage) -> None:
    pool = stage.pool.describe_user_pool(UserPoolId=stage.made.user_pool_id)["UserPool"]

    assert pool["Name"] == steps.POOL_NAME
    assert pool["Domain"] == steps.DOMAIN
    with pytest.raises(ClientError) as refused:
        stage.pool.describe_user_pool(UserPoolId=f"{steps.REGION}_nothinghere")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_boto3_speaks_tls_with_the_pool(stage: Stage) -> None:
    client = boto3.client(
        "cognito-idp",
        endpoint_url=f"https://127.0.0.1:{stage.node.ports.userpool_tls}",
        region_name=steps.REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        verify=str(stage.node.trust.ca_file),
    )
    pages = client.get_paginator("list_user_pools").paginate(
        PaginationConfig={"PageSize": 1}
    )
    names = [pool["Name"] for page in pages for pool in page["UserPools"]]
    client.close()

    assert steps.POOL_NAME in names
