"""
A token held against the provider that should have made it, for `ostiary debugger token`.

The provider is asked for its document and its keys as a plugin would ask; nothing else is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from ostiary.adapters.fetch import AiohttpFetch
from ostiary.cli.doctor import build_tools
from ostiary.jose.errors import JoseError
from ostiary.jose.jwt import TokenHeader, parse_header, read_unverified_claims
from ostiary.oidc.rp.checks import Check, check_access_token, check_id_token
from ostiary.oidc.rp.verify import looks_like_access
from ostiary.signin.authenticate import Signin
from ostiary.signin.issuer import ProviderUnavailable
from ostiary.signin.party import compile_party
from ostiary.signin.schema import OpenidConnectConfig
from ostiary.signin.tokens import build_rules

Kind = Literal["id", "access"]
_KINDS: dict[Kind, str] = {"id": "an ID token", "access": "an access token"}


class CannotAsk(Exception):
    """There is nothing to hold the token against; the text says why."""

    code = "cannot_ask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A token, and what it is held against. `kind` None: what it looks like."""

    token: str = field(repr=False)
    issuer: str
    client_id: str
    kind: Kind | None = None
    nonce: str | None = field(default=None, repr=False)
    leeway_s: int = 0
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a token says, without trust, and how each rule went."""

    kind: Kind
    header: TokenHeader | None
    claims: Mapping[str, object] = field(repr=False)
    checks: tuple[Check, ...]

    @property
    def is_good(self) -> bool:
        """Whether the gateway would take it."""
        return all(check.passed for check in self.checks)

    def lines(self) -> Iterable[str]:
        """What a person reads. What strangers wrote into a token moves no cursor."""
        for line in self._lines():
            yield "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)

    def _lines(self) -> Iterable[str]:
        if self.header is not None:
            header = self.header
            yield f"alg {header.alg}, kid {header.kid}, typ {header.typ}"
            yield from json.dumps(self.claims, indent=2, ensure_ascii=False).split("\n")
            yield ""
        yield f"as {_KINDS[self.kind]}:"
        for check in self.checks:
            mark = "ok  " if check.passed else "FAIL"
            yield f"  {mark}  {check.name:<9} {check.got}"
            if not check.passed:
                yield f"{'':>18}expected {check.expected}"
        failed = sum(not check.passed for check in self.checks)
        yield ""
        yield (
            f"{failed} of {len(self.checks)} rules failed"
            if failed
            else "every rule passed"
        )


async def ask(question: Question) -> Answer:
    """
    Decode a token, ask its provider for the keys, and hold the one against the other.

    Raises:
        CannotAsk: The provider is not known or does not answer.
    """
    try:
        config = OpenidConnectConfig.model_validate(
            {
                "issuer": question.issuer,
                "client_id": [question.client_id],
                "leeway": question.leeway_s,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise CannotAsk(f"{first['loc'][0]}: {first['msg']}") from error
    party = compile_party(config, "debugger")
    fetch = AiohttpFetch(ca_file=question.ca_file)
    tools = build_tools(fetch)
    try:
        provider = await Signin(tools).issuers.load(party)
    except ProviderUnavailable as error:
        raise CannotAsk(f"{question.issuer} cannot be asked: {error.detail}") from error
    finally:
        await fetch.close()
    rules, now = build_rules(party, provider), tools.clock.now()
    try:
        header = parse_header(question.token)
        claims = read_unverified_claims(question.token)
    except JoseError:
        header, claims = None, {}
    kind = question.kind
    if kind is None:
        is_access = header is not None and looks_like_access(header.typ, claims, rules)
        kind = "access" if is_access else "id"
    if kind == "access":
        checks = check_access_token(question.token, provider.keys, rules, now=now)
    else:
        checks = check_id_token(
            question.token,
            provider.keys,
            rules,
            client_id=question.client_id,
            nonce=question.nonce,
            access_token=None,
            now=now,
        )
    return Answer(kind=kind, header=header, claims=claims, checks=checks)
