"""
Samples of code that call an operation: curl, Python, JavaScript, Go. Pure.

People paste them into a shell. Whatever a document says stands in them as a quoted text of that
language, and never as code.
"""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode

from ostiary.portal.content.openapi.document import Scheme

_TOKEN: Final = "YOUR_TOKEN"  # noqa: S105 - a placeholder
_KEY: Final = "YOUR_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request to write down."""

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    needs: tuple[Scheme, ...] = ()
    media_type: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Code in one language; `name` is for people, `language` for the highlighter."""

    name: str
    language: str
    code: str


def build_samples(call: Call) -> tuple[Sample, ...]:
    """The same request in every language."""
    url, headers = _address(call), _fields(call)
    return (
        Sample(name="curl", language="bash", code=_curl(call, url, headers)),
        Sample(name="Python", language="python", code=_python(call, url, headers)),
        Sample(name="JavaScript", language="javascript", code=_javascript(call, url, headers)),
        Sample(name="Go", language="go", code=_go(call, url, headers)),
    )  # fmt: skip


def _address(call: Call) -> str:
    query = [*call.query]
    query += [(s.field_name, _KEY) for s in call.needs if s.where == "query"]
    # What a document says goes into lines of code: no line ends, no blanks.
    url = quote(call.url, safe="/:?#@!$&'()*+,;=%{}~")
    return f"{url}?{urlencode(query)}" if query else url


def _fields(call: Call) -> list[tuple[str, str]]:
    found = [*call.headers]
    for scheme in call.needs:
        match scheme.kind, scheme.scheme:
            case "apiKey", _ if scheme.where == "header":
                found.append((scheme.field_name, _KEY))
            case "apiKey", _ if scheme.where == "cookie":
                found.append(("Cookie", f"{scheme.field_name}={_KEY}"))
            case "http", "basic":
                told = b64encode(b"YOUR_NAME:YOUR_PASSWORD").decode()
                found.append(("Authorization", f"Basic {told}"))
            case (("http" | "oauth2" | "openIdConnect"), _):
                found.append(("Authorization", f"Bearer {_TOKEN}"))
    if call.body:
        found.append(("Content-Type", call.media_type))
    return found


def _curl(call: Call, url: str, headers: list[tuple[str, str]]) -> str:
    method = "" if call.method == "GET" else f"--request {shlex.quote(call.method)} "
    lines = [f"curl {method}{shlex.quote(url)}"]
    lines += [f"  --header {shlex.quote(f'{n}: {v}')}" for n, v in headers]
    if call.body:
        # Not `--data`: that would send a file where an example begins with @.
        lines.append(f"  --data-raw {shlex.quote(call.body)}")
    return " \\\n".join(lines)


def _text(value: str) -> str:
    """A text between double quotes, as Python, JavaScript and Go read it alike."""
    return json.dumps(value, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")  # fmt: skip


def _python(call: Call, url: str, headers: list[tuple[str, str]]) -> str:
    lines = ["import requests", "", "response = requests.request("]
    lines += [f"    {_text(call.method)},", f"    {_text(url)},"]
    if headers:
        lines.append("    headers={")
        lines += [f"        {_text(n)}: {_text(v)}," for n, v in headers]
        lines.append("    },")
    if call.body:
        lines.append(f"    data={_text(call.body)}.encode(),")
    lines += [
        "    timeout=10,",
        ")",
        "response.raise_for_status()",
        "print(response.text)",
    ]
    return "\n".join(lines)


def _javascript(call: Call, url: str, headers: list[tuple[str, str]]) -> str:
    lines = [f"const response = await fetch({_text(url)}, {{"]
    lines.append(f"  method: {_text(call.method)},")
    if headers:
        lines.append("  headers: {")
        lines += [f"    {_text(n)}: {_text(v)}," for n, v in headers]
        lines.append("  },")
    if call.body:
        lines.append(f"  body: {_text(call.body)},")
    lines += [
        "});",
        "if (!response.ok) throw new Error(response.status);",
        "console.log(await response.text());",
    ]
    return "\n".join(lines)


def _go(call: Call, url: str, headers: list[tuple[str, str]]) -> str:
    body = f"strings.NewReader({_text(call.body)})" if call.body else "nil"
    imports = ["fmt", "io", "net/http", *(["strings"] if call.body else [])]
    lines = ["package main", "", "import ("]
    lines += [f'\t"{name}"' for name in imports]
    lines += [")", "", "func main() {"]
    lines.append(
        f"\trequest, err := http.NewRequest({_text(call.method)}, {_text(url)}, {body})"
    )
    lines += ["\tif err != nil {", "\t\tpanic(err)", "\t}"]
    lines += [f"\trequest.Header.Set({_text(n)}, {_text(v)})" for n, v in headers]
    lines += [
        "\tresponse, err := http.DefaultClient.Do(request)",
        "\tif err != nil {", "\t\tpanic(err)", "\t}",
        "\tdefer response.Body.Close()",
        "\ttext, _ := io.ReadAll(response.Body)",
        "\tfmt.Println(response.Status, string(text))",
        "}",
    ]  # fmt: skip
    return "\n".join(lines)
