"""
The names of a certificate, written and shown with it.

Spec: gateway §1.8: `snis` of a certificate are rows of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from ostiary.admin import refusals
from ostiary.admin.autofill import Autofill
from ostiary.admin.bodies import Given
from ostiary.admin.shapes import Json, validate
from ostiary.model.certificates import Sni
from ostiary.model.kinds import KINDS
from ostiary.model.row import Row
from ostiary.ports.config_store import ConfigReads, ConfigWrites, Wanted

_MANY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateNames:
    """`snis` as an array of names."""

    autofill: Autofill

    def name(self, given: Given, name: str) -> Given:
        """What is given, for a certificate that is put at one of its names."""
        names = given.data.get("snis")
        others = names if isinstance(names, list) else [names] if names else []
        data = {**given.data, "snis": [name, *(n for n in others if n != name)]}
        return Given(data=data, is_form=given.is_form)

    def take(self, given: Given) -> tuple[Given, object]:
        """What is given without `snis`, and `snis`."""
        if "snis" not in given.data:
            return given, None
        data = {**given.data}
        names = data.pop("snis")
        if isinstance(names, str):
            names = [names]
        if names is None:
            names = []
        if not isinstance(names, list):
            raise refusals.schema_violation([(("snis",), "expected an array")])
        wrong = [
            (("snis", index), "expected a string")
            for index, name in enumerate(names)
            if not isinstance(name, str)
        ]
        if wrong:
            raise refusals.schema_violation(wrong)
        return Given(data=data, is_form=given.is_form), names

    async def keep(self, write: ConfigWrites, row: Row, extra: object) -> None:
        """Let the certificate have these names and no others."""
        if not isinstance(extra, list):
            return
        known = {sni.name: sni for sni in await _names_of(write, row)}
        for held, sni in known.items():
            if held not in extra:
                await write.delete("snis", sni.id or "")
        for index, name in enumerate(dict.fromkeys(extra)):
            if name in known:
                continue
            data: Json = {"name": name, "certificate": row.id, "ws_id": row.ws_id}
            self.autofill.complete(KINDS["snis"], data, data)
            made = validate(Sni, data, lax=False)
            if isinstance(made, tuple):
                raise refusals.schema_violation(
                    [(("snis", index), text) for _, text in made]
                )
            assert isinstance(made, Sni)
            await write.add(made)

    async def show(self, reads: ConfigReads, row: Row) -> Json:
        """The names, sorted."""
        return {"snis": sorted(sni.name for sni in await _names_of(reads, row))}


async def _names_of(reads: ConfigReads, row: Row) -> list[Sni]:
    wanted = Wanted(kind="snis", where={"certificate": row.id or ""})
    page = await reads.page(wanted, size=_MANY)
    return [sni for sni in page.rows if isinstance(sni, Sni)]
