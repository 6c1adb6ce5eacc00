"""
TLS contexts: verified by default towards upstreams, and remembered SNI towards clients.

Spec: RFC 6125, RFC 6066 §3, RFC 9325.
"""

from __future__ import annotations

import ssl
from weakref import WeakKeyDictionary

from ostiary.gateway.decision import TlsTo


class UpstreamTls:
    """
    Makes and remembers one context per way of trusting.

    `client_certificate` is the file and the key file of what upstreams are shown when they ask.
    """

    def __init__(
        self,
        *,
        ca_file: str | None = None,
        ca_pem: str | None = None,
        client_certificate: tuple[str, str] | None = None,
    ) -> None:
        self._ca_file = ca_file
        self._client_certificate = client_certificate
        self._ca_pem = ca_pem
        self._contexts: dict[tuple[bool, str | None], ssl.SSLContext] = {}

    def context(self, to: TlsTo) -> ssl.SSLContext:
        key = (to.verify, to.ca_pem)
        found = self._contexts.get(key)
        if found is None:
            found = self._contexts[key] = self._build(to)
        return found

    def check(self) -> None:
        """
        Read every file once.

        Raises:
            OSError: One cannot be read, or is not what it should be.
        """
        self._build(TlsTo(server_name="localhost"))

    def _build(self, to: TlsTo) -> ssl.SSLContext:
        if to.ca_pem is not None:
            context = ssl.create_default_context(cadata=to.ca_pem)
        elif self._ca_file is not None or self._ca_pem is not None:
            context = ssl.create_default_context(
                cafile=self._ca_file, cadata=self._ca_pem
            )
        else:
            context = ssl.create_default_context()
        if self._client_certificate is not None:
            context.load_cert_chain(*self._client_certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if not to.verify:  # the operator's explicit choice
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class SniMemory:
    """Remembers which name each TLS client asked for, from its first word to its connection."""

    def __init__(self) -> None:
        self._names: WeakKeyDictionary[ssl.SSLObject, str | None] = WeakKeyDictionary()

    @property
    def handshakes(self) -> int:
        """How many clients have greeted and are not connected yet."""
        return len(self._names)

    def watch(self, context: ssl.SSLContext) -> None:
        """Hear the names asked of `context`; a callback that is already there still runs."""
        inner = context.sni_callback

        def hear(thing: ssl.SSLObject, name: str, own: ssl.SSLContext) -> int | None:
            self._names[thing] = name or None  # empty when the client names nobody
            return inner(thing, name, own) if inner is not None else None

        context.sni_callback = hear

    def take_name(self, thing: object) -> str | None:
        """The name a client asked for, now that it is connected. Told once."""
        if isinstance(thing, ssl.SSLObject):
            return self._names.pop(thing, None)
        return None
