"""
What the Admin API asks the portal: to judge, to hash what people sign in with, to send mail.

Spec: portal §§1.2, 1.7, 1.8.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from ostiary.model.applications import Application
from ostiary.model.files import File
from ostiary.model.portal import Developer, MetaField
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.portal.complexity import read_complexity
from ostiary.portal.config import Portal, describe_warnings, judge_portal, read_portal
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.hashing import Hashing, hash_key
from ostiary.portal.mail_texts import ContractEvent, Event, Template
from ostiary.portal.mails import Facts, Mail, build_mail, read_template
from ostiary.portal.outbox import Letter, Outbox
from ostiary.portal.tokens import VERIFY_FOR_S, MailedTokens
from ostiary.ports.config_store import ConfigStore
from ostiary.ports.mail import Mailer, MailUnavailable, Message
from ostiary.ports.pool_store import StoreUnavailable
from ostiary.settings import Settings

_LOG: Final = logging.getLogger("ostiary.portal")
_TO_ADMINS: Final = frozenset({"request-access", "application-service-requested"})
# Mails to addresses that nobody has proven to be theirs.
_TO_STRANGERS: Final = frozenset({"account-verification", "address-change"})
_LAYOUTS: Final = "themes/base/layouts/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Who was told by mail, and who was not and why; `mock` when mail is only logged."""

    sent: tuple[str, ...] = ()
    failed: dict[str, str] | None = None
    mock: bool = False


