"""
Operations on threat protection and exported logs: what is set is kept, and has no effect here.

Spec: cognito §3.3, §3.14.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ostiary.model.pool import Pool, Record, RecordKind
from ostiary.userpool import messages
from ostiary.userpool.api.caller import Call, Operations, Shape
from ostiary.userpool.api.clients import load_client
from ostiary.userpool.api.errors import ApiError, invalid
from ostiary.userpool.api.pools import load_pool, timestamp
from ostiary.userpool.api.records import new_record, pick

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import type_defs as t

_RISK: Final = (
    "CompromisedCredentialsRiskConfiguration",
    "AccountTakeoverRiskConfiguration",
    "RiskExceptionConfiguration",
)
_RANGES: Final = ("BlockedIPRangeList", "SkippedIPRangeList")
_DESTINATIONS: Final = (
    "CloudWatchLogsConfiguration",
    "S3Configuration",
    "FirehoseConfiguration",
)
_NAME: Final = "configuration"
Given = Mapping[str, Any]  # Any: an input that the model has checked


def _check_ranges(given: Given) -> None:
    exceptions = given.get("RiskExceptionConfiguration", {})
    for name in _RANGES:
        for text in exceptions.get(name, []):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise invalid(messages.RANGE_WRONG.format(text)) from error


async def _load_owner(call: Call, pool: Pool, given: Given) -> str:
    client_id = given.get("ClientId")
    return (await load_client(call, pool, client_id)).id if client_id else ""


def _build_risk(pool: Pool, owner: str, risk: Record | None) -> Shape:
    shape: Shape = {"UserPoolId": pool.id, **({"ClientId": owner} if owner else {})}
    if risk is None:
        return shape
    return {**shape, **risk.value, "LastModifiedDate": timestamp(risk.modified_at)}


async def set_risk(call: Call, given: t.SetRiskConfigurationRequestTypeDef) -> Shape:
    """SetRiskConfiguration, of the pool or of a client."""
    pool = await load_pool(call, given["UserPoolId"])
    owner = await _load_owner(call, pool, given)
    add_ons = pool.settings.UserPoolAddOns
    if add_ons is None or add_ons.AdvancedSecurityMode == "OFF":
        raise ApiError("UserPoolAddOnNotEnabledException", messages.RISK_OFF)
    _check_ranges(given)
    value = pick(given, *_RISK)
    risk = new_record(call, pool, RecordKind.RISK, value, name=_NAME, owner=owner)
    await call.services.config.store.save_record(risk)
    return {"RiskConfiguration": _build_risk(pool, owner, risk)}


async def describe_risk(
    call: Call, given: t.DescribeRiskConfigurationRequestTypeDef
) -> Shape:
    """DescribeRiskConfiguration."""
    pool = await load_pool(call, given["UserPoolId"])
    owner = await _load_owner(call, pool, given)
    risk = await call.services.config.store.load_record(
        pool_id=pool.id, kind=RecordKind.RISK, name=_NAME, owner=owner
    )
    return {"RiskConfiguration": _build_risk(pool, owner, risk)}


def _build_logs(pool: Pool, configurations: list[Shape]) -> Shape:
    inner = {"UserPoolId": pool.id, "LogConfigurations": configurations}
    return {"LogDeliveryConfiguration": inner}


async def set_logs(
    call: Call, given: t.SetLogDeliveryConfigurationRequestTypeDef
) -> Shape:
    """SetLogDeliveryConfiguration: all of it; an empty list takes it away."""
    pool = await load_pool(call, given["UserPoolId"])
    configurations = [dict(one) for one in given["LogConfigurations"]]
    seen = set[object]()
    for one in configurations:
        if one["EventSource"] in seen:
            raise invalid(messages.LOG_TWICE.format(one["EventSource"]))
        seen.add(one["EventSource"])
        if len(pick(one, *_DESTINATIONS)) != 1:
            raise invalid(messages.LOG_DESTINATION)
    value = {"LogConfigurations": configurations}
    record = new_record(call, pool, RecordKind.LOG_DELIVERY, value, name=_NAME)
    await call.services.config.store.save_record(record)
    return _build_logs(pool, configurations)


async def get_logs(
    call: Call, given: t.GetLogDeliveryConfigurationRequestTypeDef
) -> Shape:
    """GetLogDeliveryConfiguration."""
    pool = await load_pool(call, given["UserPoolId"])
    found = await call.services.config.store.load_record(
        pool_id=pool.id, kind=RecordKind.LOG_DELIVERY, name=_NAME
    )
    return _build_logs(pool, found.value["LogConfigurations"] if found else [])


OPERATIONS: Final[Operations] = {
    "SetRiskConfiguration": set_risk,
    "DescribeRiskConfiguration": describe_risk,
    "SetLogDeliveryConfiguration": set_logs,
    "GetLogDeliveryConfiguration": get_logs,
}
