"""Page tokens: sealed, so that only our own come back."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

from ostiary.jose.errors import JoseError
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Shape
from ostiary.userpool.api.errors import invalid

T = TypeVar("T")


def build_page_token(call: Call, after: str, *, purpose: str) -> str:
    """The token for the page that starts after this id."""
    sealed = call.services.vault.wrap(after.encode(), purpose=f"page of {purpose}")
    return base64.urlsafe_b64encode(sealed).decode("ascii")


def read_page_token(call: Call, token: str | None, *, purpose: str) -> str:
    """
    The id that a page starts after; empty for the first page.

    Raises:
        ApiError: The token is not one of ours for this listing.
    """
    if token is None:
        return ""
    try:
        sealed = base64.b64decode(token, altchars=b"-_", validate=True)
        plain = call.services.vault.unwrap(sealed, purpose=f"page of {purpose}")
    except (JoseError, ValueError) as error:
        raise invalid(messages.BAD_PAGE_TOKEN) from error
    return plain.decode()


def cut_page(
    call: Call,
    found: Sequence[T],
    size: int,
    *,
    purpose: str,
    name_of: Callable[[T], str],
) -> tuple[Sequence[T], str | None]:
    """A page of what was looked up with one more than its size, and the token of the next."""
    page = found[:size]
    if len(found) <= size:
        return page, None
    return page, build_page_token(call, name_of(page[-1]), purpose=purpose)


def with_token(shape: Shape, token: str | None, *, member: str = "NextToken") -> Shape:
    """A listing's answer; the last page has no token."""
    return shape if token is None else {**shape, member: token}
