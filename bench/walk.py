"""A person with a plain HTTP client: a real code flow through a gateway, cookies kept."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urljoin, urlsplit

from bench.load import HOST
from bench.processes import CannotRun

STEPS = 8


def _get(
    url: str, jar: dict[str, str], tls: ssl.SSLContext | None
) -> tuple[int, str | None]:
    """One GET; a host below localhost is 127.0.0.1. Cookies are put into the jar."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=20)
    connection.connect()
    if parts.scheme == "https":
        assert tls is not None
        connection.sock = tls.wrap_socket(connection.sock, server_hostname=HOST)
    headers = {"Host": parts.netloc, "Accept": "text/html"}
    if jar:
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in jar.items())
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("GET", target, headers=headers)
        reply = connection.getresponse()
        reply.read()
    finally:
        connection.close()
    for line in reply.headers.get_all("Set-Cookie") or ():
        name, _, rest = line.partition("=")
        value = rest.partition(";")[0]
        if value:
            jar[name] = value
        else:
            jar.pop(name, None)
    return reply.status, reply.headers.get("Location")


def sign_in(
    url: str, issuer: str, person: int, tls: ssl.SSLContext | None
) -> tuple[str, list[int]]:
    """
    Sign a person in: from a protected URL through the provider back to it.

    Returns the Cookie value that the gateway gave, and the status of every step.

    Raises:
        CannotRun: The flow did not end with 200 at the URL it began with.
    """
    jar: dict[str, str] = {}
    strangers: dict[str, str] = {}
    statuses = []
    here = url
    for _ in range(STEPS):
        at_provider = here.startswith(f"{issuer}/")
        asked = f"{here}&person={person}" if at_provider else here
        status, location = _get(asked, strangers if at_provider else jar, tls)
        statuses.append(status)
        if status == 200 and here == url:
            return "; ".join(f"{k}={v}" for k, v in jar.items()), statuses
        if location is None:
            break
        here = urljoin(here, location)
    raise CannotRun(f"the code flow at {urlsplit(url).netloc} ended with {statuses}")
