"""
How operators sign in at a provider: `admin_gui_auth_conf` as it is pasted, made fit for the Manager.

Both of Kong's spellings are taken, that before 3.6 and that since. What decides how a sign-in
ends is the Manager's own, whatever is pasted: the answer comes to an address of its own origin,
where its cookie is, and no token leaves the node. Pure.

Spec: portal §2.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from ostiary.http.url import MalformedUrl, origin_of
from ostiary.model.words import read_problems
from ostiary.settings import Settings
from ostiary.settings.operators import OPENID_CONNECT, read_record
from ostiary.signin.schema import OpenidConnectConfig

CALLBACK: Final = "/auth/callback"
SIGN_IN: Final = "/auth/sign-in"
REGISTER: Final = "/auth/register"
DEBUGGER: Final = "/auth/debugger"
# In which fields sign-in hands over what the provider said: they go nowhere else.
ID_TOKEN: Final = "x-ostiary-id-token"  # noqa: S105 - the name of a field
ACCESS_TOKEN: Final = "x-ostiary-access-token"  # noqa: S105 - the name of a field
USER_INFO: Final = "x-ostiary-user-info"
_OWN: Final = (
    "admin_claim", "authenticated_groups_claim", "admin_auto_create",
    "admin_auto_create_rbac_token_disabled",
)  # fmt: skip
# What the Manager decides itself: Kong ignores the first two lines, too.
_NOT_ASKED: Final = frozenset(
    {
        "auth_methods", "login_action", "login_methods", "login_tokens", "logout_methods",
        "logout_query_arg", "logout_revoke", "logout_revoke_access_token",
        "logout_revoke_refresh_token", "refresh_tokens", "upstream_access_token_header",
        "upstream_id_token_header", "upstream_user_info_header", "logout_post_arg",
        "logout_uri_suffix", "login_redirect_mode", "login_redirect_uri", "response_mode",
        "redirect_uri", "unauthorized_redirect_uri", "forbidden_redirect_uri",
        "unexpected_redirect_uri", "consumer_claim", "consumer_claims", "consumer_by",
        "consumer_optional", "consumer_groups_claim", "credential_claim", "anonymous",
        "disable_session", "upstream_headers", "upstream_headers_claims",
        "upstream_headers_names", "downstream_headers", "downstream_headers_claims",
        "downstream_headers_names", "search_user_info", "bearer_token_param_type",
        # Whoever comes this way may change the gateway: nothing is taken on trust.
        "verify_claims", "verify_nonce", "verify_signature", "ignore_signature",
    }
)  # fmt: skip
# Cookies are the Manager's own, so that no upstream of the same host sees them (record 0044).
_COOKIES: Final = ("session_", "authorization_cookie_")


# What people write into their profiles themselves, at most providers.
_CHOSEN: Final = frozenset({"name", "nickname", "preferred_username"})


class ProviderInvalid(Exception):
    """`admin_gui_auth_conf` cannot be used; the text says what to write instead."""

    code = "provider_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminProvider:
    """
    Where operators sign in.

    `callback` is the path on the Manager's origin `home` that answers come to. `claim` tells who
    somebody is, and `groups` which roles they have; without it roles are given by hand.
    """

    home: str
    callback: str
    config: OpenidConnectConfig = field(repr=False)
    claim: tuple[str, ...] = ("email",)
    groups: tuple[str, ...] | None = ("groups",)
    auto_create: bool = True
    rbac_token_enabled: bool = True

    @property
    def is_by_email(self) -> bool:
        """Whether admins are known by their address, which must be verified then."""
        return self.claim == ("email",)

    @property
    def is_chosen(self) -> bool:
        """Whether admins are known by what people usually choose themselves."""
        name = self.claim[0] if self.claim else ""
        return name in _CHOSEN or name.startswith("custom:")

    @property
    def redirect_uri(self) -> str:
        """What is registered at the provider."""
        return f"{self.home}{self.callback}"


def read_provider(settings: Settings) -> AdminProvider | None:
    """
    The provider of some settings; None where operators sign in with tokens.

    Raises:
        ProviderInvalid: It cannot be used.
    """
    if settings.admin_gui_auth != OPENID_CONNECT:
        return None
    try:
        home = origin_of(settings.admin_gui_url or "")
        said = read_record(settings.admin_gui_auth_conf or "")
        callback = _read_callback(said, home)
        provider = AdminProvider(
            home=home,
            callback=callback,
            config=_build_config(said, home, callback),
            claim=_read_claim(said, "admin_claim", ("email",)) or (),
            groups=_read_claim(said, "authenticated_groups_claim", ("groups",)),
            auto_create=_read_switch(said, "admin_auto_create", usual=True),
            rbac_token_enabled=not _read_switch(
                said, "admin_auto_create_rbac_token_disabled", usual=False
            ),
        )
    except MalformedUrl as error:
        raise ProviderInvalid("admin_gui_url: must be an absolute URL") from error
    except ValidationError as error:
        texts = (f"{'.'.join(map(str, p))}: {t}" for p, t in read_problems(error))
        raise ProviderInvalid(f"admin_gui_auth_conf: {'; '.join(texts)}") from error
    except ValueError as error:
        raise ProviderInvalid(f"admin_gui_auth_conf: {error}") from error
    if not provider.claim:
        text = "admin_gui_auth_conf: admin_claim: must name a claim, such as email"
        raise ProviderInvalid(text)
    if not provider.config.client_id:
        text = "admin_gui_auth_conf: client_id: required field missing"
        raise ProviderInvalid(text)
    return provider


def _read_claim(
    said: Mapping[str, Any], name: str, usual: tuple[str, ...]
) -> tuple[str, ...] | None:
    """
    The path of a claim: a text or a list; None where there is to be none.

    Raises:
        ValueError: It is no such thing.
    """
    if name not in said:
        return usual
    value = said[name]
    # An empty list may come as {}: Lua writes both alike.
    found = [value] if isinstance(value, str) else value or []
    if not isinstance(found, list) or not all(isinstance(v, str) and v for v in found):
        raise ValueError(f"{name}: must be the name of a claim, or a list of names")
    return tuple(found) or None


def _read_switch(said: Mapping[str, Any], name: str, *, usual: bool) -> bool:
    value = said.get(name)
    if value is None:
        return usual
    if not isinstance(value, bool):
        raise ValueError(f"{name}: must be true or false")
    return value


def _read_callback(said: Mapping[str, Any], home: str) -> str:
    """
    The path that answers come to, on the Manager's own origin.

    Raises:
        ValueError: It is to be somewhere else.
    """
    value = said.get("redirect_uri")
    listed = [value] if isinstance(value, str) else value or []
    if not listed:
        return CALLBACK
    uri = listed[0] if isinstance(listed, list) and len(listed) == 1 else None
    try:
        parts = urlsplit(uri) if isinstance(uri, str) else None
        fits = parts is not None and origin_of(str(uri)) == home
    except (MalformedUrl, ValueError):
        parts, fits = None, False
    if parts is None or not fits or parts.query or parts.fragment:
        # The Admin API's /auth of Kong 3.6 and later too: it has no cookie of the Manager's.
        raise ValueError(
            f"redirect_uri: must be one address of the Manager itself (admin_gui_url), {home}: leave it out "
            f"and register {home}{CALLBACK} at the provider"
        )
    path = parts.path or "/"
    if path.startswith("/auth/") and path != CALLBACK:
        raise ValueError(
            f"redirect_uri: {path} is a page of the Manager; use {home}{CALLBACK}"
        )
    return path


def _build_config(
    said: Mapping[str, Any], home: str, callback: str
) -> OpenidConnectConfig:
    """
    What was pasted, with what the Manager decides itself in its place.

    Raises:
        ValidationError: It is wrong as the plugin's configuration.
    """
    plugin = {name: value for name, value in said.items() if name not in _OWN}
    # As a whole first, so that a mistake is told though the field counts for nothing.
    OpenidConnectConfig.model_validate(plugin, strict=False)
    kept = {
        name: value
        for name, value in plugin.items()
        if name not in _NOT_ASKED and not name.startswith(_COOKIES)
    }
    usual: dict[str, Any] = {
        "scopes": ["openid", "profile", "email"],
        "logout_redirect_uri": [f"{home}{SIGN_IN}"],
    }
    forced = {
        "auth_methods": ["authorization_code"],
        "login_methods": ["authorization_code"],
        "login_action": "upstream",
        "redirect_uri": [f"{home}{callback}"],
        "upstream_id_token_header": ID_TOKEN,
        "upstream_access_token_header": ACCESS_TOKEN,
        "upstream_user_info_header": USER_INFO,
    }
    return OpenidConnectConfig.model_validate({**usual, **kept, **forced}, strict=False)
