"""
The doctor for a configuration that has been found valid: what a sign-in with it would meet.

References to vaults are read as the gateway reads them. What they mean is shown nowhere: not by
itself, and not in what a provider's answer or an address makes of it.

Spec: decision 0041; gateway §1.9 (vault references).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from ostiary.adapters.shared import MemoryShared
from ostiary.adapters.system import SystemClock, SystemEntropy
from ostiary.gateway.vaults import Vaults, has_reference
from ostiary.manager.config import Finding
from ostiary.model.words import describe_problems, read_problems
from ostiary.node.client_keys import KeyFile
from ostiary.ports.fetch import Fetch
from ostiary.sessions.keys import KeyRing, RingKey
from ostiary.signin.doctor import Doctor
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.values import Toolbox

FindVaults = Callable[[str], Vaults]
HIDDEN: Final = "what was found is not told, because {fields} is read from a vault"
_SHORTEST_MASKED: Final = 4


def find_no_vaults(_: str) -> Vaults:
    """Where there are none."""
    return Vaults()


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines configurations. `find_vaults` knows those of a workspace's name."""

    fetch: Fetch
    client_keys: KeyFile
    find_vaults: FindVaults = field(default=find_no_vaults, repr=False)

    async def __call__(
        self, config: Mapping[str, Any], redirect_uri: str, workspace: str
    ) -> Sequence[Finding]:
        """Hold it against its provider."""
        vaults = self.find_vaults(workspace)
        if missing := vaults.unresolved(config):
            return [_miss(reference) for reference in dict.fromkeys(missing)]
        referring = [n for n, value in config.items() if has_reference(value)]
        resolved = vaults.resolve(config)
        found = await self._examine(resolved, redirect_uri)
        if not referring:
            return found
        open_fields = [name for name in referring if not _is_secret(name)]
        if open_fields:
            return [_hide(finding, open_fields) for finding in found]
        # No text holds a secret of its own accord; this is for what a provider says.
        values = {*_find_texts({name: resolved[name] for name in referring})}
        return [_mask(finding, values) for finding in found]

    async def _examine(
        self, config: Mapping[str, Any], redirect_uri: str
    ) -> list[Finding]:
        clock, entropy = SystemClock(), SystemEntropy()
        tools = Toolbox(
            fetch=self.fetch,
            shared=MemoryShared(clock),
            clock=clock,
            entropy=entropy,
            ring=KeyRing((RingKey(entropy.bytes(4), entropy.bytes(32)),)),
            log=lambda _level, _line: None,
            client_keys=self.client_keys,
        )
        try:
            checked = OpenidConnectConfig.model_validate(dict(config), strict=False)
        except ValidationError as error:
            # Its own text quotes what was given, secrets too.
            return [
                Finding(
                    level="error", code="configuration", text=describe_problems([problem]),
                    remedy="correct it and save",
                )
                for problem in read_problems(error)
            ]  # fmt: skip
        party = compile_party(checked, "manager-test")
        return [
            Finding(level=f.level, code=f.code, text=f.text, remedy=f.remedy)
            for f in await Doctor(tools).examine(party, redirect_uri)
        ]


def _miss(reference: str) -> Finding:
    return Finding(
        level="error",
        code="vault_references",
        text=f"{reference} leads nowhere",
        remedy="set the variable that it means in the gateway's environment, and start it again",
    )


def _is_secret(name: str) -> bool:
    """Whether a field holds a secret, which no finding quotes."""
    known = OpenidConnectConfig.model_fields.get(name)
    extra = known.json_schema_extra if known is not None else None
    return isinstance(extra, dict) and bool(extra.get("secret"))


def _hide(finding: Finding, fields: Sequence[str]) -> Finding:
    """Only whether it is well: an issuer, for one, is in most of what is found."""
    return Finding(
        level=finding.level,
        code=finding.code,
        text=HIDDEN.format(fields=", ".join(fields)),
    )


def _mask(finding: Finding, values: set[str]) -> Finding:
    text, remedy = finding.text, finding.remedy
    for value in sorted(values, key=len, reverse=True):
        text, remedy = text.replace(value, "******"), remedy.replace(value, "******")
    return Finding(level=finding.level, code=finding.code, text=text, remedy=remedy)


def _find_texts(value: Any) -> Iterator[str]:  # Any: JSON
    """The texts in a value that are long enough to be anybody's secret."""
    if isinstance(value, str) and len(value) >= _SHORTEST_MASKED:
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _find_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _find_texts(inner)
