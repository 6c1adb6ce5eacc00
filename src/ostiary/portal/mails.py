"""
The texts of the portal's mails. Pure.

Nobody's words but the developer's own name and address are repeated, and both on one line: a
mail of ours must not say what a stranger wants it to say.

Spec: portal §1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Event = Literal["request-access", "approved-access", "invite"]
_MAX_NAME_CHARS: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """
    What mails may name. `manager` is the Manager's public URL, None where there is none.

    `is_proven` is whether nobody signs in without the provider's word for the address.
    """

    portal_name: str
    portal_url: str
    workspace: str
    email: str
    name: str
    manager: str | None = None
    is_proven: bool = True


_TEXTS: Final[Mapping[Event, tuple[str, str]]] = {
    "invite": (
        "You are invited to {portal_name}",
        "You are invited to register at {portal_name}:\n\n{portal_url}/register\n",
    ),
    "request-access": (
        "{email} asks for access to {portal_name}",
        "{name} ({email}) has registered at {portal_name} and waits for approval.{doubt}\n\n{review}\n",
    ),
    "approved-access": (
        "Welcome to {portal_name}",
        "Hello {name},\n\nyour registration at {portal_name} was approved. Sign in here:\n\n{portal_url}/login\n",
    ),
}


_DOUBT: Final = (
    "\n\nThis portal knows people by something else than their address: nobody has verified "
    "that it is theirs. Make sure who asks before you approve."
)


def build_text(event: Event, facts: Facts) -> tuple[str, str]:
    """The subject and the text of a mail."""
    review = (
        f"Decide in the Manager:\n{facts.manager}/{facts.workspace}/developers/requested"
        if facts.manager
        else "Decide in the Manager or with the Admin API: "
        f"PATCH /{facts.workspace}/developers/{facts.email} status=0"
    )
    values = {
        "portal_name": flatten(facts.portal_name),
        "portal_url": facts.portal_url,
        "email": flatten(facts.email),
        "name": flatten(facts.name),
        "review": review,
        "doubt": "" if facts.is_proven else _DOUBT,
    }
    subject, text = _TEXTS[event]
    return subject.format(**values), text.format(**values)


def flatten(text: str) -> str:
    """One line without what mail programs make links of."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    clean = clean.replace("://", ":/ /").replace("www.", "www ")
    clean = " ".join(clean.split())
    return clean[:_MAX_NAME_CHARS]
