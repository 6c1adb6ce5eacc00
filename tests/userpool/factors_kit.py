"""What the tests of second factors share: how a pool asks for them."""

from __future__ import annotations

from typing import Any

from tests.userpool.people_kit import Stage

TOTP_ON = {
    "MfaConfiguration": "ON",
    "SoftwareTokenMfaConfiguration": {"Enabled": True},
}
SMS_ARN = {
    "SnsCallerArn": "arn:aws:iam::000000000000:role/sms",
    "ExternalId": "x",
}
SMS = {
    "SmsAuthenticationMessage": "Your code is {####}.",
    "SmsConfiguration": SMS_ARN,
}


async def set_mfa(stage: Stage, **members: Any) -> None:
    await stage.sdk.call("SetUserPoolMfaConfig", UserPoolId=stage.pool_id, **members)
