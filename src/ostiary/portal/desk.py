"""
What the Admin API asks the portal: whether a configuration works, and to tell people by mail.

Spec: portal §§1.2, 1.7, 1.8.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ostiary.model.applications import Application
from ostiary.model.portal import Developer, MetaField
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace
from ostiary.portal.config import Portal, describe_warnings, judge_portal, read_portal
from ostiary.portal.content.defaults import load_shipped_files
from ostiary.portal.contract_mails import ContractEvent, build_contract_text
from ostiary.portal.mails import Event, Facts, build_text
from ostiary.portal.outbox import Letter, Outbox
from ostiary.ports.mail import Mailer, MailUnavailable, Message
from ostiary.settings import Settings

_LOG: Final = logging.getLogger("ostiary.portal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Who was told by mail, and who was not and why; `mock` when mail is only logged."""

    sent: tuple[str, ...] = ()
    failed: dict[str, str] | None = None
    mock: bool = False


class Desk:
    """Judges portals and sends their mail."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        mailer: Mailer,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._mailer = mailer

    def portal(self, workspace: Workspace) -> Portal:
        """A workspace's portal."""
        return read_portal(self._settings, workspace)

    def judge(self, workspace: Workspace) -> Sequence[Problem]:
        """What is wrong with a workspace's portal as it is configured."""
        return judge_portal(self._settings, workspace)

    def warn(self, workspaces: Iterable[Workspace]) -> tuple[str, ...]:
        """What an operator should know of the portals of some workspaces."""
        return tuple(
            text for row in workspaces for text in describe_warnings(self.portal(row))
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

    async def tell(
        self,
        event: Event,
        workspace: Workspace,
        email: str,
        developer: Developer | None = None,
    ) -> Delivery:
        """Send the mail that is due, if one is. Never raises for the mail's sake."""
        portal = self.portal(workspace)
        recipients = _recipients(event, portal, email)
        if not recipients:
            return Delivery(mock=self._settings.smtp_mock)
        subject, text = build_text(event, self._facts(portal, email, developer))
        if self._settings.smtp_mock:
            _LOG.info("smtp_mock: a mail is not sent: %s of %s", event, portal.name)
            return Delivery(sent=recipients, mock=True)
        sent: list[str] = []
        failed: dict[str, str] = {}
        for recipient in recipients:
            message = Message(
                recipient=recipient, subject=subject, text=text,
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
        portal = self.portal(workspace)
        facts = self._facts(portal, developer.email, developer)
        subject, text = build_contract_text(event, facts, application)
        for recipient in _contract_recipients(event, portal, developer.email):
            if self._settings.smtp_mock:
                _LOG.info("smtp_mock: a mail is not sent: %s of %s", event, portal.name)
                continue
            message = Message(
                recipient=recipient, subject=subject, text=text,
                sender=portal.mails.sender, reply_to=portal.mails.reply_to,
            )  # fmt: skip
            self._outbox.put(Letter(message=message, of=portal.name, about=event))

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

    def _facts(self, portal: Portal, email: str, developer: Developer | None) -> Facts:
        return Facts(
            portal_name=f"the developer portal ({portal.name})",
            portal_url=portal.gui,
            workspace=portal.name,
            email=email,
            name=email if developer is None else developer.name,
            manager=self._settings.admin_gui_url,
            is_proven=portal.is_by_email or not portal.has_sign_in,
        )


def _contract_recipients(
    event: ContractEvent, portal: Portal, email: str
) -> tuple[str, ...]:
    """Who hears of a contract: nobody where its switch is off."""
    mails = portal.mails
    if event == "application-service-requested":
        return mails.admins if mails.application_request else ()
    return (email,) if mails.application_status else ()


def _recipients(event: Event, portal: Portal, email: str) -> tuple[str, ...]:
    """Who gets a mail: nobody where its switch is off."""
    mails = portal.mails
    match event:
        case "request-access":
            return mails.admins if mails.access_request else ()
        case "approved-access":
            return (email,) if mails.approved else ()
        case "invite":
            return (email,) if mails.invite else ()
