"""A report says what happened, and neither secrets nor people are in it, nor in any copy."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ostiary.debugger.copies import admin_call, declarative_yaml
from ostiary.debugger.curl import curl_of
from ostiary.debugger.diagram import draw
from ostiary.debugger.report import MAX_BODY, report
from ostiary.debugger.values import (
    Cause,
    Flow,
    Got,
    Held,
    Kind,
    Run,
    Sent,
    Setup,
    Step,
    TokenShown,
)
from ostiary.oidc.rp.checks import Check

SENT = Sent(
    method="POST",
    url="https://idp.example/token",
    fields=(("accept", "application/json"),),
    pairs=(("grant_type", "authorization_code"), ("code", "$CODE")),
)
SECRETS = {
    name: f"PLANTED-{name}-7f3a"
    for name in (
        *("client_secret", "state", "nonce", "verifier"),
        *("access_token", "id_token", "refresh_token", "held_nonce", "text", "body"),
    )
}
PEOPLE = {
    "sub": "PERSON-sub-1815",
    "email": "ada@people.example",
    "name": "Ada Lovelace",
    "address": {"street": "PERSON-street 12", "all": ["PERSON-listed"]},
    "nonce": "PERSON-nonce",
    "custom": ["PERSON-group"],
    "scope": {"not": "PERSON-text"},
}
TOKEN = TokenShown(
    name="id_token",
    text=SECRETS["text"],
    header={"alg": "RS256", "kid": "k1", "typ": "JWT", "x5c": ["PERSON-header"]},
    claims={
        **PEOPLE,
        "iss": "https://idp.example",
        "aud": ["shop", "api"],
        "exp": 1_800_000_000,
    },
)
PLANTED = [
    *SECRETS.values(),
    *("PERSON", "ada@people", "Lovelace"),
]
RUN = Run(
    setup=Setup(
        issuer="https://idp.example",
        client_id="shop",
        client_secret=SECRETS["client_secret"],
        scope="openid email",
    ),
    steps=(
        Step(
            kind="token",
            title="Exchange the code",
            sent=SENT,
            got=Got(status=200, took_ms=12.3, body=SECRETS["body"]),
            checks=(
                Check(name="iss", passed=True, expected="https://a", got="https://a"),
                Check(
                    name="sub",
                    passed=False,
                    expected="PERSON-other",
                    got="PERSON-sub-1815",
                ),
                Check(
                    name="email", passed=False, expected="x", got="ada@people.example"
                ),
            ),
            causes=(
                Cause(
                    code="other_person",
                    text="It is of Ada Lovelace, not of PERSON-sub-1815",
                    remedy="Ask ada@people.example",
                ),
                Cause(code="odd", text="An odd thing", level="note"),
            ),
            tokens=(TOKEN,),
            trials=(
                Step(
                    kind="trial",
                    title="With a secret in the body",
                    sent=SENT,
                    got=Got(status=401, body="invalid_client"),
                    tokens=(TOKEN,),
                    failure="PERSON-listed went away",
                ),
            ),
        ),
    ),
    flow=Flow(
        state=SECRETS["state"],
        nonce=SECRETS["nonce"],
        verifier=SECRETS["verifier"],
        begun_at=0,
    ),
    held=Held(
        access_token=SECRETS["access_token"],
        id_token=SECRETS["id_token"],
        refresh_token=SECRETS["refresh_token"],
        nonce=SECRETS["held_nonce"],
    ),
)
EXPECTED = """\
# Run of the OAuth + OIDC debugger

> Redacted: secrets, codes and tokens are placeholders such as `$CODE`. Of claims there are the
> names, and values only of those that say nothing of a person.

- Issuer: `https://idp.example`
- Client: `shop`
- Scopes: `openid email`

## 1. Exchange the code: ✗ failed

Request by the debugger:

```
POST https://idp.example/token
accept: application/json

grant_type=authorization_code
code=$CODE
```

Reply: 200 after 12 ms

- ✓ `iss`: expected `https://a`, got `https://a`
- ✗ `sub`: expected `(a person)`, got `(a person)`
- ✗ `email`: expected `x`, got `(a person)`

- Cause `other_person`: It is of (a person), not of (a person) Ask (a person)
- Note `odd`: An odd thing

- Token `id_token`
  - header `alg`: `RS256`
  - header `kid`: `k1`
  - header `typ`: `JWT`
  - header `x5c`
  - claim `sub`
  - claim `email`
  - claim `name`
  - claim `address`
  - claim `nonce`
  - claim `custom`
  - claim `scope`
  - claim `iss`: `https://idp.example`
  - claim `aud`: `shop, api`
  - claim `exp`: `1800000000`

### 1.1. With a secret in the body: ✗ failed

Request by the debugger:

```
POST https://idp.example/token
accept: application/json

grant_type=authorization_code
code=$CODE
```

Reply: 401

```
invalid_client
```

No reply: (a person) went away

- Token `id_token`
  - header `alg`: `RS256`
  - header `kid`: `k1`
  - header `typ`: `JWT`
  - header `x5c`
  - claim `sub`
  - claim `email`
  - claim `name`
  - claim `address`
  - claim `nonce`
  - claim `custom`
  - claim `scope`
  - claim `iss`: `https://idp.example`
  - claim `aud`: `shop, api`
  - claim `exp`: `1800000000`
