"""
The wire protocol: one POST, the operation in a header, JSON both ways.

Spec: AWS JSON 1.1.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ostiary.model.pool_settings import Wire
from ostiary.ports.pool_store import StoreError
from ostiary.userpool import messages
from ostiary.userpool.api import clients, inputs, pools, users
from ostiary.userpool.api.caller import Call, check_host, read_region, refuse_web_pages
from ostiary.userpool.api.catalogue import ALL_OPERATIONS
from ostiary.userpool.api.errors import ApiError, read_violations
from ostiary.userpool.identifiers import new_uuid
from ostiary.userpool.services import Services
from ostiary.web.body import BodyTooLarge, read_body

_log: Final = logging.getLogger(__name__)
_TYPE: Final = "application/x-amz-json-1.1"
_PREFIX: Final = "AWSCognitoIdentityProviderService."
_LIMIT: Final = 1024 * 1024
Shape = dict[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class Operation:
    """
    An operation's input model and what carries it out.

    One that `needs_signature` is for programs, not for web pages.
    """

    model: type[Wire]
    run: Callable[[Call, Any], Awaitable[Shape]]  # Any: an instance of `model`
    needs_signature: bool = True


OPERATIONS: Final[dict[str, Operation]] = {
    "CreateUserPool": Operation(inputs.CreateUserPool, pools.create_pool),
    "DescribeUserPool": Operation(inputs.DescribeUserPool, pools.describe_pool),
    "UpdateUserPool": Operation(inputs.UpdateUserPool, pools.update_pool),
    "ListUserPools": Operation(inputs.ListUserPools, pools.list_pools),
    "CreateUserPoolDomain": Operation(inputs.CreateUserPoolDomain, pools.create_domain),
    "DescribeUserPoolDomain": Operation(
        inputs.DescribeUserPoolDomain, pools.describe_domain
    ),
    "CreateUserPoolClient": Operation(
        inputs.CreateUserPoolClient, clients.create_client
    ),
    "DescribeUserPoolClient": Operation(inputs.UserPoolClient, clients.describe_client),
    "UpdateUserPoolClient": Operation(
        inputs.UpdateUserPoolClient, clients.update_client
    ),
    "ListUserPoolClients": Operation(inputs.ListUserPoolClients, clients.list_clients),
    "ListUsers": Operation(inputs.ListUsers, users.list_users),
    "AdminGetUser": Operation(inputs.AdminGetUser, users.get_user),
}


def _find_operation(target: str) -> Operation:
    name = target.removeprefix(_PREFIX)
    found = OPERATIONS.get(name) if target.startswith(_PREFIX) else None
    if found is not None:
        return found
    known = name in ALL_OPERATIONS
    text = messages.OPERATION_LATER if known else messages.OPERATION_UNKNOWN
    raise ApiError("UnknownOperationException", text.format(name[:128]))


def parse_input(body: bytes, model: type[Wire]) -> Wire:
    """
    An operation's input. Empty values of members that are not served count as absent.

    Raises:
        ApiError: Not JSON, or not what the model asks for.
    """
    try:
        data = json.loads(body or b"{}")
        # A lone surrogate is no text: it could neither be stored nor sent.
        json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", messages.BAD_JSON) from error
    if not isinstance(data, dict):
        raise ApiError("SerializationException", messages.BAD_JSON)
    kept = {
        name: value
        for name, value in data.items()
        if value is not None and (name in model.model_fields or value not in ({}, []))
    }
    try:
        return model.model_validate(kept)
    except ValidationError as error:
        raise read_violations(error) from error


async def _answer(services: Services, request: Request) -> Shape:
    check_host(services.config, request.headers.get("host", ""))
    operation = _find_operation(request.headers.get("x-amz-target", ""))
    if operation.needs_signature:
        refuse_web_pages(request.headers)
    region = read_region(request.headers.get("authorization"), services.config.region)
    try:
        body = await read_body(request, _LIMIT)
    except BodyTooLarge as error:
        raise ApiError("SerializationException", messages.TOO_LARGE) from error
    given = parse_input(body, operation.model)
    return await operation.run(Call(services=services, region=region), given)


async def answer_api(services: Services, request: Request) -> Response:
    """Carry out one call, or say why not."""
    request_id = new_uuid(services.config.entropy)
    headers = {"x-amzn-requestid": request_id}
    try:
        shape, status = await _answer(services, request), 200
    except ApiError as error:
        refusal = error
    except StoreError as error:
        _log.error("call %s failed: %s", request_id, error.code)
        refusal = ApiError("InternalErrorException", messages.INTERNAL, status=500)
    except Exception as error:  # noqa: BLE001 - SDKs can read nothing but JSON
        # Only the kind: the text may repeat what the caller sent.
        _log.error("call %s broke: %s", request_id, type(error).__name__)
        refusal = ApiError("InternalErrorException", messages.INTERNAL, status=500)
    else:
        return Response(json.dumps(shape), status, headers, _TYPE)
    headers |= {
        "x-amzn-errortype": f"{refusal.code}:",
        "x-amzn-errormessage": _header_text(refusal.message),
    }
    shape = {"__type": refusal.code, "message": refusal.message}
    return Response(json.dumps(shape), refusal.status, headers, _TYPE)


def _header_text(text: str) -> str:
    # Values of the caller stand in these texts; a field holds neither line ends nor controls.
    return "".join(c if " " <= c <= "~" else " " for c in text)[:1024]
