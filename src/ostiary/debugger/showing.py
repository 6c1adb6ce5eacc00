"""
A run as the values of its page.

Spec: OpenID Connect Discovery 1.0 §3 (what a provider supports).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.debugger import copies
from ostiary.debugger.client import (
    AUTH_METHODS,
    build_sign_in_url,
    build_sign_out_url,
    choose_method,
    find_endpoint,
    is_cognito,
)
from ostiary.debugger.curl import curl_of
from ostiary.debugger.diagram import draw
from ostiary.debugger.report import report
from ostiary.debugger.values import ENDPOINTS, Cause, Run, Step

_SUPPORTS: Final = (
    ("grant_types_supported", "Grants"),
    ("response_types_supported", "Response types"),
    ("response_modes_supported", "Response modes"),
    ("code_challenge_methods_supported", "PKCE methods"),
    ("scopes_supported", "Scopes"),
    ("claims_supported", "Claims"),
    ("subject_types_supported", "Subject types"),
    ("token_endpoint_auth_methods_supported", "Client authentication"),
    ("id_token_signing_alg_values_supported", "Signs ID tokens with"),
)
_FEATURES: Final = (
    ("end_session_endpoint", "Logout through the browser"),
    ("backchannel_logout_supported", "Back-channel logout"),
    ("frontchannel_logout_supported", "Front-channel logout"),
    ("revocation_endpoint", "Revocation"),
    ("introspection_endpoint", "Introspection"),
    ("userinfo_endpoint", "UserInfo"),
    ("pushed_authorization_request_endpoint", "Pushed authorization requests"),
    ("device_authorization_endpoint", "Device grant"),
    ("registration_endpoint", "Dynamic registration"),
    ("authorization_response_iss_parameter_supported", "iss in its answers (RFC 9207)"),
    ("tls_client_certificate_bound_access_tokens", "Tokens bound to certificates"),
    ("dpop_signing_alg_values_supported", "DPoP"),
)
# Steps that ask who the provider is: the client's turn comes after them.
_EARLY: Final = frozenset({"discovery", "keys", "cors"})
_ALONE: Final = frozenset({"refresh", "userinfo", "introspection", "revocation", "client_credentials", "logout"})  # fmt: skip
# Fields that stand in a part of the form that is folded.
_HIDDEN: Final = frozenset({"auth_method", "prompt", "audience", "leeway", "logout_redirect_uri"})  # fmt: skip
LABELS: Final = {
    "authorization_endpoint": "Authorization endpoint",
    "token_endpoint": "Token endpoint",
    "userinfo_endpoint": "UserInfo endpoint",
    "introspection_endpoint": "Introspection endpoint",
    "revocation_endpoint": "Revocation endpoint",
    "end_session_endpoint": "Logout endpoint",
    "jwks_uri": "Signing keys (jwks_uri)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Supports:
    """What a provider says of itself: lists by their label, and features that it has or has not."""

    lists: tuple[tuple[str, tuple[str, ...]], ...]
    features: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """A step with its number, and the command that repeats it."""

    number: int
    step: Step
    is_open: bool
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Something that can be done next: the button's value and label."""

    act: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Something to copy or to save: `save` is the button's value, if it can be saved."""

    title: str
    hint: str
    text: str = field(repr=False)
    save: str = ""


def read_supports(document: Mapping[str, Any]) -> Supports:
    """What a provider's document says that it supports."""
    lists = []
    for name, label in _SUPPORTS:
        value = document.get(name)
        if isinstance(value, list):
            lists.append((label, tuple(str(v)[:100] for v in value[:60])))
    features = tuple((label, bool(document.get(name))) for name, label in _FEATURES)
    return Supports(lists=tuple(lists), features=features)


def find_ways(run: Run) -> Iterator[Way]:
    """What can be done next with the tokens that are held."""
    held = run.held
    if held.refresh_token:
        yield Way(act="refresh", label="Refresh the tokens")
    if held.access_token and held.id_token and find_endpoint(run, "userinfo_endpoint"):
        yield Way(act="userinfo", label="Ask UserInfo")
    if held.access_token and find_endpoint(run, "introspection_endpoint"):
        yield Way(act="introspection", label="Introspect the access token")
    if (held.refresh_token or held.access_token) and find_endpoint(run, "revocation_endpoint"):  # fmt: skip
        yield Way(act="revocation", label="Revoke the " + ("refresh token" if held.refresh_token else "access token"))  # fmt: skip
    if run.setup.client_id and find_endpoint(run, "end_session_endpoint"):
        yield Way(act="logout", label="Log out")