"""


def all_copies(run: Run) -> dict[str, str]:
    steps = [*run.steps, *(trial for step in run.steps for trial in step.trials)]
    return {
        "report": report(run),
        "page": draw(run, standalone=False),
        "file": draw(run, standalone=True),
        "curl": "\n".join(map(curl_of, steps)),
        "yaml": declarative_yaml(run.setup, run.document),
        "call": admin_call(run.setup, run.document, admin="http://localhost:8001"),
    }


def test_no_secret_and_no_person_is_in_any_copy() -> None:
    copies = all_copies(RUN)

    assert all(copies.values())
    found = [(n, p) for n, text in copies.items() for p in PLANTED if p in text]
    assert found == []


def test_the_report_says_what_happened() -> None:
    assert report(RUN) == EXPECTED


def test_a_rule_about_a_person_tells_of_nobody() -> None:
    step = Step(
        kind="userinfo",
        title="UserInfo",
        checks=(
            Check(
                name="ID token: sub",
                passed=True,
                expected="who the person is",
                got="PERSON-1",
            ),
            Check(name="sub", passed=False, expected="PERSON-2", got="nothing"),
        ),
        causes=(
            Cause(
                code="check_failed", text="sub is PERSON-1, not PERSON-2, or nothing."
            ),
        ),
    )
    text = report(Run(steps=(step,)))

    assert "PERSON" not in text
    assert text.count("expected `(a person)`, got `(a person)`") == 2
    assert "sub is (a person), not (a person), or nothing." in text


def test_an_empty_run_has_a_report_as_well() -> None:
    assert "- Issuer: (nothing)" in report(Run())


def test_an_opaque_token_is_only_named() -> None:
    step = Step(
        kind="refresh",
        title="Refresh",
        tokens=(TokenShown(name="access_token", text=SECRETS["text"]),),
    )

    assert report(Run(steps=(step,))).endswith("\n\n- Token `access_token`\n")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_replies_that_speak_of_people_are_left_out(kind: Kind) -> None:
    def tell(status: int) -> bool:
        got = Got(status=status, body="What it said")
        return "What it said" in report(
            Run(steps=(Step(kind=kind, title="", got=got),))
        )

    told = (tell(200), tell(400))
    if kind in {"token", "userinfo", "introspection", "refresh", "client_credentials"}:
        assert told == (False, False)
    elif kind in {"discovery", "keys", "cors", "revocation"}:
        assert told == (True, True)
    else:
        assert told == (False, True)


def test_a_client_that_is_its_own_subject_is_no_person() -> None:
    token = TokenShown(name="access_token", text="", claims={"sub": "shop"})
    step = Step(
        kind="client_credentials",
        title="Ask",
        tokens=(token,),
        causes=(Cause(code="c", text="shop may not"),),
    )

    assert "shop may not" in report(Run(setup=Setup(client_id="shop"), steps=(step,)))


def test_long_bodies_are_cut() -> None:
    got = Got(status=200, body="x" * (MAX_BODY + 1))
    text = report(Run(steps=(Step(kind="keys", title="", got=got),)))

    assert f"\n{'x' * MAX_BODY}\n… (cut)\n```" in text


def hostile_run(text: str) -> Run:
    bad = Check(name=text, passed=False, expected=text, got=text)
    step = Step(
        kind="discovery",
        title=text,
        sent=Sent(method=text, url=text, fields=((text, text),), pairs=((text, text),)),
        got=Got(status=400, body=text),
        failure=text,
        checks=(bad,),
        causes=(Cause(code=text, text=text, remedy=text),),
        tokens=(TokenShown(name=text, text="", claims={text: text, "iss": text}),),
    )
    return Run(setup=Setup(issuer=text, client_id=text, scope=text), steps=(step,))


def skeleton(run: Run) -> list[tuple[str, str]]:
    """What a reader of Markdown makes of it, without the texts."""
    flat = []
    for token in MarkdownIt().enable(["table", "strikethrough"]).parse(report(run)):
        inner = [
            c for c in token.children or () if c.type not in {"text", "code_inline"}
        ]
        flat += [(token.type, token.tag), *((c.type, c.tag) for c in inner)]
    return flat


HOSTILE = (
    "```\n# Not redacted\n```",
    "`````\n<script>alert(1)</script>",
    "~~~\n\n<b>x</b>",
    "` <img src=x onerror=alert(1)> `",
    "``` `` `",
    "[x](javascript:alert(1)) ![y](https://evil.example/z) <https://evil.example>",
    "- a\n- b\n\n    code\n\n1. c\n---\n===",
    "| a | b |\n|---|---|",
    "&lt;&#96;",
    "\\`\\",
    "*a* _b_ **c** ~~d~~",
    "\u202egnp.\x1b[31m\x00\r\u2028",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_make_nothing_of_their_own(text: str) -> None:
    assert skeleton(hostile_run(text)) == skeleton(hostile_run("a"))
    assert re.search(r"[\x00\x1b\r\u2028\u202e]", report(hostile_run(text))) is None


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    text=st.lists(
        st.sampled_from([*HOSTILE, *"`\\<>[]()!*_~#-+|&\n\t "])
        | st.text(st.characters()),
        min_size=1,
        max_size=5,
    ).map("".join)
)
def test_whatever_a_stranger_wrote_stays_in_its_place(text: str) -> None:
    assert skeleton(hostile_run(f"a{text}a")) == skeleton(hostile_run("a"))
