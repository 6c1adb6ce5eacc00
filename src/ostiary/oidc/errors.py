"""What can go wrong between a relying party and a provider, and whose fault it is."""

from __future__ import annotations


class OidcError(Exception):
    """
    Root: `code` is a stable word, `status` a hint, `detail` is for logs only.

    Never put a token, a code or a secret into `detail`.
    """

    code = "oidc_error"
    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MetadataRefused(OidcError):
    """The discovery document cannot be used; the operator must look."""

    code = "metadata_refused"
    status = 500


class CallbackRefused(OidcError):
    """The authorization response is not an answer to what we asked."""

    code = "callback_refused"
    status = 400


class ProviderError(OidcError):
    """The provider answered with an OAuth error; `error` is its word."""

    code = "provider_error"

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(
            f"the provider said {error[:64]!r} ({(description or '-')[:200]!r})"
        )
        self.error = error
        self.description = description


class MalformedReply(OidcError):
    """The provider's reply is not what the specification asks."""

    code = "malformed_reply"
    status = 502


class TokenRefused(OidcError):
    """A token fails a check; `detail` names the claim, the value where harmless, and what was expected."""

    code = "token_refused"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
