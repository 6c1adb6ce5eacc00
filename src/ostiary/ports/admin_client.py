"""
The Admin API as the node's own sites ask it: within the process, in the name of an operator.

Whatever a site changes goes this way, so that there is one place where rows are judged, rights
asked for and audit records kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

Site = Literal["kong-manager", "portal"]
# Where in an ASGI scope the operator is: no network can put anything there.
OPERATOR: Final = "ostiary.operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """
    In whose name a site asks.

    `user` and `workspace` are ids: of an RBAC user and of the workspace that they are known in.
    Without them it is the site itself, which roles do not restrict: a site lets nobody in who may
    not do what it then asks for. `client_ip` is the address of whoever sits before it.
    """

    site: Site
    client_ip: str = "127.0.0.1"
    user: str | None = None
    workspace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminReply:
    """
    What the Admin API answered. `value` is the JSON body, None where there is none.

    `text` is a body that is none, a table for one. `message` is what it says of a refusal, in
    Kong's words; `fields` are those at fault.
    """

    status: int
    value: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)

    @property
    def is_good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def message(self) -> str:
        """Why it did not."""
        said = self.value.get("message") if isinstance(self.value, dict) else None
        return (
            said if isinstance(said, str) else f"the Admin API answered {self.status}"
        )

    @property
    def fields(self) -> Mapping[str, Any]:
        """What is wrong with single fields, as deep as the body that was sent."""
        said = self.value.get("fields") if isinstance(self.value, dict) else None
        return said if isinstance(said, dict) else {}


class AdminClient(Protocol):
    """Asks the Admin API of this node."""

    async def call(
        self,
        operator: Operator,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # Any: JSON
    ) -> AdminReply:
        """
        Send one request.

        Args:
            path: As in a URL, with a workspace before it where it is not `default`; segments that
                are data are escaped by the caller.
            body: What is sent as JSON; None sends nothing.
        """
        ...
