"""
Write the user pool API's model: what operations take, and which errors they may answer.

It is made of the service description that botocore ships (Apache-2.0), without its texts and
without the shapes that only answers have. `tests/policy` says when it is out of date.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore.session

FILE = (
    Path(__file__).resolve().parent.parent
    / "src/ostiary/userpool/api/cognito_idp_model.json"
)
# Where the service takes more than its own description says: names of custom domains have dots.
# The operation itself judges what is left out here.
CORRECTED = {"DomainType": {"pattern": None}}
KEPT = ("type", "required", "min", "max", "pattern", "enum", "sensitive", "document")


def _load() -> dict[str, Any]:
    loader = botocore.session.get_session().get_component("data_loader")
    return dict(loader.load_service_model("cognito-idp", "service-2"))


def _references(shape: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {k: shape[k] for k in KEPT if k in shape}
    if "members" in shape:
        found["members"] = {k: v["shape"] for k, v in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            found[part] = shape[part]["shape"]
    return found


def _reach(shapes: dict[str, Any], roots: list[str]) -> list[str]:
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = _references(shapes[name])
        waiting += shape.get("members", {}).values()
        waiting += [shape[part] for part in ("member", "key", "value") if part in shape]
    return sorted(seen)


def build_model() -> str:
    """The file's text: one operation or shape a line."""
    service = _load()
    operations = {
        name: {
            "input": operation["input"]["shape"],
            "answers": "output" in operation,
            "signed": operation.get("authtype") != "none",
            "errors": sorted(e["shape"] for e in operation.get("errors", [])),
        }
        for name, operation in sorted(service["operations"].items())
    }
    inputs = [operation["input"] for operation in operations.values()]
    shapes = {
        name: _references(service["shapes"][name]) | CORRECTED.get(name, {})
        for name in _reach(service["shapes"], inputs)
    }
    return (
        '{"operations": {\n'
        + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in operations.items())
        + '\n}, "shapes": {\n'
        + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in shapes.items())
        + "\n}}\n"
    )


if __name__ == "__main__":
    FILE.write_text(build_model())
    print(f"wrote {FILE.name}")
