"""App client settings: identity providers, callback and sign-out URLs, flows and scopes."""

from __future__ import annotations

import re
from typing import Any, Final

from starlette.responses import Response

from ostiary.model.pool_settings import STANDARD_SCOPES
from ostiary.userpool.api.caller import Shape
from ostiary.userpool.api.errors import ApiError
from ostiary.userpool.api.service import load_service
from ostiary.userpool.console.forms import Form, Sheet, place_error
from ostiary.userpool.console.hosted import build_launch_url
from ostiary.userpool.console.pools import load_shown_pool
from ostiary.userpool.console.visit import Visit

_OPERATION: Final = "UpdateUserPoolClient"
# The page to follow shows its URLs in typographic quotes, and people copy them.
_QUOTES: Final = "“”„‟‘’‚‛«»\"'`"
_LISTS: Final = (("callback_urls", "CallbackURLs"), ("logout_urls", "LogoutURLs"))
_FIELDS: Final = {
    "callbackURLs": "callback_urls",
    "logoutURLs": "logout_urls",
    "defaultRedirectURI": "default_uri",
    "Invalid DefaultRedirectURI": "default_uri",
    "allowedOAuthFlows": "flows",
    "client_credentials flow": "flows",
    "AllowedOAuthFlows and": "flows",
    "allowedOAuthScopes": "scopes",
    "Invalid scope": "scopes",
    "supportedIdentityProviders": "providers",
    "The provider": "providers",
}
_FLOWS: Final = (
    ("code", "Authorization code grant"),
    ("implicit", "Implicit grant"),
    ("client_credentials", "Client credentials"),
)


def split_urls(text: str) -> list[str]:
    """The URLs of a list by comma or line, without the quotation marks around them."""
    parts = (part.strip(_QUOTES + " ") for part in re.split(r"[,\s]+", text))
    return [part for part in parts if part]


def has_quotes(form: Form) -> bool:
    """Tell whether quotation marks were left out."""
    return any(mark in form.get(name) for name, _ in _LISTS for mark in _QUOTES)


def _read_client(client: Shape) -> Form:
    return Form(
        {
            "providers": tuple(client.get("SupportedIdentityProviders", ())),
            "callback_urls": (", ".join(client.get("CallbackURLs", ())),),
            "logout_urls": (", ".join(client.get("LogoutURLs", ())),),
            "default_uri": (client.get("DefaultRedirectURI", ""),),
            "flows": tuple(client.get("AllowedOAuthFlows", ())),
            "scopes": tuple(client.get("AllowedOAuthScopes", ())),
        }
    )


def build_settings_input(client: Shape, form: Form) -> dict[str, Any]:
    """
    The input of UpdateUserPoolClient: all of the client's settings, with those of the form.

    Args:
        client: As described; what the operation would forget is sent along.
    """
    service = load_service()
    members = service.shapes[service.operations[_OPERATION].input].members
    kept = {name: value for name, value in client.items() if name in members}
    kept.pop("DefaultRedirectURI", None)
    given = kept | {
        "SupportedIdentityProviders": list(form.all("providers")),
        "CallbackURLs": split_urls(form.get("callback_urls")),
        "LogoutURLs": split_urls(form.get("logout_urls")),
        "AllowedOAuthFlows": list(form.all("flows")),
        "AllowedOAuthScopes": list(form.all("scopes")),
        "AllowedOAuthFlowsUserPoolClient": bool(form.all("flows")),
    }
    if form.get("default_uri"):
        given["DefaultRedirectURI"] = form.get("default_uri").strip(_QUOTES)
    return given


def place_settings_error(text: str, given: dict[str, Any]) -> dict[str, str]:
    """A refusal at its field; one that begins with a URL stands where the URL does."""
    for field, member in _LISTS:
        if any(text.startswith(f"{uri} ") for uri in given[member]):
            return {field: text}
    return place_error(text, _FIELDS)


async def _load_scopes(visit: Visit) -> list[str]:
    found = await visit.run(
        "ListResourceServers", UserPoolId=visit.pool_id, MaxResults=50
    )
    return [
        f"{server['Identifier']}/{scope['ScopeName']}"
        for server in found["ResourceServers"]
        for scope in server.get("Scopes", ())
    ]


async def _load_providers(visit: Visit) -> list[str]:
    found = await visit.run(
        "ListIdentityProviders", UserPoolId=visit.pool_id, MaxResults=60
    )
    return [provider["ProviderName"] for provider in found["Providers"]]


async def _load_client(visit: Visit) -> Shape:
    found = await visit.run(
        "DescribeUserPoolClient",
        UserPoolId=visit.pool_id,
        ClientId=visit.request.path_params["client_id"],
    )
    client: Shape = found["UserPoolClient"]
    return client


async def _show(
    visit: Visit, client: Shape, sheet: Sheet, status: int = 200
) -> Response:
    pool = await load_shown_pool(visit)
    scopes = (*STANDARD_SCOPES, *await _load_scopes(visit))
    providers = await _load_providers(visit)
    visit.calls.clear()
    visit.note(_OPERATION, build_settings_input(client, sheet.form))
    return visit.show(
        "console-client-settings.html",
        status=status,
        here="client-settings",
        pool=pool,
        client=client,
        sheet=sheet,
        providers=(
            ("COGNITO", "Cognito User Pool"),
            *((name, name) for name in providers),
        ),
        flows=_FLOWS,
        scopes=tuple((scope, scope) for scope in scopes),
        launch_url=build_launch_url(visit, pool, client),
    )


async def get_list(visit: Visit) -> Response:
    """The clients to choose from; a pool's only client at once."""
    found = await visit.run(
        "ListUserPoolClients", UserPoolId=visit.pool_id, MaxResults=60
    )
    clients = found["UserPoolClients"]
    if len(clients) == 1:
        return visit.go(f"/client-settings/{clients[0]['ClientId']}")
    return visit.show(
        "console-client-choice.html",
        here="client-settings",
        pool=await load_shown_pool(visit),
        clients=clients,
    )


async def get_settings(visit: Visit) -> Response:
    """The settings of a client."""
    client = await _load_client(visit)
    return await _show(visit, client, Sheet(form=_read_client(client)))


async def post_settings(visit: Visit) -> Response:
    """Save the settings of a client."""
    client = await _load_client(visit)
    given = build_settings_input(client, visit.form)
    try:
        await visit.run_as_given(_OPERATION, given)
    except ApiError as error:
        errors = place_settings_error(error.message, given)
        return await _show(visit, client, Sheet(form=visit.form, errors=errors), 400)
    done = "settings-saved-quotes" if has_quotes(visit.form) else "settings-saved"
    return visit.go(f"/client-settings/{client['ClientId']}", done=done)
