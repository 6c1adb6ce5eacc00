"""
A person with a plain HTTP client: follows links and fills in forms, keeps cookies per host.

No JavaScript, no browser: what works here works anywhere.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlencode, urljoin, urlsplit

from tests.support.node import Node

PASSWORD = "Passw0rd!x"


@dataclass(frozen=True, slots=True)
class Seen:
    """One reply."""

    url: str
    status: int
    location: str | None
    text: str
    cookies: tuple[str, ...]

    def json(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.text)
        return found


class Person:
    """One cookie jar. Every request is a connection of its own, so that workers take turns."""

    # What their browser says besides, such as where a form is from.
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, ca_file: Path) -> None:
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self.jar: dict[str, dict[str, str]] = {}
        self.secrets: set[str] = set()

    def get(
        self, url: str, *, accept: str = "text/html", form: dict[str, str] | None = None
    ) -> Seen:
        parts = urlsplit(url)
        assert parts.hostname is not None
        connection = _Loopback(
            parts.hostname, parts.port or 443, context=self._context, timeout=20
        )
        jar = self.jar.setdefault(parts.hostname, {})
        headers = {"Accept": accept, **self.headers}
        if jar:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
        body = None
        if form is not None:
            body = urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(
                "POST" if form is not None else "GET", target, body, headers
            )
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        set_cookies = tuple(reply.headers.get_all("Set-Cookie") or ())
        for line in set_cookies:
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            if "Max-Age=0" in line:
                jar.pop(name, None)
            else:
                jar[name] = value
                self.secrets.add(value)
        return Seen(url, reply.status, reply.headers.get("Location"), text, set_cookies)

    def follow(self, seen: Seen) -> Seen:
        for _ in range(12):
            if seen.location is None:
                return seen
            query = dict(
                re.findall(
                    r"[?&](code|state|nonce|code_challenge)=([^&]+)", seen.location
                )
            )
            self.secrets.update(v for k, v in query.items() if k in {"code", "state"})
            seen = self.get(urljoin(seen.url, seen.location))
        raise AssertionError("too many redirects")

    def submit(self, seen: Seen, **fields: str) -> Seen:
        """Fill in the page's first form."""
        form = re.search(
            r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', seen.text, re.DOTALL
        )
        assert form is not None, seen.text
        hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[2])
        values = {k: html.unescape(v) for k, v in hidden} | fields
        self.secrets.update(
            v for k, v in values.items() if k in {"_csrf", "password", "code"}
        )
        return self.follow(
            self.get(urljoin(seen.url, html.unescape(form[1])), form=values)
        )

    def click(self, seen: Seen, text: str) -> Seen:
        """Follow the link with this text."""
        for href, label in re.findall(
            r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', seen.text, re.DOTALL
        ):
            if text in re.sub(r"<[^>]+>", "", label):
                return self.follow(self.get(urljoin(seen.url, html.unescape(href))))
        raise AssertionError(f"no link {text!r}")

    def sign_up(self, node: Node, url: str, email: str) -> Seen:
        """From a protected page to that page, through a new account."""
        page = self.click(self.follow(self.get(url)), "Sign up")
        names = {
            "requiredAttributes[email]": email,
            "requiredAttributes[given_name]": "Ada",
        }
        page = self.submit(
            page,
            **names,
            **{"requiredAttributes[family_name]": "Lovelace", "password": PASSWORD},
        )
        code = read_code(node, email)
        self.secrets.add(code)
        return self.submit(page, code=code)

    def sign_in(self, url: str, email: str) -> Seen:
        """From a protected page to that page, with an account."""
        page = self.follow(self.get(url))
        return self.submit(page, username=email, password=PASSWORD)


def read_code(node: Node, email: str) -> str:
    """The code in the newest mail to an address."""
    with urllib.request.urlopen(
        f"{node.mailbox_url}/_aws/ses?email={email}", timeout=10
    ) as reply:
        messages = json.load(reply)["messages"]
    found = [re.search(r"\b(\d{6})\b", m["Body"]["text_part"]) for m in messages]
    assert found
    newest = found[0] if len(found) == 1 else found[-1]
    assert newest is not None
    return newest[1]


class _Loopback(http.client.HTTPSConnection):
    """Names below localhost are loopback, whatever the system's resolver thinks."""

    def connect(self) -> None:
        name = self.host
        self.host = "127.0.0.1"
        http.client.HTTPConnection.connect(self)
        self.host = name
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined] # the library's own
        self.sock = context.wrap_socket(self.sock, server_hostname=name)
