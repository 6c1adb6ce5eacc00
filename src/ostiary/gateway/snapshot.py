"""A compiled configuration: immutable, complete, taken once per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.gateway.balance import Balancer
from ostiary.gateway.certificates import EMPTY_TABLE, CertificateTable
from ostiary.gateway.directory import EMPTY_DIRECTORY, Directory
from ostiary.gateway.fields import CookieFilter
from ostiary.gateway.phases import NO_HOOKS, Hooks
from ostiary.gateway.plan import Plan
from ostiary.gateway.router import Router
from ostiary.kit import OwnCookies
from ostiary.model.workspaces import DEFAULT_NAME, DEFAULT_WORKSPACE

DEFAULT_ALONE: Final[Mapping[str, str]] = {DEFAULT_WORKSPACE: DEFAULT_NAME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    `plans` are by route id, `balancers` by `upstream_key`; `workspaces` are names by id.

    `unrouted` are the hooks of global plugins, for http and https: they hear of requests that
    match no route, though none of them is asked for access.
    """

    router: Router
    plans: Mapping[str, Plan] = field(repr=False)
    revision: str
    cookies: CookieFilter
    consumers: Directory = EMPTY_DIRECTORY
    balancers: Mapping[str, Balancer] = field(default_factory=dict, repr=False)
    certificates: CertificateTable = EMPTY_TABLE
    workspaces: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ALONE)
    unrouted: tuple[Hooks, Hooks] = (NO_HOOKS, NO_HOOKS)


EMPTY = Snapshot(
    router=Router(), plans={}, revision="0" * 32, cookies=CookieFilter(OwnCookies())
)
