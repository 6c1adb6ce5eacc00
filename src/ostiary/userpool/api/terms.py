"""
Operations on the documents that a client's sign-up page links to.

Spec: cognito §3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.oidc.op.client import is_registrable_uri
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.clients import load_client
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.paging import with_token
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import (
    change_record,
    find_named,
    list_kept,
    missing,
    new_record,
    pick,
)
from ostiary.userpool.identifiers import new_uuid

_KIND: Final = RecordKind.TERMS
_SETTINGS: Final = ("TermsName", "TermsSource", "Enforcement", "Links")
_OF_ONE_CLIENT: Final = 60
_BRIEF: Final = (
    "TermsId",
    "TermsName",
    "Enforcement",
    "CreationDate",
    "LastModifiedDate",
)
Given = Mapping[str, Any]  # Any: the SDK's types do not know these operations yet


def _build_shape(terms: Record) -> Shape:
    return {
        "TermsId": terms.name,
        "UserPoolId": terms.pool_id,
        "ClientId": terms.owner,
        "Links": {},
        **terms.value,
        "CreationDate": timestamp(terms.created_at),
        "LastModifiedDate": timestamp(terms.modified_at),
    }


def _check_links(given: Given) -> None:
    # They become links on a page: `javascript:` and its like would run there.
    for url in given.get("Links", {}).values():
        is_page = urlsplit(url).scheme in {"http", "https"} if ":" in url else False
        if not is_page or not is_registrable_uri(url.partition("#")[0]):
            raise invalid(messages.BAD_URL.format(url))


async def _list_of(call: Call, pool: Pool, client_id: str) -> tuple[Record, ...]:
    return await call.services.config.store.list_records(
        pool_id=pool.id, kind=_KIND, owner=client_id, limit=_OF_ONE_CLIENT
    )


async def _refuse_second(
    call: Call, pool: Pool, *, owner: str, terms_name: str, own: str = ""
) -> None:
    for other in await _list_of(call, pool, owner):
        if other.value["TermsName"] == terms_name and other.name != own:
            text = messages.TERMS_EXISTS.format(terms_name)
            raise ApiError("TermsExistsException", text)


async def _load(call: Call, pool: Pool, name: str) -> Record:
    text = messages.TERMS_MISSING.format(name)
    return await find_named(call, pool, _KIND, name=name, text=text)


async def create_terms(call: Call, given: Given) -> Shape:
    """CreateTerms: one document of each name for a client."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    _check_links(given)
    terms_name = given["TermsName"]
    await _refuse_second(call, pool, owner=client.id, terms_name=terms_name)
    value, name = pick(given, *_SETTINGS), new_uuid(call.services.config.entropy)
    terms = new_record(call, pool, _KIND, value, name=name, owner=client.id)
    await call.services.config.store.add_record(terms)
    return {"Terms": _build_shape(terms)}


async def describe_terms(call: Call, given: Given) -> Shape:
    """DescribeTerms."""
    pool = await load_pool(call, given["UserPoolId"])
    return {"Terms": _build_shape(await _load(call, pool, given["TermsId"]))}


async def describe_of_client(call: Call, given: Given) -> Shape:
    """DescribeTermsByClient."""
    pool = await load_pool(call, given["UserPoolId"])
    client = await load_client(call, pool, given["ClientId"])
    for terms in await _list_of(call, pool, client.id):
        if terms.value["TermsName"] == given["TermsName"]:
            return {"Terms": _build_shape(terms)}
    raise missing(messages.TERMS_MISSING.format(given["TermsName"]))


async def update_terms(call: Call, given: Given) -> Shape:
    """UpdateTerms: what is left out stays."""
    pool = await load_pool(call, given["UserPoolId"])
    terms = await _load(call, pool, given["TermsId"])
    _check_links(given)
    value = {**terms.value, **pick(given, *_SETTINGS)}
    await _refuse_second(
        call, pool, owner=terms.owner, terms_name=value["TermsName"], own=terms.name
    )
    changed = change_record(call, terms, value)
    await call.services.config.store.save_record(changed)
    return {"Terms": _build_shape(changed)}


async def delete_terms(call: Call, given: Given) -> Shape:
    """DeleteTerms."""
    pool = await load_pool(call, given["UserPoolId"])
    terms = await _load(call, pool, given["TermsId"])
    await call.services.config.store.delete_records(
        pool_id=pool.id, kind=_KIND, name=terms.name
    )
    return {}


async def list_terms(call: Call, given: Given) -> Shape:
    """ListTerms."""
    pool = await load_pool(call, given["UserPoolId"])
    page, token = await list_kept(
        call,
        pool,
        _KIND,
        size=given.get("MaxResults"),
        token=given.get("NextToken"),
    )
    shown = [pick(_build_shape(terms), *_BRIEF) for terms in page]
    return with_token({"Terms": shown}, token)


OPERATIONS: Final[Operations] = {
    "CreateTerms": create_terms,
    "DescribeTerms": describe_terms,
    "DescribeTermsByClient": describe_of_client,
    "UpdateTerms": update_terms,
    "DeleteTerms": delete_terms,
    "ListTerms": list_terms,
}
