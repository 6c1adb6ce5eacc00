"""
What developers call services with: applications, their keys, and their contracts with services.

An application is no consumer: it has no place among `/consumers`, and requests are known as its
only where a service takes applications (`application-registration`).

Spec: portal §§1.5, 1.6, 1.9, 3.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from ostiary.http.url import MalformedUrl, split_host
from ostiary.model.fields import NonEmpty, Uuid
from ostiary.model.files import check_path
from ostiary.model.portal import APPROVED, PENDING, REJECTED, REVOKED
from ostiary.model.row import Row

# How the Manager and the portal call the statuses of a contract.
CONTRACT_NAMES: Final[Mapping[int, str]] = {
    APPROVED: "Active",
    PENDING: "Pending Approval",
    REJECTED: "Rejected",
    REVOKED: "Revoked",
}
# What an admin may make of a contract; a developer may end one at any time.
CONTRACT_TRANSITIONS: Final[Mapping[int, frozenset[int]]] = {
    PENDING: frozenset({APPROVED, REJECTED}),
    REJECTED: frozenset({APPROVED}),
    APPROVED: frozenset({REVOKED}),
    REVOKED: frozenset({APPROVED}),
}
MAX_NAME_CHARS: Final = 100
MAX_TEXT_CHARS: Final = 1000
KEY_CHARS: Final = 32
HINT_CHARS: Final = 4


def may_follow(before: int, after: int) -> bool:
    """Whether an admin may change a contract's status so."""
    return before == after or after in CONTRACT_TRANSITIONS.get(before, frozenset())


def _check_status(value: int) -> int:
    if value not in CONTRACT_NAMES:
        listed = ", ".join(f"{k} ({v.lower()})" for k, v in CONTRACT_NAMES.items())
        raise ValueError(f"must be one of {listed}")
    return value


def _check_printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("must have no control characters, and no blanks at its ends")
    return value


def _check_text(value: str) -> str:
    if not value.replace("\r\n", "\n").replace("\n", " ").isprintable():
        raise ValueError("must have no control characters")
    return value


def _check_redirect(value: str) -> str:
    scheme, _, rest = value.partition("://")
    host = rest.partition("/")[0].partition("?")[0]
    try:
        name, _ = split_host(host)
    except MalformedUrl:
        name = ""
    if scheme not in {"https", "http"} or not name or "#" in value or "\\" in value:
        raise ValueError("must be an absolute http or https URL without a fragment")
    if scheme == "http" and name not in {"localhost", "127.0.0.1", "[::1]"}:
        raise ValueError("must be https, but for localhost")
    return _check_printable(value)


def digest_key(key: str) -> str:
    """
    What is kept of a key, in hex.

    Keys are ours, of 190 random bits: nobody finds one from its SHA-256.
    """
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


class Application(Row):
    """
    A developer's program. `custom_id` is its client id at an identity provider (Reference Id).

    `pool_client` says that this client was made in our user pool, for this application.
    """

    name: Annotated[NonEmpty, Field(max_length=MAX_NAME_CHARS), AfterValidator(_check_printable)]  # fmt: skip
    developer: Uuid
    description: Annotated[str, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_check_text)] | None = None  # fmt: skip
    redirect_uri: Annotated[NonEmpty, Field(max_length=MAX_TEXT_CHARS), AfterValidator(_check_redirect)] | None = None  # fmt: skip
    custom_id: Annotated[NonEmpty, Field(max_length=255), AfterValidator(_check_printable)] | None = None  # fmt: skip
    pool_client: bool = False


class ApplicationInstance(Row):
    """
    A contract: that an application may call a service, once it is approved.

    `suspended` ones let nobody pass while their developer is not approved, or an admin says so.
    """

    application: Uuid
    service: Uuid
    status: Annotated[int, AfterValidator(_check_status)] = PENDING
    suspended: bool = False
    held: bool = False

    @property
    def composite_id(self) -> str:
        """Kong's name of it."""
        return f"{self.application}_{self.service}"

    @property
    def is_good(self) -> bool:
        """Whether requests pass by it."""
        return self.status == APPROVED and not self.suspended and not self.held


class ApplicationKey(Row):
    """A key of key-auth: what is kept of it, and its first characters. `expires_at` in Unix seconds."""

    application: Uuid
    digest: Annotated[str, Field(pattern=r"[0-9a-f]{64}")] = Field(repr=False)
    hint: Annotated[NonEmpty, Field(max_length=HINT_CHARS)]
    expires_at: int | None = None


class DocumentObject(Row):
    """Which specification describes a service: one for each."""

    service: Uuid
    path: Annotated[NonEmpty, AfterValidator(check_path)]
