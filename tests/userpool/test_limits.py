"""Limits that the model's single members cannot say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.userpool.pool_kit import Demo, PoolSite


def _lifetime(name: str, value: int, unit: str) -> dict[str, Any]:
    return {f"{name}Validity": value, "TokenValidityUnits": {name: unit}}


@pytest.mark.parametrize(
    ("members", "ok"),
    [
        (_lifetime("AccessToken", 299, "seconds"), False),
        (_lifetime("AccessToken", 5, "minutes"), True),
        (_lifetime("AccessToken", 1, "days"), True),
        (_lifetime("AccessToken", 25, "hours"), False),
        (_lifetime("AccessToken", 86400, "days"), False),
        (_lifetime("IdToken", 4, "minutes"), False),
        (_lifetime("IdToken", 86400, "seconds"), True),
        (_lifetime("IdToken", 2, "days"), False),
        (_lifetime("RefreshToken", 59, "minutes"), False),
        (_lifetime("RefreshToken", 60, "minutes"), True),
        (_lifetime("RefreshToken", 3650, "days"), True),
        (_lifetime("RefreshToken", 3651, "days"), False),
        (_lifetime("RefreshToken", 315360000, "seconds"), True),
        (_lifetime("RefreshToken", 0, "days"), True),
    ],
)
async def test_lifetimes_are_bounded_in_whatever_unit(
    site: PoolSite, demo: Demo, members: dict[str, Any], ok: bool
) -> None:
    answer = await site.call_raw(
        "CreateUserPoolClient",
        {"UserPoolId": demo.pool_id, "ClientName": "c", **members},
    )
    expected = {
        "__type": "InvalidParameterException",
        "message": "Invalid range for token validity.",
    }

    assert answer.status == (200 if ok else 400), answer.text
    assert ok or answer.json() == expected


async def test_what_is_listed_twice_is_kept_once(site: PoolSite, demo: Demo) -> None:
    made = await site.call(
        "CreateUserPoolClient",
        UserPoolId=demo.pool_id,
        ClientName="c",
        CallbackURLs=["https://b.example/", "https://a.example/", "https://b.example/"],
        LogoutURLs=["https://a.example/"] * 2,
        AllowedOAuthFlows=["code", "code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid", "email", "openid"],
        ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"] * 2,
        ReadAttributes=["email", "email"],
    )
    client = made["UserPoolClient"]

    assert client["CallbackURLs"] == ["https://b.example/", "https://a.example/"]
    assert client["LogoutURLs"] == ["https://a.example/"]
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthScopes"] == ["openid", "email"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH"]
    assert client["ReadAttributes"] == ["email"]


@pytest.mark.parametrize(
    "members",
    [
        {"PoolName": "a\r\nb"},
        {"PoolName": "a\n"},
        {"EmailConfiguration": {"ReplyToEmailAddress": "a@b.example\r\nBcc: c@d"}},
        {"EmailVerificationSubject": "a\nb"},
        {"VerificationMessageTemplate": {"EmailSubject": "a\rb"}},
        {
            "AdminCreateUserConfig": {
                "InviteMessageTemplate": {"EmailSubject": "a\r\nb"}
            }
        },
    ],
)
async def test_no_name_or_mail_field_holds_a_line_end(
    site: PoolSite, members: dict[str, Any]
) -> None:
    answer = await site.call_raw("CreateUserPool", {"PoolName": "ok", **members})

    assert answer.status == 400
    assert answer.json()["__type"] == "InvalidParameterException"
