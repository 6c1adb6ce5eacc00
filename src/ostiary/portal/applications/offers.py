"""
The services that take applications, as far as a developer may know of them.

One rule says which: a service is offered to whoever may read the specification that describes it;
one without a specification to every approved developer.

Spec: portal §1.6 (GET /application_services), §3.8; §6.1 (services shown without the role).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.applications import DocumentObject
from ostiary.model.gateway import Plugin, Service
from ostiary.model.row import Row
from ostiary.ports.config_store import ConfigReads, Wanted

REGISTRATION: Final = "application-registration"
_MANY: Final = 500
# What developers are told of a plugin that authenticates; nothing of it is secret.
_TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "key-auth": ("key_names", "key_in_header", "key_in_query", "key_in_body"),
    "openid-connect": ("auth_methods", "scopes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a service wants to be called: a plugin, and what of its configuration is told."""

    plugin: str
    config: Mapping[str, Any]

    @property
    def key_name(self) -> str:
        """The header field of a key."""
        names = self.config.get("key_names") or ["apikey"]
        return str(names[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A service that takes applications. `document` is the path of its specification."""

    service: str
    name: str
    display_name: str
    description: str | None
    auto_approve: bool
    show_issuer: bool
    way: Way | None
    document: str | None = None

    def show(self, route: str | None) -> dict[str, Any]:
        """As the API says it; `route` is where the specification is shown."""
        shown = {
            "id": self.service,
            "name": self.name,
            "app_registration_config": {
                "auto_approve": self.auto_approve,
                "description": self.description,
                "display_name": self.display_name,
                "show_issuer": self.show_issuer,
            },
            "auth_plugin_config": {}
            if self.way is None
            else {"name": self.way.plugin, **self.way.config},
        }
        return shown if route is None else {**shown, "document_route": route}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The rows that offers are made of."""

    plugins: tuple[Plugin, ...] = field(repr=False)
    services: Mapping[str, Service] = field(repr=False)
    documents: Mapping[str, str] = field(repr=False)


async def load_offers(reads: ConfigReads, readable: Iterable[str]) -> list[Offer]:
    """
    The services that are offered to whoever may read some specifications, by name.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    plugins = [r for r in await _read(reads, "plugins") if isinstance(r, Plugin)]
    registered = [p for p in plugins if p.name == REGISTRATION and p.enabled]
    if not registered:
        return []
    services = {
        row.id: row
        for p in registered
        if isinstance(row := await reads.get("services", p.service or ""), Service)
        and row.id is not None
    }
    documents = {
        row.service: row.path
        for row in await _read(reads, "document_objects")
        if isinstance(row, DocumentObject)
    }
    found = _Found(plugins=tuple(plugins), services=services, documents=documents)
    may_read = {*readable}
    offers = [
        offer
        for plugin in registered
        if (offer := _build(plugin, found)) is not None
        and (offer.document is None or offer.document in may_read)
    ]
    return sorted(offers, key=lambda offer: (offer.display_name.lower(), offer.service))


def _build(plugin: Plugin, found: _Found) -> Offer | None:
    service = found.services.get(plugin.service or "")
    if service is None or not service.enabled:
        return None
    config = plugin.config
    shows_issuer = bool(config.get("show_issuer"))
    return Offer(
        service=service.id or "",
        name=service.name or service.id or "",
        display_name=str(config.get("display_name") or service.name or service.id),
        description=config.get("description"),
        auto_approve=bool(config.get("auto_approve")),
        show_issuer=shows_issuer,
        way=_find_way(found.plugins, service, shows_issuer=shows_issuer),
        document=found.documents.get(service.id or ""),
    )


def _find_way(
    plugins: Iterable[Plugin], service: Service, *, shows_issuer: bool
) -> Way | None:
    """The service's own plugin before one for everything."""
    known = [
        p
        for p in plugins
        if p.name in _TOLD
        and p.enabled
        and p.route is None
        and p.consumer is None
        and p.consumer_group is None
        and p.service in {service.id, None}
    ]
    known.sort(key=lambda p: p.service is None)
    if not known:
        return None
    plugin = known[0]
    told = _TOLD[plugin.name] + (("issuer",) if shows_issuer else ())
    return Way(
        plugin=plugin.name,
        config={name: plugin.config[name] for name in told if plugin.config.get(name)},
    )


async def _read(reads: ConfigReads, kind: str) -> list[Row]:
    found: list[Row] = []
    after: str | None = ""
    while after is not None:
        page = await reads.page(Wanted(kind=kind), after=after, size=_MANY)
        found += page.rows
        after = page.after
    return found
