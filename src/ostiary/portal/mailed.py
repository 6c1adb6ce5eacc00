"""
What mailed links do: an address is verified, a registration undone, a password chosen anew.

Whoever asks for a mail is told the same whether there is somebody to send it to or not. A link is
good once and does nothing by being looked at.

Spec: portal §§1.5 (5→0, 5→1), 1.6, 1.8; security: enumeration, mail floods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ostiary.model.portal import (
    APPROVED,
    PENDING,
    UNVERIFIED,
    Developer,
    read_email,
)
from ostiary.model.workspaces import Workspace
from ostiary.portal.accounts import Accounts, Registered, TooOften, read_errors
from ostiary.portal.config import Portal
from ostiary.portal.mail_texts import Event
from ostiary.portal.tokens import MailedTokens, Use
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.web.buckets import Buckets, network_of

# Of a network; and to one address, so that nobody's mailbox is filled with our mails.
NETWORK_BURST: Final = 10
_NETWORK_PER_S: Final = 1 / 30
ADDRESS_BURST: Final = 3
_ADDRESS_PER_S: Final = 1 / 300
_MAY_RESET: Final = frozenset({APPROVED, PENDING})
_CONFLICT: Final = 409
_MEANWHILE: Final = "Your account was changed meanwhile. Please look again."


class Teller(Protocol):
    """Sends mail."""

    async def tell(
        self,
        event: Event,
        workspace: Workspace,
        email: str,
        developer: Developer | None = None,
    ) -> object:
        """Send the mail that is due, if one is."""
        ...


class MailedLinks:
    """Sends links, and does what they are for."""

    def __init__(
        self,
        store: ConfigStore,
        accounts: Accounts,
        teller: Teller,
        tokens: MailedTokens,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._teller = teller
        self._tokens = tokens
        self._now = now
        self._networks = Buckets(_NETWORK_PER_S, burst=NETWORK_BURST)
        self._addresses = Buckets(_ADDRESS_PER_S, burst=ADDRESS_BURST)

    def count(self, portal: Portal, client_ip: str, email: str | None) -> None:
        """
        Count a wish for a mail, or the use of a link; `email` is an address that is proposed.

        Raises:
            TooOften: There were too many.
        """
        now = self._now()
        asked: list[tuple[Buckets, object]] = [(self._networks, network_of(client_ip))]
        if email is not None:
            asked.append((self._addresses, ("new", portal.id, email)))
        for buckets, who in asked:
            if not buckets.take(str(who), now=now):
                raise TooOften(buckets.wait_s(str(who), now=now))

    async def _find(self, portal: Portal, said: str) -> Developer | None:
        """The developer of an address; None for none, or a text that is none."""
        email = read_email(said.strip())
        if email is None:
            return None
        rows = self._store.within(portal.id)
        found = await rows.find("developers", {"email": email})
        return found if isinstance(found, Developer) else None

    async def _mail(self, event: Event, portal: Portal, developer: Developer) -> None:
        """
        Mail a link, unless its mailbox was sent enough of them; nobody is told which.

        Only mails that are due count: no stranger uses up those of somebody else for nothing.
        """
        whose = str((portal.id, developer.email))
        if self._addresses.take(whose, now=self._now()):
            await self._tell(event, portal, developer)

    async def _read(
        self, use: Use, portal: Portal, token: str
    ) -> tuple[Developer, str] | None:
        """The developer of a token, and the address that it was mailed to; None for a bad one."""
        mailed = self._tokens.read(use, portal.id, token)
        if mailed is None:
            return None
        found = await self._store.within(portal.id).get("developers", mailed.developer)
        if not isinstance(found, Developer) or not mailed.is_of(found):
            return None
        return found, mailed.email

    # Verification of an address.

    async def resend(self, portal: Portal, email: str, client_ip: str) -> None:
        """
        Mail the link again to whoever has not used it yet.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        self.count(portal, client_ip, None)
        found = await self._find(portal, email)
        if found is not None and found.status == UNVERIFIED:
            await self._mail("account-verification", portal, found)

    async def remind(self, portal: Portal, email: str) -> None:
        """The same for somebody who registers again."""
        if not portal.mails.verification:
            return
        found = await self._find(portal, email)
        if found is not None and found.status == UNVERIFIED:
            await self._mail("account-verification", portal, found)

    async def asks_for_secret(self, portal: Portal, token: str) -> bool:
        """Whether whoever has this link chooses the password or key of the account with it."""
        return portal.own is not None and (
            await self._read("verify", portal, token) is not None
        )

    async def verify(
        self, portal: Portal, token: str, client_ip: str, secret: str | None = None
    ) -> Registered | None:
        """
        Take an address for verified; the developer's status then, None for a bad token.

        The link has reached the address's owner, who need not be whoever registered with it: they
        choose the password or key, and what was chosen before opens nothing.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        self.count(portal, client_ip, None)
        if (read := await self._read("verify", portal, token)) is not None:
            developer, email = read
            if developer.status != UNVERIFIED or developer.email != email:
                return None
            status = APPROVED if portal.auto_approve else PENDING
            body: dict[str, object] = {"status": status}
            if portal.own is not None:
                if not secret:
                    said: dict[str, str] = {
                        portal.own.secret_name: "required field missing"
                    }
                    return Registered(errors=said)
                body[portal.own.secret_name] = secret
            return await self._change(portal, developer, body, client_ip)
        if (read := await self._read("address", portal, token)) is not None:
            developer, email = read
            done = await self._change(portal, developer, {"email": email}, client_ip)
            if done is not None and done.status is not None:
                await self._tell("address-changed", portal, developer)
            return done
        return None

    async def _change(
        self,
        portal: Portal,
        developer: Developer,
        body: dict[str, object],
        client_ip: str,
    ) -> Registered | None:
        reply = await self._accounts.change(portal, developer, body, client_ip)
        if reply.is_good:
            return Registered(status=int(reply.value["developer"]["status"]))
        if reply.status >= 500:
            raise StoreUnavailable(reply.message)
        wrong = read_errors(reply)
        field = "" if portal.own is None else portal.own.secret_name
        return wrong if field in wrong.errors else None

    async def invalidate(self, portal: Portal, token: str, client_ip: str) -> bool:
        """
        Undo a registration that the owner of the address knows nothing of; False for a bad token.

        It is deleted and not only left unverified: the address would be taken by whoever chose
        the password, and its owner could never register.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        self.count(portal, client_ip, None)
        read = await self._read("verify", portal, token)
        if read is None or read[0].status != UNVERIFIED or read[0].email != read[1]:
            return False
        if not await self._accounts.leave(portal, read[0], client_ip):
            raise StoreUnavailable("the registration was not deleted")
        return True

    async def ask_for_address(
        self, portal: Portal, developer: Developer, said: str, client_ip: str
    ) -> Registered:
        """
        Another address for a developer: at once, or when the link that is mailed to it is used.

        With a link nobody learns whether the address is somebody's; without, somebody who is
        approved does: they must know that it was not changed.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        email = read_email(said.strip())
        if email is None:
            return Registered(errors={"email": "must be an e-mail address, in ASCII"})
        self.count(portal, client_ip, email)
        if email == developer.email:
            return Registered(status=developer.status)
        if not portal.mails.verification:
            reply = await self._accounts.change(
                portal, developer, {"email": email}, client_ip
            )
            if reply.is_good:
                # To the address that it was: whoever took the account has the other one.
                await self._tell("address-changed", portal, developer)
                return Registered(status=developer.status, row=reply.value["developer"])
            if reply.status == _CONFLICT:
                return Registered(
                    errors={"email": "cannot be used: choose another one"}
                )
            raise StoreUnavailable(reply.message)
        rows = self._store.within(portal.id)
        if await rows.find("developers", {"email": email}) is None:
            workspace = portal.workspace
            await self._teller.tell("address-change", workspace, email, developer)
        return Registered(status=developer.status)

    # A forgotten password.

    async def forgot(self, portal: Portal, email: str, client_ip: str) -> None:
        """
        Mail the way to a new password, to whoever has one here.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        self.count(portal, client_ip, None)
        found = await self._find(portal, email)
        if found is not None and found.status in _MAY_RESET:
            await self._mail("password-reset", portal, found)

    async def find_reset(
        self, portal: Portal, token: str, client_ip: str
    ) -> Developer | None:
        """
        Whose password a token is for, None for a bad one; it stays good.

        Raises:
            TooOften, StoreUnavailable: It cannot be known now.
        """
        self.count(portal, client_ip, None)
        read = await self._read("reset", portal, token) if portal.can_reset else None
        if read is None or read[0].email != read[1] or read[0].status not in _MAY_RESET:
            return None
        return read[0]

    async def reset(
        self, portal: Portal, token: str, secret: str, client_ip: str
    ) -> Registered | None:
        """
        Another password or key; what is wrong with it, or None for a bad token.

        Every session ends, and a locked account is open again.

        Raises:
            TooOften, StoreUnavailable: It cannot be done now.
        """
        developer = await self.find_reset(portal, token, client_ip)
        if developer is None:
            return None
        return await self._set(portal, developer, secret, client_ip)

    async def change(
        self, portal: Portal, developer: Developer, secret: str, client_ip: str
    ) -> Registered:
        """
        Another password or key for somebody who is signed in; their mailbox hears of it.

        Raises:
            TooOften: Somebody changes it again and again.
        """
        self._accounts.count_act(developer)
        done = await self._set(portal, developer, secret, client_ip)
        return done or Registered(problem=_MEANWHILE)

    async def _set(
        self, portal: Portal, developer: Developer, secret: str, client_ip: str
    ) -> Registered | None:
        done = await self._accounts.set_secret(portal, developer, secret, client_ip)
        if done is not None and done.status is not None:
            await self._tell("password-reset-success", portal, developer)
        return done

    async def _tell(self, event: Event, portal: Portal, developer: Developer) -> None:
        await self._teller.tell(event, portal.workspace, developer.email, developer)
