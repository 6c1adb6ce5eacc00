"""
What the provider refuses, and whom it tells.

A refused authorization request is told to the client by a redirect only after the redirect
URI was proven to be the client's; before that, only the person sees it.

Spec: RFC 6749 §4.1.2.1, §5.2; OpenID Connect Core 1.0 §3.1.2.6.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowError:
    """Show the person an error page; the client's redirect URI is not to be trusted."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectError:
    """Send the error to the client."""

    redirect_uri: str
    code: str
    description: str | None = None
    state: str | None = None
    in_fragment: bool = False


class TokenRefused(Exception):
    """
    A back-channel request is refused. `code` goes out, `detail` to the log only.

    `public` is a text that was made for the client, such as a trigger's.
    """

    def __init__(
        self, code: str, detail: str, *, status: int = 400, public: str | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.public = public
