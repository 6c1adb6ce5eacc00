"""
Who a visitor is to a portal: a developer whose standing lets them in, or why not.

The standing is looked up for every request, so that an approval or a revocation counts from the
next one on.

Spec: portal §§1.5, 2.2, 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from ostiary.http.head import Fields
from ostiary.model.portal import (
    APPROVED,
    PENDING,
    REJECTED,
    REVOKED,
    UNVERIFIED,
    Developer,
    read_email,
)
from ostiary.portal.config import Portal
from ostiary.portal.door import Read, SignedIn
from ostiary.ports.config_store import ConfigStore

Standing = Literal[
    "approved", "pending", "rejected", "revoked", "unverified",
    "unknown", "no_claim", "address_not_verified", "signed_out",
]  # fmt: skip
_BY_STATUS: Final[dict[int, Standing]] = {
    APPROVED: "approved",
    PENDING: "pending",
    REJECTED: "rejected",
    REVOKED: "revoked",
    UNVERIFIED: "unverified",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """
    Whoever asks. `signed_in` is what the provider says, `developer` whom the portal knows by that.

    `fields` are cookies that the answer must set.
    """

    standing: Standing = "signed_out"
    signed_in: SignedIn | None = None
    developer: Developer | None = None
    fields: Fields = field(default=(), repr=False)

    @property
    def is_approved(self) -> bool:
        """Whether they may see what is for developers."""
        return self.standing == "approved"

    @property
    def email(self) -> str | None:
        """The address that the provider has verified, where that is what they are known by."""
        if self.developer is not None:
            return self.developer.email
        who = self.signed_in
        return who.value if who is not None and self.standing == "unknown" else None


def standing_of(developer: Developer) -> Standing:
    """What a developer's status means to them."""
    return _BY_STATUS[developer.status]


async def meet(store: ConfigStore, portal: Portal, read: Read) -> Visitor:
    """
    Find out who is signed in.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    who = read.who
    if who is None:
        return Visitor(fields=read.fields)
    if who.developer_id is not None:
        return await _meet_own(store, portal, read, who)
    if who.value is None:
        return Visitor(standing="no_claim", signed_in=who, fields=read.fields)
    is_verified = portal.trusts_email if who.is_verified is None else who.is_verified
    if portal.is_by_email and not is_verified:
        standing: Standing = "address_not_verified"
        return Visitor(standing=standing, signed_in=who, fields=read.fields)
    developer = await find_developer(store, portal, who.value)
    return Visitor(
        standing="unknown" if developer is None else standing_of(developer),
        signed_in=who,
        developer=developer,
        fields=read.fields,
    )


async def _meet_own(
    store: ConfigStore, portal: Portal, read: Read, who: SignedIn
) -> Visitor:
    """Whoever signed in at the portal itself; a session of an earlier epoch is none."""
    found = await store.within(portal.id).get("developers", who.developer_id or "")
    if not isinstance(found, Developer) or found.epoch != who.epoch:
        return Visitor(fields=read.fields)
    return Visitor(
        standing=standing_of(found),
        signed_in=who,
        developer=found,
        fields=read.fields,
    )


async def find_developer(
    store: ConfigStore, portal: Portal, value: str
) -> Developer | None:
    """
    The developer of a claim's value: by address (Kong's `username`), own id of theirs, or id.

    Raises:
        StoreUnavailable: The database does not answer.
    """
    rows = store.within(portal.id)
    for by in portal.looked_up_by:
        match by:
            case "id":
                row = await rows.get("developers", value)
            case "custom_id":
                row = await rows.find("developers", {"custom_id": value})
            case _ if portal.is_by_email and (email := read_email(value)) is not None:
                row = await rows.find("developers", {"email": email})
            case _:
                row = None  # what people may choose themselves proves no address
        if isinstance(row, Developer):
            return row
    return None