class Desk:
    """Judges portals, hashes what developers sign in with, and sends mail."""

    def __init__(
        self,
        settings: Settings,
        store: ConfigStore,
        outbox: Outbox,
        mailer: Mailer,
        *,
        hashing: Hashing,
        tokens: MailedTokens,
    ) -> None:
        self._settings = settings
        self._store = store
        self._outbox = outbox
        self._mailer = mailer
        self._hashing = hashing
        self._tokens = tokens

    def portal(self, workspace: Workspace) -> Portal:
        """A workspace's portal."""
        return read_portal(self._settings, workspace)

    def judge(self, workspace: Workspace) -> Sequence[Problem]:
        """What is wrong with a workspace's portal as it is configured."""
        return judge_portal(self._settings, workspace)

    def warn(self, workspaces: Iterable[Workspace]) -> tuple[str, ...]:
        """What an operator should know of the portals of some workspaces."""
        is_mock = self._settings.smtp_mock
        return tuple(
            text
            for row in workspaces
            for text in describe_warnings(self.portal(row), is_mock=is_mock)
        )

    def is_on(self, workspace: Workspace) -> bool:
        """Whether the workspace has a portal."""
        return self.portal(workspace).is_on

    def default_files(self) -> Sequence[tuple[str, str]]:
        """Paths and contents of the files that a portal begins with."""
        return [(file.path, file.contents) for file in load_shipped_files()]

    def auto_approves(self, workspace: Workspace) -> bool:
        """Whether new developers need nobody's approval."""
        return self.portal(workspace).auto_approve

    def meta_fields(self, workspace: Workspace) -> Sequence[MetaField]:
        """What developers tell of themselves."""
        return self.portal(workspace).meta_fields

    def credential_plugins(self, workspace: Workspace) -> Sequence[str]:
        """The plugins that developers may make credentials of."""
        return self.portal(workspace).credentials

    def judge_password(
        self, workspace: Workspace, password: str, email: str
    ) -> str | None:
        """Why a password is not taken, None for one that is."""
        rules = (
            workspace.config.portal_auth_password_complexity
            or self._settings.portal_auth_password_complexity
        )
        try:
            return read_complexity(rules).judge(password, email)
        except ValueError:
            return "cannot be judged: portal_auth_password_complexity is wrong"

    async def secure(
        self, workspace: Workspace, typed: Mapping[str, object], email: str
    ) -> tuple[Mapping[str, str], Sequence[Problem]]:
        """
        What is kept of a password or key, by its name, or what is wrong with it.

        Raises:
            StoreUnavailable: Too many are hashed at once.
        """
        own = self.portal(workspace).own
        problems: list[Problem] = []
        kept: dict[str, str] = {}
        for name, value in typed.items():
            if own is None or name != own.secret_name:
                text = "unknown field: the portal of this workspace does not sign in with it"
                problems.append(((name,), text))
            elif not isinstance(value, str):
                problems.append(((name,), "expected a string"))
            elif (wrong := own.judge(value, email)) is not None:
                problems.append(((name,), wrong))
            elif name == "key":
                kept[name] = hash_key(value)
            else:
                kept[name] = await self._hashing.make(value)
        return kept, problems

    async def tell(
        self,
        event: Event,
        workspace: Workspace,
        email: str,
        developer: Developer | None = None,
        *,
        application: Application | None = None,
    ) -> Delivery:
        """Send the mail that is due, if one is. Never raises for the mail's sake."""
        portal = self.portal(workspace)
        recipients = _recipients(event, portal, email)
        if not recipients:
            return Delivery(mock=self._settings.smtp_mock)
        if self._settings.smtp_mock:
            _LOG.info("smtp_mock: a mail is not sent: %s of %s", event, portal.name)
            return Delivery(sent=recipients, mock=True)
        mail = await self._build(event, portal, email, developer, application)
        sent: list[str] = []
        failed: dict[str, str] = {}
        for recipient in recipients:
            message = Message(
                recipient=recipient, subject=mail.subject, text=mail.text, html=mail.html,
                sender=portal.mails.sender, reply_to=portal.mails.reply_to,
            )  # fmt: skip
            if event == "invite":
                await self._send_now(message, sent, failed)
            elif self._outbox.put(Letter(message=message, of=portal.name, about=event)):
                sent.append(recipient)
        return Delivery(sent=tuple(sent), failed=failed)

    async def tell_contract(
        self,
        event: ContractEvent,
        workspace: Workspace,
        developer: Developer,
        application: Application,
    ) -> None:
        """Send the mail that is due, if one is. Never raises for the mail's sake."""
        await self.tell(
            event, workspace, developer.email, developer, application=application
        )

    async def _send_now(
        self, message: Message, sent: list[str], failed: dict[str, str]
    ) -> None:
        """Whoever invites waits for the answer."""
        try:
            await self._mailer.send(message)
        except MailUnavailable as error:
            failed[message.recipient] = str(error)
        else:
            sent.append(message.recipient)

    async def _build(
        self,
        event: Event,
        portal: Portal,
        email: str,
        developer: Developer | None,
        application: Application | None,
    ) -> Mail:
        facts = self._facts(event, portal, email, developer)
        if application is not None:
            may_name = event in _TO_ADMINS or portal.proves_addresses
            name = application.name if may_name else "Your application"
            facts = replace(facts, application=(name, application.id or ""))
        try:
            template, layout = await self._read_files(event, portal)
        except StoreUnavailable:
            template, layout = None, None
        return build_mail(event, facts, template=template, layout=layout)

    async def _read_files(
        self, event: Event, portal: Portal
    ) -> tuple[Template | None, str | None]:
        """What the workspace's files say of a mail; what is not there or broken is ours."""
        contents = await self._read(portal, f"emails/{event}.txt")
        template = None if contents is None else read_template(contents)
        if contents is not None and template is None:
            _LOG.warning("emails/%s.txt of %s is no mail: it needs a subject in its head matter, and a text", event, portal.name)  # fmt: skip
        if template is None or template.layout is None:
            return template, None
        layout = await self._read(portal, f"{_LAYOUTS}{template.layout}")
        return template, layout

    async def _read(self, portal: Portal, path: str) -> str | None:
        row = await self._store.within(portal.id).find("files", {"path": path})
        return row.contents if isinstance(row, File) else None

    def _facts(
        self, event: Event, portal: Portal, email: str, developer: Developer | None
    ) -> Facts:
        links, token = self._links(event, portal, email, developer)
        # Nobody knows yet whose mailbox it is: whoever registered may not write into it.
        is_admins = event in _TO_ADMINS
        is_strange = event in _TO_STRANGERS or not portal.proves_addresses
        known = None if is_strange and not is_admins else developer
        said = {} if known is None else known.read_meta()
        return Facts(
            portal_name=f"the developer portal ({portal.name})",
            portal_url=portal.gui,
            workspace=portal.name,
            email=email,
            name=email if known is None else known.name,
            manager=self._settings.admin_gui_url,
            is_proven=portal.proves_addresses or not portal.has_sign_in,
            meta={f.title: str(said.get(f.title) or "") for f in portal.meta_fields},
            links=links,
            token=token,
            token_exp_s=portal.token_exp_s,
        )

    def _links(
        self, event: Event, portal: Portal, email: str, developer: Developer | None
    ) -> tuple[dict[str, str], str]:
        """The links that only this mail's reader may have, and the token in them."""
        if developer is None:
            return {}, ""

        def build(path: str, token: str) -> str:
            return f"{portal.gui}/{path}?{urlencode({'token': token, 'email': email})}"

        issue = self._tokens.issue
        match event:
            case "account-verification":
                token = issue("verify", portal.id, developer, email, for_s=VERIFY_FOR_S)
                return {
                    "verify_url": build("account/verify", token),
                    "invalidate_url": build("account/invalidate-verification", token),
                }, token
            case "address-change":
                token = issue(
                    "address", portal.id, developer, email, for_s=VERIFY_FOR_S
                )
                return {"verify_url": build("account/verify", token)}, token
            case "password-reset":
                token = issue("reset", portal.id, developer, email, for_s=portal.token_exp_s)  # fmt: skip
                return {"reset_url": build("reset-password", token)}, token
        return {}, ""


def _recipients(event: Event, portal: Portal, email: str) -> tuple[str, ...]:
    """Who gets a mail: nobody where its switch is off."""
    mails = portal.mails
    if event == "request-access":
        return mails.admins if mails.access_request else ()
    if event == "application-service-requested":
        return mails.admins if mails.application_request else ()
    if event.startswith("application-service-"):
        return (email,) if mails.application_status else ()
    is_on = {
        "approved-access": mails.approved,
        "invite": mails.invite,
        "developer-rejected": mails.rejected,
        "developer-revoked": mails.revoked,
        "password-reset": mails.reset,
        "password-reset-success": mails.reset_success,
    }
    return (email,) if is_on.get(event, True) else ()
