"""What administrators do with domains, and that a name of one's own is served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.userpool.pool_kit import Demo
from tests.userpool.pool_sdk import Sdk

INVALID = "InvalidParameterException"
OWN = "auth.example.org"
ARN = "arn:aws:acm:us-east-1:000000000000:certificate/one"
CUSTOM: dict[str, Any] = {"Domain": OWN, "CustomDomainConfig": {"CertificateArn": ARN}}


async def test_a_pool_has_a_prefix_and_a_name_of_its_own(sdk: Sdk, demo: Demo) -> None:
    where = {"UserPoolId": demo.pool_id}
    made = await sdk.call("CreateUserPoolDomain", **where, **CUSTOM)
    pool = (await sdk.call("DescribeUserPool", **where))["UserPool"]
    described = (await sdk.call("DescribeUserPoolDomain", Domain=OWN))[
        "DomainDescription"
    ]

    assert made["CloudFrontDomain"].endswith(".cloudfront.net")
    assert (pool["Domain"], pool["CustomDomain"]) == ("demo", OWN)
    assert described["CustomDomainConfig"] == {"CertificateArn": ARN}

    for names in ({"Domain": "second"}, CUSTOM | {"Domain": "two.example.org"}):
        assert await sdk.refused("CreateUserPoolDomain", **where, **names) == (
            INVALID,
            "User pool already has a domain configured.",
        )


async def test_a_name_of_its_own_leads_to_the_pools_pages(sdk: Sdk, demo: Demo) -> None:
    where = {"UserPoolId": demo.pool_id}
    browser = demo.site.browser(host=f"{OWN}:9443")

    assert (await browser.get("/login")).status == 404

    await sdk.call("CreateUserPoolDomain", **where, **CUSTOM)
    page = await browser.get(f"/login?{demo.query()}")
    document = f"/{demo.pool_id}/.well-known/openid-configuration"

    assert page.status == 200
    assert "cognitoSignInForm" in page.text
    found = (await demo.site.browser().get(document)).json()
    assert found["token_endpoint"] == "https://demo.auth.localhost:9443/oauth2/token"

    await sdk.call("DeleteUserPoolDomain", **where, Domain="demo")
    found = (await demo.site.browser().get(document)).json()

    assert found["token_endpoint"] == f"https://{OWN}:9443/oauth2/token"
    assert (await demo.browser.get(f"/login?{demo.query()}")).status == 404


async def test_a_domain_changes_its_pages_and_its_certificate(
    sdk: Sdk, demo: Demo
) -> None:
    where = {"UserPoolId": demo.pool_id}
    await sdk.call("CreateUserPoolDomain", **where, **CUSTOM)
    other = {"CertificateArn": f"{ARN}-2", "SecurityPolicy": "TLS_V1_3_2025"}
    changed = await sdk.call(
        "UpdateUserPoolDomain",
        **where,
        Domain=OWN,
        CustomDomainConfig=other,
        ManagedLoginVersion=2,
    )
    await sdk.call("UpdateUserPoolDomain", **where, Domain="demo")
    described = await sdk.call("DescribeUserPoolDomain", Domain=OWN)

    assert changed["ManagedLoginVersion"] == 2
    assert described["DomainDescription"]["CustomDomainConfig"] == other
    assert described["DomainDescription"]["ManagedLoginVersion"] == 2
    assert await sdk.refused(
        "UpdateUserPoolDomain", **where, Domain="demo", CustomDomainConfig=other
    ) == (INVALID, "CustomDomainConfig is for custom domains only.")


@pytest.mark.parametrize("operation", ["UpdateUserPoolDomain", "DeleteUserPoolDomain"])
async def test_only_the_pool_of_a_domain_changes_it(
    sdk: Sdk, demo: Demo, operation: str
) -> None:
    other = (await sdk.call("CreateUserPool", PoolName="o"))["UserPool"]["Id"]

    for domain in ("demo", "nobody"):
        code, _ = await sdk.refused(operation, UserPoolId=other, Domain=domain)

        assert code == "ResourceNotFoundException"


async def test_a_deleted_domain_is_free_again(sdk: Sdk, demo: Demo) -> None:
    await sdk.call("DeleteUserPoolDomain", UserPoolId=demo.pool_id, Domain="demo")
    free = await sdk.call("DescribeUserPoolDomain", Domain="demo")
    other = (await sdk.call("CreateUserPool", PoolName="o"))["UserPool"]["Id"]
    await sdk.call("CreateUserPoolDomain", UserPoolId=other, Domain="demo")

    assert free["DomainDescription"] == {}
    assert await sdk.refused(
        "CreateUserPoolDomain", UserPoolId=demo.pool_id, Domain="demo"
    ) == (INVALID, "Domain already associated with another user pool.")


def pattern_text(name: str) -> str:
    return (
        f"1 validation error detected: Value '{name}' at 'domain' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        r"^[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?$"
    )


NOT_OWN = "A custom domain must be a whole name of your own, such as auth.example.com."


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"Domain": "a.b"}, pattern_text("a.b")),
        ({"Domain": "Demo"}, pattern_text("Demo")),
        ({"Domain": "my-aws-login"}, "Domain cannot contain reserved word: aws"),
        (
            {"Domain": "new", "ManagedLoginVersion": 3},
            "ManagedLoginVersion must be 1 or 2.",
        ),
        (
            {
                "Domain": "new",
                "Routing": {
                    "Failover": {
                        "SecondaryRegion": "eu-west-1",
                        "PrimaryRoute53HealthCheckId": "h",
                    }
                },
            },
            "Routing is not supported yet.",
        ),
        (CUSTOM | {"Domain": "auth"}, NOT_OWN),
        (CUSTOM | {"Domain": "auth..example.org"}, NOT_OWN),
        (CUSTOM | {"Domain": "new.auth.localhost"}, NOT_OWN),
        (CUSTOM | {"Domain": "cognito-idp.localhost"}, NOT_OWN),
    ],
)
async def test_a_domains_name_is_judged(
    sdk: Sdk, members: dict[str, Any], text: str
) -> None:
    pool_id = (await sdk.call("CreateUserPool", PoolName="o"))["UserPool"]["Id"]
    refused = await sdk.refused("CreateUserPoolDomain", UserPoolId=pool_id, **members)

    assert refused == (INVALID, text)
