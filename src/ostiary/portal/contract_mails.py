"""
The texts of mails about applications and their contracts. Pure.

Spec: portal §1.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from ostiary.model.applications import Application
from ostiary.portal.mails import Facts, flatten

ContractEvent = Literal[
    "application-service-requested",
    "application-service-pending",
    "application-service-approved",
    "application-service-rejected",
    "application-service-revoked",
]
_TO_ADMINS: Final = (
    "{application} asks for a service in {workspace}",
    "The application {application} of {name} ({email}) asks for access to a service of the workspace {workspace}.\n\n{review}\n",
)
_TO_DEVELOPERS: Final[Mapping[str, tuple[str, str]]] = {
    "pending": ("{application}: your request waits for approval", "Your application {application} has asked for access to a service. You will hear when it is decided."),
    "approved": ("{application}: access is granted", "Your application {application} may call the service that it asked for."),
    "rejected": ("{application}: access is not granted", "The request of your application {application} for a service was rejected."),
    "revoked": ("{application}: access has ended", "Your application {application} may no longer call a service that it had access to."),
}  # fmt: skip


def build_contract_text(
    event: ContractEvent, facts: Facts, application: Application
) -> tuple[str, str]:
    """The subject and the text of a mail."""
    place = f"{facts.workspace}/applications/{application.id}"
    review = (
        f"Decide in the Manager:\n{facts.manager}/{place}#requested"
        if facts.manager
        else f"Decide in the Manager, or with the Admin API below\n/{place}/application_instances"
    )
    values = {
        "application": flatten(application.name),
        "workspace": facts.workspace,
        "email": flatten(facts.email),
        "name": flatten(facts.name),
        "review": review,
    }
    if event == "application-service-requested":
        subject, text = _TO_ADMINS
    else:
        subject, text = _TO_DEVELOPERS[event.rpartition("-")[2]]
        text += f"\n\n{facts.portal_url}/applications/view?id={application.id}\n"
    return subject.format(**values), text.format(**values)
