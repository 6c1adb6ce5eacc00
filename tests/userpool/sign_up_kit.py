"""What the tests of accounts share: signing up, confirming, and what wrong codes are told."""

from __future__ import annotations

from typing import Any

from tests.userpool.people_kit import ADA, MAIL, Stage
from tests.userpool.pool_kit import PASSWORD

CODE_WRONG = (
    "CodeMismatchException",
    "Invalid verification code provided, please try again.",
)
CODE_OVER = (
    "ExpiredCodeException",
    "Invalid code provided, please request a code again.",
)


def named(**attributes: str) -> list[dict[str, str]]:
    return [{"Name": k, "Value": v} for k, v in attributes.items()]


def signing_up(
    stage: Stage, name: str = ADA, password: str = PASSWORD, **attributes: str
) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "Username": name,
        "Password": password,
        "UserAttributes": named(**{"email": MAIL, **attributes}),
    }


async def attributes_of(stage: Stage, name: str = ADA) -> dict[str, str]:
    user = await stage.admin("AdminGetUser", name)
    return {a["Name"]: a["Value"] for a in user["UserAttributes"]}


def confirming(stage: Stage, code: str, name: str = ADA) -> dict[str, Any]:
    return {
        "ClientId": stage.client_id,
        "Username": name,
        "ConfirmationCode": code,
    }


async def confirm(stage: Stage, code: str, name: str = ADA, **more: Any) -> Any:
    return await stage.sdk.call(
        "ConfirmSignUp", **confirming(stage, code, name), **more
    )


async def confirm_refused(stage: Stage, code: str, name: str = ADA) -> tuple[str, str]:
    return await stage.sdk.refused("ConfirmSignUp", **confirming(stage, code, name))
