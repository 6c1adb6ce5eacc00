"""
What developers do to their own accounts: register, say something else of themselves, leave.

All of it goes through the Admin API, which judges and records it. Whether an address is known
already is told to nobody but whoever has proven that it is theirs.

Spec: portal §§1.6, 2.2, 6.1; security: enumeration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from ostiary.model.portal import APPROVED, PENDING, UNVERIFIED, Developer
from ostiary.portal.config import Portal
from ostiary.portal.own import BAD_KEY
from ostiary.portal.people import Visitor
from ostiary.ports.admin_client import AdminClient, AdminReply, Operator
from ostiary.web.buckets import Buckets, network_of

# Somebody who fills in a form again and again, and not a program that tries addresses.
REGISTER_BURST: Final = 10
REGISTER_PER_S: Final = 1 / 30
# What one portal takes of all together: each may be a mail to whoever approves.
PORTAL_BURST: Final = 120
PORTAL_PER_S: Final = 1.0
# What one developer does with applications: each may be a mail to whoever approves.
ACT_BURST: Final = 30
ACT_PER_S: Final = 1 / 20
_CONFLICT: Final = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """
    What became of a registration, as far as whoever sent it may know.

    `status` is a developer's; `row` is shown only to whoever has proven their address. `errors`
    are texts by field (`email`, or a title of the meta fields); there is no status then.
    """

    status: int | None = None
    row: Mapping[str, Any] | None = field(default=None, repr=False)
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def is_unverified(self) -> bool:
        """Whether they have to prove first that the address is theirs."""
        return self.status == UNVERIFIED


class TooOften(Exception):
    """An address asks too often; `wait_s` is how long it must wait, in seconds."""

    code = "too_often"

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"asked too often; again in {wait_s} s")
        self.wait_s = wait_s


class Accounts:
    """The accounts of every workspace's developers."""

    def __init__(self, admin: AdminClient, now: Callable[[], float]) -> None:
        self._admin = admin
        self._now = now
        self._registers = Buckets(REGISTER_PER_S, burst=REGISTER_BURST)
        self._portals = Buckets(PORTAL_PER_S, burst=PORTAL_BURST)
        self._acts = Buckets(ACT_PER_S, burst=ACT_BURST)

    def count_act(self, developer: Developer) -> None:
        """
        Count what a developer makes, changes or asks for.

        Raises:
            TooOften: There was too much.
        """
        who, now = developer.id, self._now()
        if not self._acts.take(who, now=now):
            raise TooOften(self._acts.wait_s(who, now=now))

    def count(self, portal: Portal, client_ip: str) -> None:
        """
        Count a registration: of an address, and of a portal.

        Raises:
            TooOften: There were too many.
        """
        now = self._now()
        for buckets, who in (
            (self._registers, network_of(client_ip)),
            (self._portals, portal.id),
        ):
            if not buckets.take(who, now=now):
                raise TooOften(buckets.wait_s(who, now=now))

    async def register(
        self,
        portal: Portal,
        visitor: Visitor,
        *,
        email: str,
        meta: Mapping[str, Any],
        client_ip: str,
        secret: str | None = None,
    ) -> Registered:
        """
        Register a developer.

        Whoever the provider has told us of registers with the address that it verified, and with
        nothing else that would tell them apart. `secret` is the password or key of a portal that
        has its own.
        """
        body: dict[str, Any] = {"email": email, "meta": json.dumps(meta)}
        if portal.own is not None:
            body[portal.own.secret_name] = secret
        is_proven = visitor.standing == "unknown" and visitor.signed_in is not None
        if is_proven and visitor.signed_in is not None:
            if portal.is_by_email:
                body["email"] = visitor.signed_in.value
            else:
                body["custom_id"] = visitor.signed_in.value
        initial = APPROVED if portal.auto_approve else PENDING
        if portal.mails.verification and not (is_proven and portal.is_by_email):
            body["status"] = initial = UNVERIFIED
        reply = await self._call(portal, client_ip, "POST", "", body)
        if reply.is_good:
            row = reply.value if is_proven else None
            return Registered(status=reply.value["status"], row=row)
        is_taken = reply.status == _CONFLICT and "key" not in reply.fields
        if is_taken and not (is_proven and portal.is_by_email):
            # Somebody has registered with it: whoever it is, they learn it from nobody else.
            return Registered(status=initial)
        return read_errors(reply)

    async def set_meta(
        self, portal: Portal, developer: Developer, meta: str, client_ip: str
    ) -> Registered:
        """Say something else of oneself; `meta` is a JSON object."""
        path = f"/{developer.id}"
        reply = await self._call(portal, client_ip, "PATCH", path, {"meta": meta})
        if reply.is_good:
            return Registered(status=developer.status, row=reply.value["developer"])
        return read_errors(reply)

    async def change(
        self,
        portal: Portal,
        developer: Developer,
        body: Mapping[str, Any],
        client_ip: str,
    ) -> AdminReply:
        """Change something of a developer, as long as they are of the epoch that is known here."""
        said = {**body, "epoch": developer.epoch}
        return await self._call(portal, client_ip, "PATCH", f"/{developer.id}", said)

    async def set_secret(
        self, portal: Portal, developer: Developer, secret: str, client_ip: str
    ) -> Registered | None:
        """
        Another password or key; it ends every session, and what was mailed before.

        None where the developer was changed meanwhile: what is known of them here is old.
        """
        assert portal.own is not None
        name = portal.own.secret_name
        reply = await self.change(portal, developer, {name: secret}, client_ip)
        if reply.is_good:
            return Registered(status=developer.status)
        if reply.status == _CONFLICT and not reply.fields:
            return None
        return read_errors(reply)

    async def leave(self, portal: Portal, developer: Developer, client_ip: str) -> bool:
        """Delete one's own account; False where that did not work."""
        reply = await self._call(portal, client_ip, "DELETE", f"/{developer.id}", None)
        return reply.is_good

    async def _call(
        self,
        portal: Portal,
        client_ip: str,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
    ) -> AdminReply:
        operator = Operator(site="portal", client_ip=client_ip)
        place = f"/{quote(portal.name, safe='')}/developers{path}"
        return await self._admin.call(operator, method, place, body=body)


def read_errors(reply: AdminReply) -> Registered:
    """What the Admin API says of a refusal, by field."""
    found: dict[str, str] = {}
    if reply.status == _CONFLICT and "key" in reply.fields:
        # Whoever learned that a key is taken could sign in with it: it is told as a bad one.
        return Registered(errors={"key": BAD_KEY})
    for name, said in reply.fields.items():
        inner = said if isinstance(said, Mapping) else {name: said}
        found |= {key: str(text) for key, text in inner.items()}
    return Registered(errors=found, problem=None if found else reply.message)
