"""
TLS contexts: verified by default towards upstreams, chosen by name towards clients.

Keys that come as text are never written where a disk keeps them.

Spec: RFC 6125, RFC 6066 §3, RFC 9325; gateway §1.8 (order of names).
"""

from __future__ import annotations

import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from ostiary.gateway.certificates import EMPTY_TABLE, CertificateTable, Served
from ostiary.gateway.decision import KeyPair, TlsTo

_LOG = logging.getLogger("ostiary.proxy")
# Ways of trusting that a configuration no longer asks for are forgotten one by one.
MAX_CONTEXTS = 1024


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A path under which OpenSSL can read a text: in memory, else for its owner alone."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("certificate", os.MFD_CLOEXEC)
        with os.fdopen(number, "w", encoding="utf-8") as memory:
            memory.write(text)
            memory.flush()
            yield f"/proc/self/fd/{number}"
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as kept:  # mode 0600
        kept.write(text)
        kept.flush()
        yield kept.name


def refuse_passphrase() -> str:
    """Say so when a key is encrypted."""
    # Without this OpenSSL would ask whoever sits at the terminal.
    raise OSError("the key is encrypted, and a passphrase cannot be given")


def load_pair(context: ssl.SSLContext, pair: KeyPair) -> None:
    """
    Let a context show a certificate; one of another kind of key stays beside it.

    Raises:
        OSError: It is no certificate with its key.
    """
    with _as_file(f"{pair.key}\n{pair.cert}\n") as path:
        context.load_cert_chain(path, password=refuse_passphrase)


class UpstreamTls:
    """
    Makes and remembers one context per way of trusting.

    `client_certificate` is the file and the key file of what upstreams are shown when they ask
    and a service has no certificate of its own for them.
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
        self._contexts: dict[
            tuple[bool, str | None, KeyPair | None], ssl.SSLContext
        ] = {}

    def context(self, to: TlsTo) -> ssl.SSLContext:
        key = (to.verify, to.ca_pem, to.client)
        found = self._contexts.get(key)
        if found is None:
            if len(self._contexts) >= MAX_CONTEXTS:
                del self._contexts[next(iter(self._contexts))]
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
        # Nobody; Python would take it for everybody whom the system trusts.
        if to.ca_pem == "":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        elif to.ca_pem is not None:
            # Python takes no others; only comments have them.
            signs = to.ca_pem.encode("ascii", "ignore").decode()
            context = ssl.create_default_context(cadata=signs)
        elif self._ca_file is not None or self._ca_pem is not None:
            context = ssl.create_default_context(
                cafile=self._ca_file, cadata=self._ca_pem
            )
        else:
            context = ssl.create_default_context()
        if to.client is not None:
            load_pair(context, to.client)
        elif self._client_certificate is not None:
            context.load_cert_chain(*self._client_certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        if not to.verify:  # the operator's explicit choice
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def check_depth(thing: Any, to: TlsTo) -> None:  # Any: as transports tell it
    """
    Refuse a chain with more authorities in between than may be.

    Spec: OpenSSL's SSL_CTX_set_verify_depth, which Python's contexts do not have: neither the
    certificate itself nor the trusted one counts.

    Raises:
        ssl.SSLCertVerificationError: There are more.
    """
    if to.verify_depth is None or not to.verify:
        return
    # Public since Python 3.13; before, the same under the wrapped object.
    inner = thing if hasattr(thing, "get_verified_chain") else thing._sslobj  # noqa: SLF001
    if len(inner.get_verified_chain()) - 2 > to.verify_depth:
        raise ssl.SSLCertVerificationError("certificate chain too long")


class ServerTls:
    """
    Chooses what clients are shown, by the name they ask for.

    Listeners have `context`, which shows the certificate of those names that nobody knows. A
    connection keeps what its handshake was given: `serve` only changes the handshakes to come.
    `build` makes a context for a certificate; that happens once for each that is asked for.
    """

    def __init__(
        self, context: ssl.SSLContext, build: Callable[[Served], ssl.SSLContext]
    ) -> None:
        self.context = context
        self._build = build
        self._table = EMPTY_TABLE
        self._contexts: dict[Served, ssl.SSLContext] = {}
        context.sni_callback = self._choose

    def serve(self, table: CertificateTable) -> None:
        """Choose from these certificates; the contexts of those that stay are kept."""
        kept = frozenset(table.certificates.values())
        self._contexts = {s: c for s, c in self._contexts.items() if s in kept}
        self._table = table

    def _choose(
        self,
        thing: ssl.SSLObject,
        name: str | None,
        _own: ssl.SSLContext,
    ) -> None:
        found = self._table.find(name)
        if found is None:
            return
        context = self._contexts.get(found)
        if context is None:
            try:
                context = self._build(found)
            except OSError as error:  # ours are checked when they are accepted
                _LOG.error("certificate %s cannot be served: %s", found.id, error)
                context = self.context
            self._contexts[found] = context
        thing.context = context


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
