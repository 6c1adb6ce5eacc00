"""What administrators keep about pages, terms, threats and logs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.userpool.pool_kit import Demo
from tests.userpool.pool_sdk import Sdk

INVALID = "InvalidParameterException"
NOT_FOUND = "ResourceNotFoundException"
PNG = b"\x89PNG\r\n\x1a\nlogo"
CSS = ".label-customizable { color: #123; }"
NOWHERE = "00000000-0000-4000-8000-000000000000"


async def test_a_client_without_a_look_has_the_pools(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    nothing = await sdk.call("GetUICustomization", **client)

    assert nothing["UICustomization"] == {}

    await sdk.call("SetUICustomization", **pool, CSS=CSS, ImageFile=PNG)
    inherited = (await sdk.call("GetUICustomization", **client))["UICustomization"]

    assert (inherited["ClientId"], inherited["CSS"]) == ("ALL", CSS)

    await sdk.call("SetUICustomization", **client, CSS="")
    own = (await sdk.call("GetUICustomization", **client))["UICustomization"]

    assert own["ClientId"] == demo.client_id
    assert "CSS" not in own
    assert "ImageUrl" not in own


async def test_a_logo_is_served_where_its_address_says(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    made = await sdk.call("SetUICustomization", **pool, ImageFile=PNG)
    address = urlsplit(made["UICustomization"]["ImageUrl"])
    served = await demo.browser.get(address.path)

    assert address.netloc == "demo.auth.localhost:9443"
    assert (served.status, served.body) == (200, PNG)
    assert served.header("content-type") == "image/png"
    assert served.header("x-content-type-options") == "nosniff"

    kept = await sdk.call("SetUICustomization", **pool, CSS=CSS)
    assert kept["UICustomization"]["ImageUrl"] == address.geturl()

    other = await sdk.call("SetUICustomization", **pool, ImageFile=PNG + b"2")
    assert other["UICustomization"]["ImageUrl"] != address.geturl()
    assert (await demo.browser.get(address.path)).status == 404

    without = await sdk.call("SetUICustomization", **pool, ImageFile=b"")
    assert "ImageUrl" not in without["UICustomization"]


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"CSS": "body{}"}, "The CSS class body cannot be customized."),
        (
            {"CSS": "@import 'x';"},
            "The CSS is not a list of plain rules; @ is not allowed.",
        ),
        (
            {"ImageFile": b"<svg/>"},
            "The image must be a PNG or JPEG of at most 100 KB.",
        ),
    ],
)
async def test_a_look_is_judged(
    sdk: Sdk, demo: Demo, members: dict[str, Any], text: str
) -> None:
    refused = await sdk.refused(
        "SetUICustomization", UserPoolId=demo.pool_id, **members
    )

    assert refused == (INVALID, text)


async def test_a_look_belongs_to_a_client_that_exists(sdk: Sdk, demo: Demo) -> None:
    for operation in ("SetUICustomization", "GetUICustomization"):
        code, _ = await sdk.refused(
            operation, UserPoolId=demo.pool_id, ClientId="nobody"
        )

        assert code == NOT_FOUND


async def test_a_style_of_managed_login_is_kept(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    asset = {
        "Category": "FORM_LOGO",
        "ColorMode": "LIGHT",
        "Extension": "PNG",
        "Bytes": PNG,
    }
    settings = {"categories": {"form": {"sessionTimerDisplay": None}}}
    made = (
        await sdk.call(
            "CreateManagedLoginBranding", **client, Settings=settings, Assets=[asset]
        )
    )["ManagedLoginBranding"]
    named = {**pool, "ManagedLoginBrandingId": made["ManagedLoginBrandingId"]}

    assert made["UseCognitoProvidedValues"] is False
    assert made["Settings"] == settings
    assert made["Assets"] == [asset]
    for found in (
        await sdk.call("DescribeManagedLoginBranding", **named),
        await sdk.call("DescribeManagedLoginBrandingByClient", **client),
        await sdk.call("UpdateManagedLoginBranding", **named),
    ):
        assert found["ManagedLoginBranding"] == made

    code, _ = await sdk.refused("CreateManagedLoginBranding", **client)
    assert code == "ManagedLoginBrandingExistsException"

    changed = await sdk.call("UpdateManagedLoginBranding", **named, Settings={})
    assert changed["ManagedLoginBranding"]["Assets"] == [asset]
    assert changed["ManagedLoginBranding"]["Settings"] == {}

    usual = await sdk.call(
        "UpdateManagedLoginBranding", **named, UseCognitoProvidedValues=True
    )
    assert "Assets" not in usual["ManagedLoginBranding"]
    again = await sdk.call("UpdateManagedLoginBranding", **named)
    assert again["ManagedLoginBranding"]["UseCognitoProvidedValues"] is True

    await sdk.call("DeleteManagedLoginBranding", **named)
    code, _ = await sdk.refused("DescribeManagedLoginBrandingByClient", **client)
    assert code == NOT_FOUND


async def test_a_style_is_judged(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    nowhere = {**pool, "ManagedLoginBrandingId": NOWHERE}

    assert await sdk.refused(
        "CreateManagedLoginBranding",
        **client,
        UseCognitoProvidedValues=True,
        Settings={"a": 1},
    ) == (
        INVALID,
        "UseCognitoProvidedValues cannot be combined with Settings or Assets.",
    )
    for operation in ("Describe", "Update", "Delete"):
        code, _ = await sdk.refused(f"{operation}ManagedLoginBranding", **nowhere)

        assert code == NOT_FOUND
    code, text = await sdk.refused("UpdateManagedLoginBranding", **pool)
    assert code == INVALID
    assert "'managedLoginBrandingId'" in text


async def test_what_belongs_to_a_client_goes_with_it(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    await sdk.call("SetUICustomization", **client, CSS=CSS)
    made = await sdk.call("CreateManagedLoginBranding", **client)
    name = made["ManagedLoginBranding"]["ManagedLoginBrandingId"]
    await sdk.call("CreateTerms", **client, **TERMS)
    await sdk.call("DeleteUserPoolClient", **client)

    code, _ = await sdk.refused(
        "DescribeManagedLoginBranding", **pool, ManagedLoginBrandingId=name
    )
    assert code == NOT_FOUND
    assert (await sdk.call("ListTerms", **pool))["Terms"] == []


TERMS: dict[str, Any] = {
    "TermsName": "terms-of-use",
    "TermsSource": "LINK",
    "Enforcement": "NONE",
    "Links": {"cognito:default": "https://example.org/terms#top"},
}


async def test_terms_are_made_found_changed_and_deleted(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    made = (await sdk.call("CreateTerms", **client, **TERMS))["Terms"]
    privacy = TERMS | {"TermsName": "privacy-policy"}
    other = (await sdk.call("CreateTerms", **client, **privacy))["Terms"]
    named = {**pool, "TermsId": made["TermsId"]}

    assert made["Links"] == TERMS["Links"]
    for found in (
        await sdk.call("DescribeTerms", **named),
        await sdk.call("DescribeTermsByClient", **client, TermsName="terms-of-use"),
    ):
        assert found["Terms"] == made

    first = await sdk.call("ListTerms", **pool, MaxResults=1)
    second = await sdk.call(
        "ListTerms", **pool, MaxResults=1, NextToken=first["NextToken"]
    )
    assert {t["TermsId"] for t in first["Terms"] + second["Terms"]} == {
        made["TermsId"],
        other["TermsId"],
    }

    code, _ = await sdk.refused("CreateTerms", **client, **TERMS)
    assert code == "TermsExistsException"
    code, _ = await sdk.refused("UpdateTerms", **named, TermsName="privacy-policy")
    assert code == "TermsExistsException"

    links = {"cognito:german": "https://example.org/de"}
    changed = await sdk.call("UpdateTerms", **named, Links=links)
    assert changed["Terms"]["Links"] == links
    assert changed["Terms"]["TermsName"] == "terms-of-use"

    await sdk.call("DeleteTerms", **named)

    for operation in ("DescribeTerms", "UpdateTerms", "DeleteTerms"):
        code, _ = await sdk.refused(operation, **named)

        assert code == NOT_FOUND
    code, _ = await sdk.refused(
        "DescribeTermsByClient", **client, TermsName="terms-of-use"
    )
    assert code == NOT_FOUND


@pytest.mark.parametrize("url", ["javascript:alert(1)", "example.org/terms", "data:,x"])
async def test_terms_link_to_pages_only(sdk: Sdk, demo: Demo, url: str) -> None:
    members = TERMS | {"Links": {"cognito:default": url}}

    assert await sdk.refused(
        "CreateTerms", UserPoolId=demo.pool_id, ClientId=demo.client_id, **members
    ) == (INVALID, f"{url} is not a valid URL.")


async def test_threat_protection_is_kept_where_it_is_on(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    client = {**pool, "ClientId": demo.client_id}
    risk = {
        "CompromisedCredentialsRiskConfiguration": {
            "Actions": {"EventAction": "BLOCK"}
        },
        "RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.1/24"]},
    }
    code, _ = await sdk.refused("SetRiskConfiguration", **pool, **risk)

    assert code == "UserPoolAddOnNotEnabledException"
    found = await sdk.call("DescribeRiskConfiguration", **pool)
    assert found["RiskConfiguration"] == pool

    add_ons = {"AdvancedSecurityMode": "ENFORCED"}
    await sdk.call("UpdateUserPool", **pool, UserPoolAddOns=add_ons)
    await sdk.call("SetRiskConfiguration", **client, **risk)
    found = (await sdk.call("DescribeRiskConfiguration", **client))["RiskConfiguration"]

    assert found.pop("LastModifiedDate")
    assert found == {**client, **risk}
    assert await sdk.refused(
        "SetRiskConfiguration",
        **pool,
        RiskExceptionConfiguration={"SkippedIPRangeList": ["nowhere"]},
    ) == (INVALID, "nowhere is not an IP address range.")


async def test_log_delivery_is_kept(sdk: Sdk, demo: Demo) -> None:
    pool = {"UserPoolId": demo.pool_id}
    arn = "arn:aws:logs:ap-southeast-1:000000000000:log-group:x"
    log: dict[str, Any] = {
        "LogLevel": "ERROR",
        "EventSource": "userNotification",
        "CloudWatchLogsConfiguration": {"LogGroupArn": arn},
    }
    before = await sdk.call("GetLogDeliveryConfiguration", **pool)
    made = await sdk.call(
        "SetLogDeliveryConfiguration", **pool, LogConfigurations=[log]
    )
    after = await sdk.call("GetLogDeliveryConfiguration", **pool)

    assert before["LogDeliveryConfiguration"]["LogConfigurations"] == []
    assert made["LogDeliveryConfiguration"]["LogConfigurations"] == [log]
    assert after["LogDeliveryConfiguration"] == made["LogDeliveryConfiguration"]
    for wrong, text in (
        (
            [log, log],
            "There are two log configurations for the event source userNotification.",
        ),
        (
            [{"LogLevel": "ERROR", "EventSource": "userNotification"}],
            "A log configuration needs exactly one destination.",
        ),
    ):
        assert await sdk.refused(
            "SetLogDeliveryConfiguration", **pool, LogConfigurations=wrong
        ) == (INVALID, text)
