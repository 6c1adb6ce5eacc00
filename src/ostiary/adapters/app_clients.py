"""
App clients in an Amazon Cognito user pool, or in ours, through its API.

Spec: Amazon Cognito CreateUserPoolClient, DeleteUserPoolClient; AWS JSON 1.1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.http.exchange import OutgoingRequest
from ostiary.http.sigv4 import AwsKey, sign_request
from ostiary.ports.app_clients import AppClient, ClientsUnavailable
from ostiary.ports.fetch import Fetch, FetchFailed, FetchLimits

_SERVICE: Final = "cognito-idp"
_TARGET: Final = "AWSCognitoIdentityProviderService"
_GONE: Final = "ResourceNotFoundException"
# Cognito's names of clients have few signs: everything else is a blank.
_SIGNS: Final = frozenset("+=,.@- ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Which pool, how its API is reached and who asks there; `scopes` are what its clients get."""

    url: str
    pool_id: str
    access_key: str
    secret_key: str = field(repr=False)
    scopes: tuple[str, ...]

    @property
    def key(self) -> AwsKey:
        """What signs."""
        return AwsKey(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.pool_id.partition("_")[0],
            service=_SERVICE,
        )


class CognitoClients:
    """The app clients port on a pool's API. `now` is in Unix seconds."""

    def __init__(self, pool: Pool, fetch: Fetch, now: Callable[[], float]) -> None:
        self._pool = pool
        self._fetch = fetch
        self._now = now

    async def make(self, name: str) -> AppClient:
        told = await self._call(
            "CreateUserPoolClient",
            {
                "ClientName": _clean(name),
                "GenerateSecret": True,
                "AllowedOAuthFlowsUserPoolClient": True,
                "AllowedOAuthFlows": ["client_credentials"],
                "AllowedOAuthScopes": [*self._pool.scopes],
            },
        )
        found = told.get("UserPoolClient")
        made = found if isinstance(found, dict) else {}
        client_id, secret = made.get("ClientId"), made.get("ClientSecret")
        if not isinstance(client_id, str) or not isinstance(secret, str):
            raise ClientsUnavailable("the user pool's answer names no client")
        return AppClient(client_id=client_id, client_secret=secret)

    async def drop(self, client_id: str) -> None:
        await self._call("DeleteUserPoolClient", {"ClientId": client_id}, may_lack=True)

    async def _call(
        self, operation: str, body: Mapping[str, object], *, may_lack: bool = False
    ) -> Mapping[str, Any]:
        data = json.dumps({"UserPoolId": self._pool.pool_id, **body}).encode()
        request = OutgoingRequest(
            method="POST",
            url=f"{self._pool.url.rstrip('/')}/",
            fields=(
                ("Content-Type", "application/x-amz-json-1.1"),
                ("X-Amz-Target", f"{_TARGET}.{operation}"),
            ),
            body=data,
        )
        signed = sign_request(request, self._pool.key, int(self._now()))
        try:
            reply = await self._fetch.send(signed, FetchLimits())
        except FetchFailed as error:
            raise ClientsUnavailable(f"no answer: {error.reason}") from error
        try:
            told = json.loads(reply.body or b"{}")
        except ValueError:
            told = {}
        told = told if isinstance(told, dict) else {}
        if reply.status == 200:
            return told
        kind = str(told.get("__type", "")).rpartition("#")[2]
        if may_lack and kind == _GONE:
            return {}
        raise ClientsUnavailable(f"{kind or reply.status}: {told.get('message', '')}")


def _clean(name: str) -> str:
    kept = "".join(c if (c.isascii() and c.isalnum()) or c in _SIGNS else " " for c in name)  # fmt: skip
    return " ".join(kept.split())[:128] or "application"
