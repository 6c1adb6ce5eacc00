"""
What a person typed, read and judged field by field.

Spec: RFC 6749 §3.3 (scope), RFC 6749 §3.1.2 (redirect URI); decision D7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ostiary.debugger.client import AUTH_METHODS, MIN_HMAC_BYTES, can_sign
from ostiary.debugger.values import ENDPOINTS, Setup
from ostiary.http.forms import Pairs, first
from ostiary.http.url import is_http_url
from ostiary.oidc.rp.metadata import normalise_issuer

MAX_TEXT: Final = 2000
MAX_LEEWAY_S: Final = 86_400
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")
_TEXTS: Final = ("issuer", "client_id", "redirect_uri", "scope", "prompt", "audience", "logout_redirect_uri")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A setup, and what is wrong with it by field."""

    setup: Setup
    errors: Mapping[str, str]


def read_setup(form: Pairs, before: Setup, *, own_redirect_uri: str) -> Typed:
    """
    The setup of a form.

    A secret that is left empty stays as it was, so that no page has to show it, unless the client
    is another one, is another provider's, or is said to have none: no provider may see what another
    one made.
    """
    errors: dict[str, str] = {}
    texts = {name: _text(form, name, errors) for name in _TEXTS}
    secret = first(form, "client_secret") or ""
    if len(secret) > MAX_TEXT:
        errors["client_secret"] = f"at most {MAX_TEXT} characters"
    method = first(form, "auth_method") or ""
    if method not in {"", *AUTH_METHODS}:
        errors["auth_method"] = "choose one of the list"
        method = ""
    endpoints = _endpoints(form, errors)
    is_same = texts["client_id"] == before.client_id and _provider(texts["issuer"], endpoints) == _provider(before.issuer, before.endpoints)  # fmt: skip
    if not secret and is_same and method != "none":
        secret = before.client_secret
    form_of_logout = first(form, "logout_form")
    setup = Setup(
        **texts,
        client_secret="" if method == "none" else secret[:MAX_TEXT],
        auth_method=method,
        uses_pkce=first(form, "pkce") is not None,
        logout_form=form_of_logout if form_of_logout in {"standard", "cognito"} else "",  # type: ignore[arg-type]  # one of the two
        leeway_s=_leeway(form, errors),
        endpoints=endpoints,
    )
    setup = replace(setup, redirect_uri=setup.redirect_uri or own_redirect_uri)
    _judge(setup, errors)
    return Typed(setup=setup, errors=errors)


def read_query(query: Pairs, *, own_redirect_uri: str) -> Setup:
    """What a link to the debugger fills in: never a secret, never an endpoint."""
    texts: dict[str, Any] = {name: (first(query, name) or "").strip()[:MAX_TEXT] for name in _TEXTS}  # fmt: skip
    texts["scope"] = texts["scope"] or "openid"
    texts["redirect_uri"] = texts["redirect_uri"] or own_redirect_uri
    return Setup(**texts)


def _provider(issuer: str, endpoints: tuple[tuple[str, str], ...]) -> object:
    """Who would be sent a secret: the issuer, and whatever was typed instead of its endpoints."""
    return normalise_issuer(issuer), endpoints


def _text(form: Pairs, name: str, errors: dict[str, str]) -> str:
    text = (first(form, name) or "").strip()
    if len(text) > MAX_TEXT:
        errors[name] = f"at most {MAX_TEXT} characters"
    elif not text.isprintable():
        errors[name] = "has characters that cannot be typed"
    return text[:MAX_TEXT] if text.isprintable() else ""


def _leeway(form: Pairs, errors: dict[str, str]) -> int:
    text = (first(form, "leeway") or "0").strip()
    if not (re.fullmatch("[0-9]{1,8}", text) and int(text) <= MAX_LEEWAY_S):
        errors["leeway"] = "whole seconds, from 0 to a day"
        return 0
    return int(text)


def _endpoints(form: Pairs, errors: dict[str, str]) -> tuple[tuple[str, str], ...]:
    found = []
    for name in ENDPOINTS:
        url = _text(form, name, errors)
        if url and not is_http_url(url):
            errors[name] = "an absolute URL, beginning with https://"
        elif url:
            found.append((name, url))
    return tuple(found)


def _judge(setup: Setup, errors: dict[str, str]) -> None:
    if setup.issuer and not is_http_url(setup.issuer):
        errors["issuer"] = "an absolute URL, beginning with https://, such as https://idp.example.org/tenant"  # fmt: skip
    if not setup.issuer and not setup.endpoints:
        errors.setdefault("issuer", "type the provider's issuer or discovery URL; one without discovery needs its endpoints typed below")  # fmt: skip
    if not is_http_url(setup.redirect_uri) or "#" in setup.redirect_uri:
        errors["redirect_uri"] = "an absolute URL without a fragment (#)"
    if setup.scope and _SCOPE.fullmatch(setup.scope) is None:
        errors["scope"] = "names separated by single blanks, without quotes"


def judge_client(setup: Setup, errors: Mapping[str, str]) -> Mapping[str, str]:
    """The errors of steps that need a client."""
    if setup.auth_method == "client_secret_jwt" and not can_sign(setup.client_secret):
        errors = {**errors, "auth_method": f"client_secret_jwt needs a secret of at least {MIN_HMAC_BYTES} bytes"}  # fmt: skip
    if setup.client_id or "client_id" in errors:
        return errors
    return {**errors, "client_id": "type the client ID that the provider gave you"}
