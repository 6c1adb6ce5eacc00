"""A step as a command: a shell runs curl with the very arguments, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.debugger.curl import curl_of, quote_argument
from ostiary.debugger.redaction import PLACEHOLDERS
from ostiary.debugger.values import Sent, Step

URL = "https://idp.example/token"
FILLED = {
    name.removeprefix("$"): f"filled '{name.lower()}' `in`"
    for name in (*PLACEHOLDERS.values(), "$CLIENT_BASIC")
}
HOSTILE = (
    "'; touch pwned; '",
    '"; touch pwned; "',
    "$(touch pwned)",
    "`touch pwned`",
    "${IFS}$HOME $CODEX ~ * ? [a-z] {a,b} !! !x \\",
    "\n touch pwned\n",
    "\x15touch pwned\r",
    "\x1b[201~\ntouch pwned\n",
    "$CODE:h $CODE[1]$(touch pwned)!x'\"",
    "\u202egnp.\u2066\x7f\x85",
    "-o pwned",
    "@/etc/passwd",
    "#",
    "äöü漢\U0001f600",
    "",
)
PIECES = st.sampled_from([*HOSTILE, *PLACEHOLDERS.values(), "$CLIENT_BASIC"])
TEXTS = st.lists(
    PIECES | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    max_size=4,
).map("".join)


def run(command: str, folder: Path) -> list[str]:
    """The arguments that a shell calls curl with."""
    script = "curl() { printf '%s\\0' \"$@\"; }\n" + command
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": "/home/of/somebody", **FILLED},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert list(folder.iterdir()) == []
    return done.stdout.decode().split("\0")[:-1]


def fill(text: str) -> str:
    """What a shell makes of our placeholders, the longest first."""
    for name in sorted(FILLED, key=len, reverse=True):
        parts = text.split(f"${name}")
        text = parts[0]
        for part in parts[1:]:
            goes_on = part[:1].isascii() and (part[:1].isalnum() or part[:1] == "_")
            text += (f"\1{name}\2" if goes_on else f"\3{name}\2") + part
    for name, value in FILLED.items():
        text = text.replace(f"\1{name}\2", f"${name}").replace(f"\3{name}\2", value)
    return text


def command(method: str, **more: tuple[tuple[str, str], ...]) -> str:
    return curl_of(
        Step(kind="token", title="", sent=Sent(method=method, url=URL, **more))
    )


def test_a_form_is_posted_with_placeholders_that_a_shell_fills_in() -> None:
    found = command(
        "POST",
        fields=(
            ("Authorization", "Basic $CLIENT_BASIC"),
            ("Host", "idp.example"),
            ("Content-Length", "55"),
        ),
        pairs=(("code", "$CODE"), ("redirect_uri", "https://app.example/cb?a=b&c")),
    )

    assert found == (
        "curl -sS -i -X POST \\\n"
        "  https://idp.example/token \\\n"
        '  -H "Authorization: Basic $CLIENT_BASIC" \\\n'
        '  --data-urlencode "code=$CODE" \\\n'
        "  --data-urlencode 'redirect_uri=https://app.example/cb?a=b&c'"
    )


def test_arguments_of_a_query_go_into_the_address() -> None:
    assert command("GET", pairs=(("state", "$STATE"),)) == (
        "curl -sS -i \\\n"
        "  https://idp.example/token \\\n"
        "  -G \\\n"
        '  --data-urlencode "state=$STATE"'
    )
    assert command("GET") == f"curl -sS -i \\\n  {URL}"
    assert command("HEAD") == f"curl -sS -i -I \\\n  {URL}"
    assert command("OPTIONS") == f"curl -sS -i -X OPTIONS \\\n  {URL}"


def test_brackets_are_no_lists_of_addresses() -> None:
    sent = Sent(method="GET", url="http://[::1]:8080/{a,b}")

    assert curl_of(Step(kind="keys", title="", sent=sent)) == (
        "curl -sS -i \\\n  -g 'http://[::1]:8080/{a,b}'"
    )


def test_an_empty_field_is_sent_and_a_name_that_is_none_is_not() -> None:
    found = command("GET", fields=(("X-Empty", ""), ("@/etc/passwd", "x"), ("", "x")))

    assert found == f"curl -sS -i \\\n  {URL} \\\n  -H 'X-Empty;'"


@pytest.mark.parametrize("url", ["", "-o/etc/passwd", "file:///etc/passwd", "/path"])
def test_without_an_address_there_is_no_command(url: str) -> None:
    assert curl_of(Step(kind="keys", title="", sent=Sent(method="GET", url=url))) == ""
    assert curl_of(Step(kind="keys", title="")) == ""


def test_no_variable_but_ours_is_read() -> None:
    assert quote_argument("$HOME", expands=True) == "'$HOME'"
    assert quote_argument("$CODEX", expands=True) == "'$CODEX'"
    assert quote_argument("$CODE") == "'$CODE'"
    assert quote_argument("$CODE$HOME", expands=True) == "\"$CODE\"'$HOME'"
    assert quote_argument("$CODE:h", expands=True) == '"$CODE":h'


def test_the_address_is_never_filled_in() -> None:
    sent = Sent(method="GET", url="https://idp.example/$CLIENT_SECRET")

    assert "'https://idp.example/$CLIENT_SECRET'" in curl_of(
        Step(kind="keys", title="", sent=sent)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_a_terminal_acts_on_is_pasted(text: str) -> None:
    found = command("POST", fields=(("X-A", text),), pairs=((text, text),))

    assert found.replace(" \\\n  ", "").isprintable()


def test_what_no_argument_can_hold_is_replaced(tmp_path: Path) -> None:
    found = command("POST", pairs=(("a\0\ud800", "b\0\ud800"),))

    assert run(found, tmp_path)[-1] == "a%EF%BF%BD%3F=b\ufffd?"


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    value=TEXTS,
    name=TEXTS,
    path=TEXTS,
    method=st.sampled_from(["GET", "POST"]) | TEXTS.filter(lambda text: text != "HEAD"),
)
def test_arguments_arrive_byte_for_byte(
    tmp_path: Path, value: str, name: str, path: str, method: str
) -> None:
    sent = Sent(
        method=method,
        url=f"{URL}{path}",
        fields=(("X-A", value),),
        pairs=((name, value), ("code", "$CODE")),
    )
    found = run(curl_of(Step(kind="token", title="", sent=sent)), tmp_path)

    is_query = method in {"GET", "OPTIONS", "DELETE"}
    expected = [
        "-sS",
        "-i",
        *([] if method == "GET" else ["-X", method]),
        *(["-g"] if set("[]{}") & set(sent.url) else []),
        sent.url,
        "-H",
        fill(f"X-A: {value}") if value else "X-A;",
        *(["-G"] if is_query else []),
        "--data-urlencode",
        f"{quote(name, safe='')}={fill(value)}",
        "--data-urlencode",
        f"code={FILLED['CODE']}",
    ]
    assert found == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_each_hostile_text_arrives(tmp_path: Path, text: str) -> None:
    for value in (text, f"$CODE{text}", f"{text}$CODE_VERIFIER"):
        found = run(command("POST", pairs=(("a", value),)), tmp_path)

        assert found[-1] == f"a={fill(value)}"
