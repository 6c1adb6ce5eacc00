"""
What is known of a request before anybody answers it: its path, its workspace, its rows.

Spec: gateway §1.15 (any path may begin with a workspace).
"""

from __future__ import annotations

from starlette.requests import Request

from ostiary.admin.entities import Entities
from ostiary.ports.admin_client import OPERATOR, Operator


def split_path(path: str) -> list[str]:
    """The steps of a path; one slash at its end does not count."""
    return path.removeprefix("/").removesuffix("/").split("/")


def raw_path(request: Request) -> str:
    """The path as it was sent, without a workspace: a name may have an escaped slash."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    return str(raw.decode("latin-1").partition("?")[0])


def shown_path(request: Request) -> str:
    """The path that leads here once more: with its workspace, if it was sent with one."""
    prefix: str = getattr(request.state, "prefix", "")
    return prefix + raw_path(request).removesuffix("/")


def scoped(request: Request) -> Entities:
    """The rows that a request is about: those of its workspace, as far as it may."""
    found: Entities = request.state.entities
    return found


def is_by_portal(request: Request) -> bool:
    """Whether a portal asks for whoever is before it, and no admin."""
    operator = request.scope.get(OPERATOR)
    return isinstance(operator, Operator) and operator.site == "portal"
