"""
A step's request as a command for a shell.

Placeholders such as `$CODE` are left to the shell; nothing else is, whoever wrote it. Signs that a
terminal acts on are escaped, since such a line is pasted: a ^U or an end of the paste among them
would start a command of its own.

Spec: POSIX.1-2024, Shell Command Language §2.2 (quoting, `$'…'` too); curl(1).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from ostiary.debugger.redaction import PLACEHOLDERS
from ostiary.debugger.values import Sent, Step

_NAMES: Final = sorted({*PLACEHOLDERS.values(), "$CLIENT_BASIC"}, key=len, reverse=True)
# Only names of ours: a provider's text must not read the environment of whoever pastes it.
_PLACEHOLDER: Final = re.compile(rf"({'|'.join(map(re.escape, _NAMES))})(?![A-Za-z0-9_])")  # fmt: skip
# What means nothing between double quotes, to no shell; a colon after a name does to zsh.
_PLAIN: Final = re.compile(r"[A-Za-z0-9 _.,:;/=@%+~?&-]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# curl finds these out by itself, and they would be wrong once placeholders are filled in.
_OWN: Final = frozenset(
    {"accept-encoding", "connection", "content-length", "host", "transfer-encoding"}
)
_WITHOUT_FORM: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def curl_of(step: Step) -> str:
    """The command that sends what a step sent; nothing where it sent none."""
    sent = step.sent
    if sent is None or not sent.url.lower().startswith(("http://", "https://")):
        return ""
    return " \\\n  ".join(["curl -sS -i" + _method(sent), *_arguments(sent)])


def quote_argument(text: str, *, expands: bool = False) -> str:
    """
    One argument of a command, byte for byte what the text is.

    Args:
        expands: Our placeholders in it are the shell's to fill in.
    """
    text = clean_text(text)
    parts = _PLACEHOLDER.split(text) if expands else [text]
    if len(parts) == 1:
        return _literal(text)
    between = parts[::2]
    if all(map(_PLAIN.fullmatch, between)) and not any(
        part.startswith(":") for part in between[1:]
    ):
        return f'"{text}"'
    return "".join(
        f'"{part}"' if index % 2 else _literal(part)
        for index, part in enumerate(parts)
        if part
    )


def clean_text(text: str) -> str:
    """A text without NUL, which no argument can hold, and without half of a character."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _method(sent: Sent) -> str:
    match sent.method:
        case "GET":
            return ""
        case "HEAD":
            return " -I"
        case method:
            return f" -X {quote_argument(method)}"


def _arguments(sent: Sent) -> Iterator[str]:
    # Otherwise curl takes brackets and braces for a list of addresses.
    yield ("-g " if re.search(r"[\[\]{}]", sent.url) else "") + quote_argument(sent.url)
    for name, value in sent.fields:
        if name.lower() in _OWN or not _TOKEN.fullmatch(name):
            continue
        line = f"{name}: {value}" if value else f"{name};"
        yield f"-H {quote_argument(line, expands=True)}"
    if sent.pairs and sent.method in _WITHOUT_FORM:
        yield "-G"
    for name, value in sent.pairs:
        # curl escapes the value only.
        pair = f"{quote(clean_text(name), safe='')}={value}"
        yield f"--data-urlencode {quote_argument(pair, expands=True)}"


def _literal(text: str) -> str:
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escape, text))}'"


def _escape(sign: str) -> str:
    if sign == "\\":
        return "\\\\"
    if sign.isprintable() and sign not in "'!":
        return sign
    return "".join(f"\\{byte:03o}" for byte in sign.encode())
