"""
Where settings come from: a kong.conf-style file and the environment. Pure.

Files are read by whoever calls.

`KONG_<NAME>` and `OSTIARY_<NAME>` set a name, the latter wins. `<…>_FILE` names a file that
holds the value, as secrets are given to containers. `{vault://env/name}` is another variable.

Spec: gateway §§5.1, 5.5 (twins); decision D24 (unknown names).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ostiary.settings.answers import Stray, is_known
from ostiary.settings.table import OURS_ONLY, Settings, SettingsInvalid

ReadFile = Callable[[str], str]
_TWIN: Final = "_file"
_REFERENCE: Final = re.compile(
    r"\{vault://(?P<vault>[^/{}]+)/(?P<name>[\w.-]+)(?:/(?P<key>[^{}/]+))?/?\}"
)
_OF_HTTP: Final = (
    "client_max_body_size",
    "client_header_timeout",
    "client_body_timeout",
    "send_timeout",
    "keepalive_timeout",
    "keepalive_requests",
)
_OF_PROXY: Final = ("real_ip_header", "real_ip_recursive")
# What nginx calls it, and what it is called here.
ALIASES: Final[Mapping[str, str]] = {
    **{f"nginx_{at}_{name}": name for at in ("http", "proxy") for name in _OF_HTTP},
    **{f"nginx_{at}_{name}": name for at in ("http", "proxy") for name in _OF_PROXY},
    "nginx_main_worker_processes": "nginx_worker_processes",
    "nginx_upstream_keepalive": "upstream_keepalive_pool_size",
    "nginx_upstream_keepalive_requests": "upstream_keepalive_max_requests",
    "nginx_upstream_keepalive_timeout": "upstream_keepalive_idle_timeout",
}


def parse_file(text: str) -> dict[str, str]:
    """The names and values of a kong.conf-style file: `name = value`, `#` begins a comment."""
    found: dict[str, str] = {}
    wrong: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.split(r"(?<!\\)#", line, maxsplit=1)[0].replace(r"\#", "#").strip()
        if not bare:
            continue
        name, sign, value = (part.strip() for part in bare.partition("="))
        if not sign or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            wrong.append(f"line {number}: must be of form: name = value")
        found[name] = value
    if wrong:
        raise SettingsInvalid("; ".join(wrong))
    return found


@dataclass(slots=True)
class Collected:
    """What was said, layer over layer: values by setting, what Kong alone knows, and problems."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    strays: dict[str, Stray] = field(default_factory=dict, repr=False)
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add_file(self, text: str) -> None:
        """Take what a file says."""
        for name, value in parse_file(text).items():
            self._take(name, value, f"setting {name}")

    def add_environ(
        self, environ: Mapping[str, str], prefix: str, read_file: ReadFile
    ) -> None:
        """Take the variables of one prefix, by name."""
        # An empty variable is an unset one: container files cannot leave a name out.
        given = {
            variable.removeprefix(prefix).lower(): variable
            for variable in sorted(environ)
            if variable.startswith(prefix) and environ[variable]
        }
        for name, variable in given.items():
            if not _is_twin(name):
                self._take(name, environ[variable], variable)
            elif (plain := name.removesuffix(_TWIN)) in given:
                text = f"{given[plain]} and {variable}: only one of them can be set"
                self.problems.append(text)
            else:
                self._take_twin(plain, variable, environ[variable], read_file)

    def _take_twin(
        self, name: str, variable: str, path: str, read_file: ReadFile
    ) -> None:
        try:
            value = read_file(path)
        except OSError as error:
            reason = error.strerror or "it is no file"
            self.problems.append(f"{variable}: cannot read {path}: {reason}")
        except UnicodeDecodeError:
            self.problems.append(f"{variable}: cannot read {path}: not UTF-8")
        else:
            # Editors and shells end a file with a line end that is no part of the secret.
            self._take(name, value.removesuffix("\n").removesuffix("\r"), variable)

    def _take(self, name: str, value: str, label: str) -> None:
        known = ALIASES.get(name, name)
        is_ours = label.startswith("KONG_") and known in OURS_ONLY
        if known in Settings.model_fields and not is_ours:
            self.values[known] = value
        elif is_known(known):
            self.strays[known] = Stray(value=value, label=label)
        elif label.startswith("KONG_"):
            self.unknown.append(label)
        else:
            self.problems.append(_describe_unknown(name, label))

    def resolve(self, environ: Mapping[str, str]) -> None:
        """Put what references to the vault `env` mean in their place."""
        for name, value in self.values.items():
            match = _REFERENCE.fullmatch(value)
            if match is None:
                continue
            found = _look_up(match, environ)
            if found is None:
                text = f"in '{name}': the reference {value} leads nowhere"
                self.problems.append(text)
            else:
                self.values[name] = found


def _is_twin(name: str) -> bool:
    plain = name.removesuffix(_TWIN)
    if plain == name or name in Settings.model_fields or name in ALIASES:
        return False
    return plain in Settings.model_fields or plain in ALIASES or is_known(plain)


def _look_up(match: re.Match[str], environ: Mapping[str, str]) -> str | None:
    if match["vault"] != "env":
        return None
    value = environ.get(match["name"].upper().replace("-", "_"))
    if value is None or match["key"] is None:
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    member = found.get(match["key"]) if isinstance(found, dict) else None
    return member if isinstance(member, str) else None


def _describe_unknown(name: str, label: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f", did you mean {near[0]}?" if near else ""
    return f"{label}: unknown setting{hint}"
