"""Judge replies by the API's own model, as its SDK ships it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

_MODEL = botocore.session.get_session().get_service_model("cognito-idp")


def find_faults(operation: str, output: Mapping[str, Any]) -> list[str]:
    """What is wrong with an operation's parsed output: types, ranges, unknown members."""
    shape = _MODEL.operation_model(operation).output_shape
    members = {k: v for k, v in output.items() if k != "ResponseMetadata"}
    described = members.get("DomainDescription", {})
    if described.get("CustomDomainConfig") == {}:
        # The service itself answers so for prefix domains, against its own model.
        kept = {k: v for k, v in described.items() if k != "CustomDomainConfig"}
        members["DomainDescription"] = kept
    if shape is None:
        return [f"unexpected {sorted(members)}"] if members else []
    report = ParamValidator().validate(members, shape)
    faults = [report.generate_report()] if report.has_errors() else []
    return faults + _find_enum_faults(shape, members, operation)


def _find_enum_faults(shape: Shape, value: Any, path: str) -> list[str]:
    # The SDK does not check enumerations of what it is sent.
    if isinstance(shape, StructureShape):
        return [
            fault
            for name, inner in value.items()
            if name in shape.members
            for fault in _find_enum_faults(shape.members[name], inner, f"{path}.{name}")
        ]
    if isinstance(shape, ListShape):
        return [
            fault
            for i, inner in enumerate(value)
            for fault in _find_enum_faults(shape.member, inner, f"{path}[{i}]")
        ]
    enum = getattr(shape, "enum", None)
    return [f"{path}: {value!r} is not in {enum}"] if enum and value not in enum else []
