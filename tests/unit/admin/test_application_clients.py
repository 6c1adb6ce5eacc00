"""Clients in a user pool: one for an application, gone with it, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ostiary.adapters.app_clients import CognitoClients, Pool
from ostiary.http.exchange import IncomingReply, OutgoingRequest
from ostiary.ports.app_clients import AppClient, ClientsUnavailable
from ostiary.ports.fetch import FetchFailed, FetchLimits
from tests.unit.admin.admin_kit import Node, database_node
from tests.unit.admin.desk_kit import OpenDesk
from tests.unit.portal.portal_kit import EMAIL

APPS = f"/developers/{EMAIL}/applications"


class Clients:
    """A pool in memory; while `is_down` it does nothing."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.made = 0
        self.is_down = False

    async def make(self, name: str) -> AppClient:
        self._check()
        self.made += 1
        made = AppClient(client_id=f"client{self.made}", client_secret="hush")
        self.there[made.client_id] = name
        return made

    async def drop(self, client_id: str) -> None:
        self._check()
        self.there.pop(client_id, None)

    def _check(self) -> None:
        if self.is_down:
            raise ClientsUnavailable("down")


@pytest.fixture
def clients() -> Clients:
    return Clients()


@pytest.fixture
async def node(tmp_path: Path, clients: Clients) -> AsyncIterator[Node]:
    async with database_node(tmp_path, portal=OpenDesk(), app_clients=clients) as made:
        await made.send("POST", "/developers", {"email": EMAIL, "meta": "{}"})
        yield made


async def add(node: Node, **more: Any) -> str:
    reply = await node.send("POST", APPS, {"name": "Shop", **more})
    assert reply.status == 201, reply.text
    return f"{APPS}/{reply.json()['id']}"


@pytest.mark.spec("portal#3.8")
async def test_a_client_is_made_once_and_replaced_by_the_next(
    node: Node, clients: Clients
) -> None:
    app = await add(node)
    first = await node.send("POST", f"{app}/credentials/user-pool")
    second = await node.send("POST", f"{app}/credentials/user-pool")
    row = (await node.call(app)).json()

    assert (first.status, first.json()["client_secret"]) == (201, "hush")
    assert (row["custom_id"], row["pool_client"]) == ("client2", True)
    assert second.json()["client_id"] == "client2"
    assert clients.there == {"client2": "Shop"}
    assert "hush" not in (await node.call(app)).text


@pytest.mark.spec("portal#3.8")
async def test_a_client_goes_with_its_workspace(node: Node, clients: Clients) -> None:
    await node.send("POST", "/workspaces", {"name": "team"})
    await node.send("POST", "/team/developers", {"email": EMAIL, "meta": "{}"})
    reply = await node.send("POST", f"/team{APPS}", {"name": "Shop"})
    await node.send("POST", f"/team{APPS}/{reply.json()['id']}/credentials/user-pool")
    before = {**clients.there}
    gone = await node.send("DELETE", "/workspaces/team?cascade=true")

    assert (before, gone.status, clients.there) == ({"client1": "Shop"}, 204, {})


@pytest.mark.spec("portal#3.8")
@pytest.mark.parametrize("what", ["client", "application", "developer"])
async def test_a_client_goes_with_whatever_it_belongs_to(
    node: Node, clients: Clients, what: str
) -> None:
    app = await add(node)
    await node.send("POST", f"{app}/credentials/user-pool")
    paths = {
        "client": f"{app}/credentials/user-pool",
        "application": app,
        "developer": f"/developers/{EMAIL}",
    }
    gone = await node.send("DELETE", paths[what])

    assert (gone.status, clients.there) == (204, {})


@pytest.mark.spec("portal#6.1")
async def test_a_client_that_we_have_not_made_is_left_alone(
    node: Node, clients: Clients
) -> None:
    """Whoever names another's client as theirs must not have it deleted."""
    clients.there["victim"] = "Other"
    app = await add(node, custom_id="victim")
    refused = await node.send("POST", f"{app}/credentials/user-pool")
    await node.send("PATCH", app, {"pool_client": True})
    await node.send("DELETE", app)
    left = {**clients.there}
    other = await add(node)
    await node.send("POST", f"{other}/credentials/user-pool")
    await node.send("PATCH", other, {"custom_id": "victim"})
    row = (await node.call(other)).json()
    await node.send("DELETE", other)

    assert refused.status == 409
    assert left == {"victim": "Other"}
    assert (row["custom_id"], row["pool_client"]) == ("victim", False)
    assert clients.there == {"victim": "Other"}


