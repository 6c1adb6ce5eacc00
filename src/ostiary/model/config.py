"""A whole configuration as a value: rows with ids, references resolved. Order is that of the file."""

from __future__ import annotations

from ostiary.model.balancing import Target, Upstream
from ostiary.model.certificates import CaCertificate, Certificate, Sni
from ostiary.model.credentials import Acl, BasicAuth, JwtSecret, KeyAuth
from ostiary.model.entity import Entity
from ostiary.model.gateway import (
    Consumer,
    ConsumerGroup,
    Membership,
    Plugin,
    Route,
    Service,
)
from ostiary.model.keys import Key, KeySet, Vault
from ostiary.model.workspaces import Workspace


class Config(Entity):
    """Rows by kind; a field for every kind of `model.kinds`."""

    workspaces: tuple[Workspace, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    ca_certificates: tuple[CaCertificate, ...] = ()
    snis: tuple[Sni, ...] = ()
    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    consumer_groups: tuple[ConsumerGroup, ...] = ()
    consumer_group_consumers: tuple[Membership, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    targets: tuple[Target, ...] = ()
    vaults: tuple[Vault, ...] = ()
    key_sets: tuple[KeySet, ...] = ()
    keys: tuple[Key, ...] = ()
    keyauth_credentials: tuple[KeyAuth, ...] = ()
    basicauth_credentials: tuple[BasicAuth, ...] = ()
    jwt_secrets: tuple[JwtSecret, ...] = ()
    acls: tuple[Acl, ...] = ()
