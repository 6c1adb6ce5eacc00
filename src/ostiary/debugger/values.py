"""
What a run of the debugger is made of.

Steps hold no secret: they are redacted when they are made (`redaction`), so that whatever shows
or copies them needs no thought. What has to stay secret is in `Setup.client_secret`, `Held` and
`Flow`, and in what tokens say of people (`TokenShown`).

Spec: RFC 6749, RFC 7636, OpenID Connect Core 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ostiary.oidc.rp.checks import Check

Level = Literal["error", "note"]
Kind = Literal[
    "discovery",
    "keys",
    "authorization",
    "callback",
    "token",
    "refresh",
    "userinfo",
    "introspection",
    "revocation",
    "client_credentials",
    "logout",
    "cors",
    "trial",
    "story",
]
Actor = Literal["browser", "debugger", "gateway"]
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "jwks_uri",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """
    A request as it may be shown.

    Secrets are placeholders such as `$CODE`. `pairs` are the arguments of the query or the form, in
    order; `url` has no query where they are those of the query.
    """

    method: str
    url: str
    fields: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """A reply as it may be shown. `took_ms` None: nobody measured. `body` is text, cut where long."""

    status: int
    fields: tuple[tuple[str, str], ...] = ()
    body: str = ""
    took_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """
    Why a step went wrong, or what is odd about it: `note` hinders nothing.

    `code` is a stable word, `text` says what is wrong and where, `remedy` what to do.
    """

    code: str
    text: str
    remedy: str = ""
    level: Level = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown:
    """A token as the person who asked for it sees it. An opaque one has no header and no claims."""

    name: str
    text: str = field(repr=False)
    header: Mapping[str, Any] | None = None
    claims: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    One exchange: who asked whom what, what came, each rule, and why it went wrong.

    `failure` says why there is no reply. `trials` are the experiments that found a cause.
    `at` is Unix time in seconds.
    """

    kind: Kind
    title: str
    actor: Actor = "debugger"
    at: float = 0.0
    sent: Sent | None = None
    got: Got | None = None
    failure: str = ""
    checks: tuple[Check, ...] = ()
    causes: tuple[Cause, ...] = ()
    tokens: tuple[TokenShown, ...] = ()
    trials: tuple[Step, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing about it hinders: a rule that does not hold and matters is an error's cause."""
        return not self.failure and all(c.level != "error" for c in self.causes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """
    What a person typed: the provider and the client.

    `auth_method` is empty for the one that fits. `endpoints` are those typed by hand, by their name
    in the metadata; they win over what discovery says.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    auth_method: str = ""
    redirect_uri: str = ""
    scope: str = "openid"
    uses_pkce: bool = True
    prompt: str = ""
    audience: str = ""
    logout_redirect_uri: str = ""
    logout_form: Literal["", "standard", "cognito"] = ""
    leeway_s: int = 0
    endpoints: tuple[tuple[str, str], ...] = ()

    def endpoint(self, name: str) -> str:
        """An endpoint typed by hand; empty for none."""
        return dict(self.endpoints).get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A sign-in that has begun and not come back."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    begun_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The tokens that later steps use. `nonce` is that of the sign-in they came from."""

    access_token: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    nonce: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """
    All of it. It travels sealed with the page, and is kept nowhere (decision 0051).

    `document` is the provider's metadata and `keys` its JWK Set as they came; None: unknown.
    """

    setup: Setup = Setup()
    steps: tuple[Step, ...] = ()
    document: Mapping[str, Any] | None = None
    keys: Mapping[str, Any] | None = None
    flow: Flow | None = None
    held: Held = Held()
