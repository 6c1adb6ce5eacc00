"""
References to vaults in configurations, read when they are used; what is stored stays a reference.

`{vault://env/my-secret}` is the environment variable MY_SECRET; `{vault://<prefix>/name/key}`
is a member of the JSON object that the variable of that vault holds.

Spec: gateway §§1.9, 5.1 (vault references).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ostiary.model.keys import EnvConfig, Vault

_REFERENCE: Final = re.compile(
    r"\{vault://(?P<vault>[a-z][a-z\d-]*)/(?P<name>[A-Za-z0-9_.-]+)(?:/(?P<key>[^{}/?#]+))?/?\}"
)
_BUILT_IN: Final = "env"
_SETTINGS: Final = ("KONG_", "OSTIARY_")
_NO_LETTER: Final = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vaults:
    """
    The vaults of a configuration, by prefix, and the environment that they read.

    A reference that leads nowhere stays as it is: it is nobody's password, and the rest of the
    configuration goes on.
    """

    prefixes: Mapping[str, EnvConfig] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def resolve(self, value: Any) -> Any:  # Any: JSON
        """A value with what its references mean in their place."""
        if isinstance(value, str):
            found = self._read(value)
            return value if found is None else found
        if isinstance(value, Mapping):
            return {name: self.resolve(inner) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.resolve(inner) for inner in value]
        return value

    def unresolved(self, value: Any) -> list[str]:  # Any: JSON
        """The references in a value that lead nowhere."""
        if isinstance(value, str):
            wrong = _REFERENCE.fullmatch(value) and self._read(value) is None
            return [value] if wrong else []
        inner: Iterable[Any] = ()
        if isinstance(value, Mapping):
            inner = value.values()
        elif isinstance(value, list | tuple):
            inner = value
        return [text for part in inner for text in self.unresolved(part)]

    def _read(self, text: str) -> str | None:
        match = _REFERENCE.fullmatch(text)
        if match is None:
            return None
        config = self.prefixes.get(match["vault"])
        if config is None and match["vault"] != _BUILT_IN:
            return None
        prefix = (config.prefix if config else None) or ""
        name = (prefix + match["name"]).upper().replace("-", "_")
        value = self.environ.get(name)
        if value is None or match["key"] is None:
            return value
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return None
        member = found.get(match["key"]) if isinstance(found, dict) else None
        return member if isinstance(member, str) else None


def see_environ(
    environ: Mapping[str, str], workspace: str | None, *, others: Iterable[str] = ()
) -> dict[str, str]:
    """
    The variables that a workspace may read: never our own settings, which hold passwords.

    Args:
        workspace: Its name; those of others than `default` (None) read only what begins with it:
            `my-team` reads MY_TEAM__SECRET.
        others: The other workspaces' names. What may be one's of them is nobody else's: `a` does
            not read A__B__SECRET where there is a workspace `a__b`, and neither of `my-team` and
            `my_team` reads anything.
    """
    own = "" if workspace is None else _begin(workspace)
    theirs = tuple(
        begin for begin in map(_begin, others) if own and begin.startswith(own)
    )
    hidden = (*_SETTINGS, *theirs)
    return {
        name: value
        for name, value in environ.items()
        if name.startswith(own) and not name.startswith(hidden)
    }


def _begin(workspace: str) -> str:
    """What the variables of a workspace begin with."""
    return _NO_LETTER.sub("_", workspace).upper() + "__"


def build_vaults(rows: Iterable[Vault], environ: Mapping[str, str]) -> Vaults:
    """The vaults of some rows."""
    return Vaults(prefixes={row.prefix: row.config for row in rows}, environ=environ)


def has_reference(value: Any) -> bool:  # Any: JSON
    """Whether a value refers to a vault somewhere."""
    if isinstance(value, str):
        return _REFERENCE.fullmatch(value) is not None
    if isinstance(value, Mapping):
        return any(map(has_reference, value.values()))
    return isinstance(value, list | tuple) and any(map(has_reference, value))