def show_steps(run: Run) -> tuple[StepShown, ...]:
    """The steps; the last and those that went wrong are open."""
    last = len(run.steps)
    return tuple(
        StepShown(
            number=number,
            step=step,
            is_open=number == last or not step.is_good,
            curl=curl_of(step),
        )
        for number, step in enumerate(run.steps, 1)
    )


def find_notes(run: Run) -> tuple[Cause, ...]:
    """What is odd and hinders nothing, each once."""
    found = (c for step in run.steps for c in step.causes if c.level == "note")
    return tuple({cause.code: cause for cause in found}.values())


def find_verdict(run: Run) -> Cause | None:
    """Why it does not work: the first cause that is an error, of the steps that belong together."""
    # What is asked with tokens that are held stands by itself.
    latest = run.steps[-1:] if run.steps and run.steps[-1].kind in _ALONE else run.steps
    for step in reversed(latest):
        found = next((c for c in step.causes if c.level == "error"), None)
        if found is not None:
            return found
        if step.failure:
            return Cause(code="failed", text=step.failure)
    return None


def build_copies(run: Run, admin: str) -> tuple[Copy, ...]:
    """What can be taken along."""
    found = []
    if run.setup.client_id:
        found += [
            Copy(
                title="Plugin through the Admin API",
                hint="The openid-connect plugin with the same values. The client secret is a reference to an environment variable.",
                text=copies.admin_call(run.setup, run.document, admin=admin),
            ),
            Copy(
                title="Plugin as a declarative file",
                hint="The same for a node whose configuration is a file.",
                text=copies.declarative_yaml(run.setup, run.document),
            ),
        ]  # fmt: skip
    lines = [line for step in run.steps if (line := curl_of(step))]
    if lines:
        found.append(
            Copy(
                title="Every step with curl",
                hint="What is secret is a variable of the shell: set it first.",
                text="\n\n".join(lines),
            )
        )
    if run.steps:
        found.append(
            Copy(
                title="Report",
                hint="Redacted: no token, code, secret or personal claim. For tickets and chats.",
                text=report(run),
                save="save_report",
            )
        )
    return tuple(found)


def build_values(
    run: Run,
    *,
    sealed: str,
    admin: str,
    own_redirect_uri: str,
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    warning: str = "",
) -> dict[str, object]:
    """Everything that the template needs."""
    setup, document = run.setup, run.document
    own_endpoint = document or {}
    return {
        "setup": setup,
        "errors": errors or {},
        "problem": problem,
        "warning": warning,
        "has_secret": bool(setup.client_secret),
        "sealed": sealed,
        "steps": show_steps(run),
        "verdict": find_verdict(run),
        "is_good": bool(run.steps) and all(step.is_good for step in run.steps),
        "diagram": draw(run, standalone=False),
        "supports": None if document is None else read_supports(document),
        "endpoints": tuple(
            (name, LABELS[name], setup.endpoint(name), own_endpoint.get(name) or "")
            for name in ENDPOINTS
        ),
        "methods": AUTH_METHODS,
        "method": choose_method(setup, document),
        "ways": tuple(find_ways(run)),
        "is_refused": bool(run.steps) and not run.steps[-1].is_good,
        "notes": find_notes(run),
        "has_hidden_errors": bool(set(errors or {}) & _HIDDEN),
        "has_endpoint_errors": bool(set(errors or {}) & set(ENDPOINTS)),
        "is_begun": any(s.kind not in _EARLY for s in run.steps),
        "copies": build_copies(run, admin),
        "sign_in_url": _sign_in_url(run),
        "sign_out_url": _sign_out_url(run),
        "own_redirect_uri": own_redirect_uri,
        "is_cognito": is_cognito(run),
        "as_json": _as_json,
    }


def _sign_in_url(run: Run) -> str:
    """Where to sign in now, if that is the next thing to do."""
    is_next = run.steps and run.steps[-1].kind == "authorization"
    return build_sign_in_url(run, run.flow) if is_next and run.flow else ""


def _sign_out_url(run: Run) -> str:
    is_next = run.steps and run.steps[-1].kind == "logout"
    return build_sign_out_url(run) or "" if is_next else ""


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


def build_replay(run: Run, story: object) -> dict[str, object]:
    """The values of a story's view."""
    return {
        "sealed": "",
        "is_refused": False,
        "notes": (),
        "sign_in_url": "",
        "sign_out_url": "",
        "ways": (),
        "steps": show_steps(run),
        "verdict": find_verdict(run),
        "is_good": all(step.is_good for step in run.steps),
        "diagram": draw(run, standalone=False),
        "copies": build_copies(run, ""),
        "as_json": _as_json,
        "story": _as_json(story),
    }
