"""
Which requests no route of a workspace can ever take: what the portal says before a form is filled in.

It errs on one side alone. A route counts by its methods, hosts and the letters that its paths
begin with; fields, server names and the rest of a pattern are left to the router, at sending. Pure.

Spec: gateway §4.1 (matching); decision 0048.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from ostiary.gateway.router import Entry, build_entries
from ostiary.http.url import MalformedUrl, split_host
from ostiary.model.gateway import Route


@dataclass(frozen=True, slots=True)
class LikelyRoutes:
    """The routes of one workspace, as far as they are looked at here."""

    entries: tuple[Entry, ...]

    def may_take(
        self, method: str, host: str, path: str, *, ports: frozenset[int]
    ) -> bool:
        """
        Whether one of them could take such a request.

        Args:
            path: What is in braces may be anything.
            ports: Those that this node listens at; for hosts that name none.
        """
        try:
            name, port = split_host(host)
        except MalformedUrl:
            return False
        start, brace, _ = unquote(path).partition("{")
        own = ports if port is None else frozenset({port})
        return any(
            _fits_path(unquote(entry.start), start, is_open=bool(brace))
            and (entry.methods is None or method.encode() in entry.methods)
            and _fits_host(entry, name.lower(), own)
            for entry in self.entries
        )


def read_likely_routes(routes: Iterable[Route]) -> LikelyRoutes:
    """Routes as they are looked at here."""
    entries = (entry for route in routes for entry in build_entries(route, None))
    return LikelyRoutes(tuple(entries))


def _fits_path(wanted: str, start: str, *, is_open: bool) -> bool:
    return start.startswith(wanted) or (is_open and wanted.startswith(start))


def _fits_host(entry: Entry, host: str, ports: frozenset[int]) -> bool:
    if not entry.hosts:
        return True
    return any(
        (port is None or port in ports) and _fits_name(name, host)
        for name, port in entry.hosts
    )


def _fits_name(wanted: str, host: str) -> bool:
    if wanted.startswith("*"):
        return host.endswith(wanted[1:])
    if wanted.endswith("*"):
        return host.startswith(wanted[:-1])
    return host == wanted
