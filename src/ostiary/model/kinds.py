"""
Every kind of entity in one table: its names, its keys, what it refers to, what it hides.

`KINDS` are those that a file may say; `SERVED_KINDS` those that requests are served by, which has
developers' applications and credentials besides. `EVERY_KIND` has those about access, those of the portal
(`PORTAL_KINDS`) and what is never shown as well.

The Admin API, the store and the declarative file read this table; none of them knows a kind by
itself.

Spec: gateway §§1.2-1.9 (entities), 2.2 (identity of rows without id).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ostiary.model.access import (
    RbacRole,
    RbacRoleEndpoint,
    RbacRoleEntity,
    RbacUser,
    RbacUserRole,
)
from ostiary.model.admins import Admin, Group, GroupRole
from ostiary.model.applications import (
    Application,
    ApplicationInstance,
    ApplicationKey,
    DocumentObject,
)
from ostiary.model.balancing import Target, Upstream, expand_algorithm
from ostiary.model.certificates import CaCertificate, Certificate, Sni
from ostiary.model.credentials import Acl, BasicAuth, JwtSecret, KeyAuth
from ostiary.model.developer_credentials import DeveloperCredential
from ostiary.model.files import File
from ostiary.model.gateway import (
    Consumer,
    ConsumerGroup,
    Membership,
    Plugin,
    Route,
    Service,
    expand_url,
)
from ostiary.model.keys import Key, KeySet, Vault
from ostiary.model.portal import Developer, DeveloperRole, DeveloperSecret
from ostiary.model.row import Row
from ostiary.model.workspaces import Workspace

OnDelete = Literal["restrict", "cascade"]
# Any: not validated yet
Shorthand = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """
    A foreign key: the field, the kind of the row it names, and what deleting that row does.

    The row is in the same workspace, unless it may be `anywhere`.
    """

    field: str
    kind: str
    on_delete: OnDelete = "cascade"
    is_list: bool = False
    anywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """
    One kind. `name` is its collection in files, `path` in the Admin API (None: nested only).

    `below` is its name under a parent. `unique` are tuples of fields that no two rows of a
    workspace share; of `everywhere` no two rows share at all. `identity` are the fields that an
    id is made of where a file has none; `sealed` are sealed at rest. `shorthand` writes out what
    one field says of others; it raises pydantic's ValidationError. Rows that are not
    `in_workspace` are there for every one.
    """

    name: str
    model: type[Row]
    path: str | None
    below: str
    endpoint_key: str | None = None
    unique: tuple[tuple[str, ...], ...] = ()
    everywhere: bool = False
    references: tuple[Reference, ...] = ()
    identity: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()
    in_workspace: bool = True
    shorthand: Shorthand | None = None

    def reference(self, field: str) -> Reference | None:
        """The foreign key in a field."""
        return next((r for r in self.references if r.field == field), None)


def _kind(
    name: str,
    model: type[Row],
    *,
    path: str | None = "",
    below: str = "",
    **more: object,
) -> Kind:
    made = path if path is None or path else name
    return Kind(name=name, model=model, path=made, below=below or name, **more)  # type: ignore[arg-type]  # passed on


_OF_CONSUMER = Reference(field="consumer", kind="consumers")

_ALL = (
    _kind(
        "workspaces", Workspace, endpoint_key="name", unique=(("name",),),
        in_workspace=False, sealed=("config",),
    ),
    _kind("certificates", Certificate, sealed=("key", "key_alt")),
    _kind("ca_certificates", CaCertificate, unique=(("cert_digest",),), in_workspace=False),
    _kind(
        "snis", Sni, endpoint_key="name", unique=(("name",),), everywhere=True,
        references=(Reference(field="certificate", kind="certificates"),),
    ),
    _kind(
        "services", Service, endpoint_key="name", unique=(("name",),),
        shorthand=expand_url,
        references=(
            Reference(field="client_certificate", kind="certificates", on_delete="restrict"),
            Reference(field="ca_certificates", kind="ca_certificates", on_delete="restrict", is_list=True),
        ),
    ),
    _kind(
        "routes", Route, endpoint_key="name", unique=(("name",),),
        references=(Reference(field="service", kind="services", on_delete="restrict"),),
    ),
    _kind(
        "consumers", Consumer, endpoint_key="username",
        unique=(("username",), ("custom_id",)),
    ),
    _kind("consumer_groups", ConsumerGroup, endpoint_key="name", unique=(("name",),)),
    _kind(
        "consumer_group_consumers", Membership, path=None,
        unique=(("consumer_group", "consumer"),), identity=("consumer_group", "consumer"),
        references=(_OF_CONSUMER, Reference(field="consumer_group", kind="consumer_groups")),
    ),
    _kind(
        "plugins", Plugin, endpoint_key="instance_name",
        unique=(
            ("instance_name",),
            ("name", "route", "service", "consumer", "consumer_group"),
        ),
        identity=("name", "route", "service", "consumer", "consumer_group"),
        references=(
            Reference(field="route", kind="routes"),
            Reference(field="service", kind="services"),
            _OF_CONSUMER,
            Reference(field="consumer_group", kind="consumer_groups"),
        ),
        sealed=("config",),
    ),
    _kind(
        "upstreams", Upstream, endpoint_key="name", unique=(("name",),),
        shorthand=expand_algorithm,
        references=(
            Reference(field="client_certificate", kind="certificates", on_delete="restrict"),
        ),
    ),
    _kind(
        "targets", Target, path=None, endpoint_key="target",
        unique=(("upstream", "target"),), identity=("upstream", "target"),
        references=(Reference(field="upstream", kind="upstreams"),),
    ),
    _kind(
        "vaults", Vault, endpoint_key="prefix", unique=(("prefix",),), everywhere=True,
    ),
    _kind("key_sets", KeySet, path="key-sets", below="key-sets", endpoint_key="name", unique=(("name",),)),
    _kind(
        "keys", Key, endpoint_key="name", unique=(("name",), ("kid", "set")),
        identity=("kid", "set"), sealed=("jwk", "pem"),
        references=(Reference(field="set", kind="key_sets"),),
    ),
    _kind(
        "keyauth_credentials", KeyAuth, path="key-auths", below="key-auth",
        endpoint_key="key", unique=(("key",),), references=(_OF_CONSUMER,), sealed=("key",),
    ),
    _kind(
        "basicauth_credentials", BasicAuth, path="basic-auths", below="basic-auth",
        endpoint_key="username", unique=(("username",),), references=(_OF_CONSUMER,),
        sealed=("password",),
    ),
    _kind(
        "jwt_secrets", JwtSecret, path="jwts", below="jwt", endpoint_key="key",
        unique=(("key",),), references=(_OF_CONSUMER,), sealed=("secret",),
    ),
    _kind(
        "acls", Acl, unique=(("consumer", "group"),), identity=("consumer", "group"),
        references=(_OF_CONSUMER,),
    ),
)  # fmt: skip

_OF_ROLE = Reference(field="role", kind="rbac_roles")
# Who may use the Admin API: nothing that requests are served by, or a file says.
_OF_ACCESS = (
    _kind("rbac_users", RbacUser, path=None, endpoint_key="name", unique=(("name",),)),
    _kind("rbac_roles", RbacRole, path=None, endpoint_key="name", unique=(("name",),)),
    _kind(
        "rbac_user_roles", RbacUserRole, path=None, unique=(("user", "role"),),
        # Admins are known in `default` and have roles in others, too.
        references=(Reference(field="user", kind="rbac_users", anywhere=True), _OF_ROLE),
    ),
    _kind(
        "rbac_role_endpoints", RbacRoleEndpoint, path=None,
        unique=(("role", "workspace", "endpoint"),), references=(_OF_ROLE,),
    ),
    _kind(
        "rbac_role_entities", RbacRoleEntity, path=None, unique=(("role", "entity_type", "entity_id"),),
        references=(_OF_ROLE,),
    ),
    _kind(
        "admins", Admin, path=None, endpoint_key="username",
        unique=(("username",), ("email",), ("custom_id",), ("rbac_user",)),
        references=(Reference(field="rbac_user", kind="rbac_users"),),
    ),
    _kind("groups", Group, path=None, endpoint_key="name", unique=(("name",),)),
    _kind(
        "group_roles", GroupRole, path=None, unique=(("group", "role"),),
        references=(
            Reference(field="group", kind="groups"),
            Reference(field="role", kind="rbac_roles", anywhere=True),
            Reference(field="workspace", kind="workspaces"),
        ),
    ),
)  # fmt: skip

_OF_SERVICE = Reference(field="service", kind="services")
# What the Developer Portal is made of: nothing that requests are served by either.
_OF_PORTAL = (
    _kind(
        "developers", Developer, path=None, endpoint_key="email",
        unique=(("email",), ("custom_id",)),
    ),
    _kind("developer_roles", DeveloperRole, path=None, endpoint_key="name", unique=(("name",),)),
    _kind("files", File, path=None, endpoint_key="path", unique=(("path",),)),
    _kind(
        "document_objects", DocumentObject, path=None, unique=(("service",),),
        references=(_OF_SERVICE,),
    ),
)  # fmt: skip

_OF_APPLICATION = Reference(field="application", kind="applications")
# What developers call services with. They go with whoever they belong to.
_OF_APPLICATIONS = (
    _kind(
        "applications", Application, path=None, unique=(("developer", "name"), ("custom_id",)),
        references=(Reference(field="developer", kind="developers"),),
    ),
    _kind(
        "application_instances", ApplicationInstance, path=None,
        unique=(("application", "service"),), references=(_OF_APPLICATION, _OF_SERVICE),
    ),
    _kind(
        "application_keys", ApplicationKey, path=None, unique=(("digest",),),
        references=(_OF_APPLICATION,),
    ),
    _kind(
        "developer_credentials", DeveloperCredential, path=None, unique=(("name",),),
        references=(Reference(field="developer", kind="developers"),),
        sealed=("name", "password", "secret"),
    ),
)  # fmt: skip

# Beside those: no path leads to it, no list shows it, nobody is given rights to it.
_HIDDEN = (
    _kind(
        "developer_secrets", DeveloperSecret, path=None,
        unique=(("developer",), ("key",)), sealed=("password", "key"),
        references=(Reference(field="developer", kind="developers"),),
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
SERVED_KINDS: Mapping[str, Kind] = {
    **KINDS,
    **{kind.name: kind for kind in _OF_APPLICATIONS},
}
PORTAL_KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (*_OF_PORTAL, *_OF_APPLICATIONS)
}
EVERY_KIND: Mapping[str, Kind] = {
    **KINDS,
    **{kind.name: kind for kind in _OF_ACCESS},
    **PORTAL_KINDS,
    **{kind.name: kind for kind in _HIDDEN},
}
OF_MODEL: Mapping[type[Row], Kind] = {kind.model: kind for kind in EVERY_KIND.values()}
