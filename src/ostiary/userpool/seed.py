"""
A file that says which pools there are: for demos, tests and the first start of a new node.

Everything in it is in the API's own words and goes through the API's own operations. A pool whose
name is there already is left as it is, so that a file can be applied at every start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ostiary.model.pool import Pool, User, UserStatus
from ostiary.ports.pool_store import AlreadyExists
from ostiary.userpool.api.caller import Call, Shape
from ostiary.userpool.api.clients import create_client
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.operations import OPERATIONS
from ostiary.userpool.api.service import load_service
from ostiary.userpool.api.validation import check_input
from ostiary.userpool.attributes import with_attributes
from ostiary.userpool.refusal import AccountError
from ostiary.userpool.services import Services

Json = Mapping[str, Any]  # Any: JSON or YAML
_OF_POOLS: Final = frozenset(
    {"Id", "Domain", "Groups", "ResourceServers", "Clients", "Users", "ListUsers"}
)
_OF_USERS: Final = frozenset({"Username", "Password", "UserAttributes", "Groups"})


class SeedInvalid(Exception):
    """A file that cannot be applied; the text says where and why."""

    code = "seed_invalid"


def _check_names(where: str, given: object, allowed: frozenset[str] | None) -> Json:
    if not isinstance(given, Mapping):
        raise SeedInvalid(f"{where}: must be an object")
    unknown = sorted(set(given) - allowed) if allowed is not None else []
    if unknown:
        raise SeedInvalid(f"{where}: {unknown[0]} is not known here")
    return given


def _list(where: str, given: Json, name: str) -> list[Any]:  # Any: YAML
    found = given.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise SeedInvalid(f"{where}.{name}: must be a list")
    return found


class _Seeder:
    """One file on its way into the store."""

    def __init__(self, services: Services, say: Callable[[str], None]) -> None:
        self._call = Call(services=services, region=services.config.region)
        self._store = services.config.store
        self._say = say

    async def run(self, where: str, name: str, given: Json) -> Shape:
        """Carry an operation out as a caller's; say where in the file it was refused."""
        try:
            shape = OPERATIONS[name].shape.input
            checked = check_input(load_service(), shape, dict(given))
            return await OPERATIONS[name].run(self._call, checked)
        except (ApiError, AccountError) as error:
            raise SeedInvalid(f"{where}: {error.message}") from error

    async def add_pool(self, where: str, given: Json) -> None:
        name = given.get("PoolName")
        pools = await self._store.list_pools(
            region=self._call.region, after="", limit=1000
        )
        if any(pool.name == name for pool in pools):
            self._say(f"{name}: there already")
            return
        members = {k: v for k, v in given.items() if k not in _OF_POOLS}
        if "Id" in given:
            tags = {**members.get("UserPoolTags", {}), "_custom_id_": given["Id"]}
            members["UserPoolTags"] = tags
        made = await self.run(where, "CreateUserPool", members)
        pool_id = made["UserPool"]["Id"]
        if "Domain" in given:
            domain = {"Domain": given["Domain"], "UserPoolId": pool_id}
            await self.run(f"{where}.Domain", "CreateUserPoolDomain", domain)
        for member, operation in (
            ("Groups", "CreateGroup"),
            ("ResourceServers", "CreateResourceServer"),
        ):
            for i, item in enumerate(_list(where, given, member)):
                at = f"{where}.{member}[{i}]"
                inner = {**_check_names(at, item, None), "UserPoolId": pool_id}
                await self.run(at, operation, inner)
        for i, item in enumerate(_list(where, given, "Clients")):
            await self._add_client(f"{where}.Clients[{i}]", pool_id, item)
        for i, item in enumerate(_list(where, given, "Users")):
            await self._add_user(f"{where}.Users[{i}]", pool_id, item)
        await self._import_users(where, pool_id, _list(where, given, "ListUsers"))
        self._say(f"{name}: {pool_id}")

    async def _add_client(self, where: str, pool_id: str, item: object) -> None:
        given = dict(_check_names(where, item, None))
        client_id = given.pop("ClientId", None)
        given["UserPoolId"] = pool_id
        shape = OPERATIONS["CreateUserPoolClient"].shape.input
        try:
            checked: Any = check_input(load_service(), shape, given)
            await create_client(self._call, checked, client_id=client_id)
        except (ApiError, AccountError) as error:
            raise SeedInvalid(f"{where}: {error.message}") from error
        except AlreadyExists as error:
            raise SeedInvalid(f"{where}: the ClientId {client_id} is taken") from error

    async def _add_user(self, where: str, pool_id: str, item: object) -> None:
        given = _check_names(where, item, _OF_USERS)
        which = {"UserPoolId": pool_id, "Username": given.get("Username")}
        attributes = _check_names(
            f"{where}.UserAttributes", given.get("UserAttributes", {}), None
        )
        created = {
            **which,
            "MessageAction": "SUPPRESS",
            "UserAttributes": [
                {"Name": name, "Value": str(value)}
                for name, value in attributes.items()
            ],
        }
        await self.run(where, "AdminCreateUser", created)
        if "Password" in given:
            password = {**which, "Password": given["Password"], "Permanent": True}
            await self.run(where, "AdminSetUserPassword", password)
        for group in _list(where, given, "Groups"):
            member = {**which, "GroupName": group}
            await self.run(f"{where}.Groups", "AdminAddUserToGroup", member)

    async def _import_users(self, where: str, pool_id: str, users: list[Any]) -> None:
        """Users as `list-users` prints them: who they are, without what nobody can export."""
        pool = await self._store.load_pool(pool_id)
        assert pool is not None  # it was just made
        for i, item in enumerate(users):
            at = f"{where}.ListUsers[{i}]"
            try:
                await self._store.add_user(_read_user(at, pool, item))
            except AlreadyExists as error:
                raise SeedInvalid(f"{at}: the user is there already") from error


