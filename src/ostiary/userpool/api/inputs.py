"""Inputs of the operations that are served, in the API's words and limits."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StrictBool, StrictInt

from ostiary.model.pool_settings import (
    ClientSettings,
    Name,
    PoolSettings,
    PoolUpdate,
    Wire,
)

PoolId = Annotated[
    str,
    Field(min_length=1, max_length=55, pattern=r"^[\w-]+_[0-9a-zA-Z]+$", strict=True),
]
ClientId = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[\w+]+$", strict=True)
]
DomainName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?$",
        strict=True,
    ),
]
Username = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^\S+$", strict=True)
]
PageToken = Annotated[str, Field(min_length=1, pattern=r"^\S+$", strict=True)]
PageSize = Annotated[StrictInt, Field(ge=1, le=60)]


class CreateUserPool(PoolSettings):
    """Everything a pool starts with."""

    PoolName: Name


class DescribeUserPool(Wire):
    """Which pool."""

    UserPoolId: PoolId


class UpdateUserPool(PoolUpdate):
    """Which pool, and all that replaces its settings."""

    UserPoolId: PoolId
    PoolName: Name | None = None


class ListUserPools(Wire):
    """Which page."""

    MaxResults: PageSize
    NextToken: PageToken | None = None


class CreateUserPoolClient(ClientSettings):
    """Everything a client starts with."""

    UserPoolId: PoolId
    ClientName: Name
    GenerateSecret: StrictBool = False
    ClientSecret: (
        Annotated[
            str, Field(min_length=24, max_length=64, pattern=r"^[\w+]+$", strict=True)
        ]
        | None
    ) = None


class UserPoolClient(Wire):
    """Which client."""

    UserPoolId: PoolId
    ClientId: ClientId


class UpdateUserPoolClient(ClientSettings):
    """Which client, and all that replaces its settings."""

    UserPoolId: PoolId
    ClientId: ClientId
    ClientName: Name | None = None


class ListUserPoolClients(Wire):
    """Whose clients, which page."""

    UserPoolId: PoolId
    MaxResults: PageSize | None = None
    NextToken: PageToken | None = None
    ClientType: Literal["REGULAR"] | None = None


class DescribeUserPoolDomain(Wire):
    """Which domain."""

    Domain: DomainName


class CreateUserPoolDomain(Wire):
    """Which prefix for which pool."""

    Domain: DomainName
    UserPoolId: PoolId
    ManagedLoginVersion: Annotated[StrictInt, Field(ge=1, le=2)] | None = None


class ListUsers(Wire):
    """Which users, which of their attributes, which page."""

    UserPoolId: PoolId
    AttributesToGet: (
        tuple[Annotated[str, Field(min_length=1, max_length=32)], ...] | None
    ) = None
    Limit: Annotated[StrictInt, Field(ge=0, le=60)] | None = None
    PaginationToken: PageToken | None = None
    Filter: Annotated[str, Field(max_length=256, strict=True)] | None = None


class AdminGetUser(Wire):
    """Which user."""

    UserPoolId: PoolId
    Username: Username


CLIENT_FIELDS: Final = frozenset(ClientSettings.model_fields)
POOL_FIELDS: Final = frozenset(PoolSettings.model_fields)
