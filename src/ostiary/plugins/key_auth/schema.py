"""
The configuration of `key-auth`.

Spec: gateway §4.5 (key-auth).
"""

from __future__ import annotations

from typing import Annotated

from ostiary.kit import Entity
from ostiary.kit.fields import LIST, Field, HeaderName, NonEmpty


class KeyAuthConfig(Entity):
    """`config` of the plugin."""

    key_names: Annotated[tuple[HeaderName, ...], LIST, Field(min_length=1)] = Field(
        ("apikey",),
        description="Names under which a key may come, tried in order.",
    )
    key_in_header: bool = Field(default=True, description="Look in header fields.")
    key_in_query: bool = Field(default=True, description="Look in the query.")
    key_in_body: bool = Field(
        default=False,
        description="Look in the body: a form, a JSON object or a multipart form.",
    )
    hide_credentials: bool = Field(
        default=False, description="Take the key out of what the upstream gets."
    )
    anonymous: NonEmpty | None = Field(
        None, description="Consumer (id or username) of requests that fail."
    )
    run_on_preflight: bool = Field(
        default=True, description="Ask OPTIONS requests for a key, too."
    )
    realm: NonEmpty | None = Field(None, description="The realm in WWW-Authenticate.")