@pytest.mark.spec("portal#6.1")
async def test_a_pool_that_is_away_is_said_and_changes_nothing(
    node: Node, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    app = await add(node)
    clients.is_down = True
    refused = await node.send("POST", f"{app}/credentials/user-pool")
    clients.is_down = False
    await node.send("POST", f"{app}/credentials/user-pool")
    clients.is_down = True
    gone = await node.send("DELETE", app)

    assert refused.status == 503
    assert "the user pool makes no client: down" in refused.text
    assert gone.status == 204
    assert "the client client1 stays in the user pool: down" in caplog.text


@pytest.mark.spec("portal#3.8")
async def test_without_a_pool_there_are_no_clients(tmp_path: Path) -> None:
    async with database_node(tmp_path, portal=OpenDesk()) as node:
        await node.send("POST", "/developers", {"email": EMAIL, "meta": "{}"})
        app = await add(node)
        for method in ("POST", "DELETE"):
            reply = await node.send(method, f"{app}/credentials/user-pool")
            assert reply.status == 404
            assert "portal_user_pool_id" in reply.text


class Api:
    """A pool's API that answers so; None is no answer."""

    def __init__(self, status: int | None, body: Any) -> None:
        self.status = status
        self.body = body
        self.asked: list[OutgoingRequest] = []

    async def send(self, request: OutgoingRequest, _: FetchLimits) -> IncomingReply:
        self.asked.append(request)
        if self.status is None:
            raise FetchFailed("connection refused")
        data = (
            self.body
            if isinstance(self.body, bytes)
            else json.dumps(self.body).encode()
        )
        return IncomingReply(status=self.status, fields={}, body=data)


def over(api: Api) -> CognitoClients:
    pool = Pool(
        url="https://cognito-idp.eu-west-1.amazonaws.com",
        pool_id="eu-west-1_abc",
        access_key="AK",
        secret_key="very-secret",
        scopes=("orders/read",),
    )
    return CognitoClients(pool, api, lambda: 1_700_000_000)


@pytest.mark.spec("CreateUserPoolClient")
async def test_a_client_is_asked_for_in_cognitos_words() -> None:
    api = Api(200, {"UserPoolClient": {"ClientId": "c", "ClientSecret": "s"}})
    made = await over(api).make("<Shop> & Söhne")
    asked = api.asked[0]
    fields = dict(asked.fields)

    assert (made.client_id, made.client_secret) == ("c", "s")
    assert "s" not in repr(made).replace("client_id", "")[10:]
    assert json.loads(asked.body) == {
        "UserPoolId": "eu-west-1_abc",
        "ClientName": "Shop S hne",
        "GenerateSecret": True,
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthScopes": ["orders/read"],
    }
    assert fields["X-Amz-Target"].endswith(".CreateUserPoolClient")
    assert "/eu-west-1/cognito-idp/aws4_request" in fields["Authorization"]
    assert "very-secret" not in repr(asked)


@pytest.mark.spec("CreateUserPoolClient")
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (None, None, "no answer: connection refused"),
        (400, {"__type": "x#ScopeDoesNotExistException", "message": "no"}, "ScopeDoesNotExistException: no"),
        (500, b"<html>", "500: "),
        (200, {}, "names no client"),
        (200, {"UserPoolClient": {"ClientId": "c"}}, "names no client"),
        (200, [], "names no client"),
    ],
)  # fmt: skip
async def test_what_is_no_client_is_said(
    status: int | None, body: Any, reason: str
) -> None:
    with pytest.raises(ClientsUnavailable) as caught:
        await over(Api(status, body)).make("Shop")

    assert reason in caught.value.reason


@pytest.mark.spec("DeleteUserPoolClient")
async def test_a_client_that_is_gone_already_is_gone() -> None:
    await over(Api(400, {"__type": "ResourceNotFoundException"})).drop("c")
    with pytest.raises(ClientsUnavailable):
        await over(Api(400, {"__type": "NotAuthorizedException"})).drop("c")
