"""
Where to send the browser so that the provider forgets it too.

Spec: OpenID Connect RP-Initiated Logout 1.0 §2; Amazon Cognito's logout endpoint; decision D16.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ostiary.http.forms import add_query
from ostiary.oidc.rp.metadata import has_same_place, is_cognito_logout


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What is known when somebody logs out."""

    issuer: str
    client_id: str | None
    end_session_endpoint: str | None
    logout_redirect_uri: str | None
    id_token: str | None = field(default=None, repr=False)


def complete_logout_uri(url: str) -> tuple[str, str | None]:
    """A logout URL whose `logout_uri` has a scheme, and what was completed (to be reported)."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    repaired = [
        (k, f"https://{v}" if k == "logout_uri" and v and "://" not in v else v)
        for k, v in pairs
    ]
    if repaired == pairs:
        return url, None
    changed = next(v for k, v in repaired if k == "logout_uri")
    return urlunsplit(parts._replace(query=urlencode(repaired))), changed


def build_logout_url(request: LogoutRequest) -> str | None:
    """The URL to redirect to, or None when there is nowhere to go."""
    endpoint, target = request.end_session_endpoint, request.logout_redirect_uri
    if endpoint is None:
        return complete_logout_uri(target)[0] if target else None
    if target and has_same_place(target, endpoint):
        return complete_logout_uri(target)[0]
    if is_cognito_logout(endpoint, request.issuer):
        pairs = [("client_id", request.client_id or "")]
        if target:
            pairs.append(
                ("logout_uri", target if "://" in target else f"https://{target}")
            )
        return add_query(endpoint, pairs) if target else None
    pairs = []
    if request.id_token:
        pairs.append(("id_token_hint", request.id_token))
    if target:
        pairs.append(("post_logout_redirect_uri", target))
    if request.client_id:
        pairs.append(("client_id", request.client_id))
    return add_query(endpoint, pairs)