def _read_user(where: str, pool: Pool, item: object) -> User:
    given = _check_names(where, item, None)
    listed = given.get("Attributes", [])
    if not isinstance(listed, list):
        raise SeedInvalid(f"{where}.Attributes: must be a list")
    attributes = {str(a["Name"]): str(a["Value"]) for a in listed}
    username, sub = given.get("Username"), attributes.get("sub")
    if not isinstance(username, str) or sub is None:
        raise SeedInvalid(f"{where}: Username and the attribute sub are needed")
    status = given.get("UserStatus")
    # Passwords cannot be exported: who had one must set a new one.
    kept = (
        UserStatus.UNCONFIRMED if status == "UNCONFIRMED" else UserStatus.RESET_REQUIRED
    )
    bare = User(
        pool_id=pool.id,
        username=username,
        sub=sub,
        login_key=pool.settings.login_key(username),
        attributes={"sub": sub},
        status=kept,
        password=None,
        created_at=0.0,
        modified_at=0.0,
        enabled=given.get("Enabled", True) is True,
    )
    return with_attributes(pool, bare, attributes, now=0.0)


async def apply_seed(
    services: Services, data: object, say: Callable[[str], None]
) -> None:
    """
    Make the pools of a file that are not there yet.

    Args:
        data: `{"pools": [...]}`: members of CreateUserPool, and Id, Domain, Groups,
            ResourceServers, Clients (with a ClientId of one's own choice), Users (with Password
            and Groups) and ListUsers (what `aws cognito-idp list-users` prints under Users).
        say: Is told one line for each pool.

    Raises:
        SeedInvalid: Something in it is wrong; pools before it are made.
    """
    given = _check_names("the file", data, frozenset({"pools"}))
    seeder = _Seeder(services, say)
    for i, item in enumerate(_list("the file", given, "pools")):
        where = f"pools[{i}]"
        await seeder.add_pool(where, _check_names(where, item, None))
