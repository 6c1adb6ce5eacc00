"""App clients of the user pool, made with an unmodified boto3."""

from __future__ import annotations

from dataclasses import dataclass, field

from ostiary.cli.demo import steps
from tests.interop.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class AppClient:
    """An app client of the pool."""

    client_id: str
    client_secret: str | None = field(repr=False)


def make_app_client(
    stage: Stage, *, with_secret: bool, callback: str, left: str
) -> AppClient:
    """An app client for the code grant: where its people come back to, and where they leave to."""
    reply = stage.pool.create_user_pool_client(
        UserPoolId=stage.made.user_pool_id,
        ClientName="interop",
        GenerateSecret=with_secret,
        SupportedIdentityProviders=["COGNITO"],
        CallbackURLs=[callback],
        LogoutURLs=[left],
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=steps.SCOPES,
    )["UserPoolClient"]
    return AppClient(
        client_id=reply["ClientId"], client_secret=reply.get("ClientSecret")
    )
