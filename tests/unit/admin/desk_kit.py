"""A portal's desk that agrees with everything and tells nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ostiary.admin.developers import Event
from ostiary.admin.service_contracts import ContractEvent
from ostiary.model.applications import Application
from ostiary.model.portal import Developer, MetaField
from ostiary.model.words import Problem
from ostiary.model.workspaces import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Nobody:
    sent: tuple[str, ...] = ()
    failed: Mapping[str, str] | None = None
    mock: bool = True


class OpenDesk:
    def __init__(self) -> None:
        self.contracts: list[tuple[str, str, str]] = []

    def judge(self, _: Workspace) -> Sequence[Problem]:
        return ()

    def is_on(self, _: Workspace) -> bool:
        return True

    def default_files(self) -> Sequence[tuple[str, str]]:
        return ()

    def auto_approves(self, _: Workspace) -> bool:
        return False

    def meta_fields(self, _: Workspace) -> Sequence[MetaField]:
        return ()

    async def tell_contract(
        self,
        event: ContractEvent,
        workspace: Workspace,
        developer: Developer,
        application: Application,
    ) -> None:
        self.contracts.append((event, developer.email, application.name))

    def credential_plugins(self, _: Workspace) -> Sequence[str]:
        return ()

    def judge_password(self, _: Workspace, password: str, email: str) -> str | None:
        return "must be another" if password == email else None

    async def secure(
        self, workspace: Workspace, typed: Mapping[str, object], email: str
    ) -> tuple[Mapping[str, str], Sequence[Problem]]:
        return {name: f"kept {value}" for name, value in typed.items()}, ()

    async def tell(
        self,
        event: Event,
        workspace: Workspace,
        email: str,
        developer: Developer | None = None,
    ) -> Nobody:
        return Nobody()
