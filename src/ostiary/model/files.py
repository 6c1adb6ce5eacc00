"""
The files that a workspace's portal is made of, as rows.

Only known roots and only relative paths. What is wrong in a file is said when it is saved, and not
to developers later.

Spec: portal §§1.9, 3.1, 3.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, model_validator

from ostiary.model.fields import NonEmpty
from ostiary.model.headmatter import (
    EVERYBODY,
    MAX_HEAD_CHARS,
    read_page,
    read_spec_headmatter,
    split_headmatter,
)
from ostiary.model.row import Row
from ostiary.model.safe_yaml import BadText, parse_json, parse_yaml

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
MAX_PATH_CHARS: Final = 255
PORTAL_CONF: Final = "portal.conf.yaml"
ROUTER_CONF: Final = "router.conf.yaml"
_ALONE: Final = frozenset({PORTAL_CONF, ROUTER_CONF})
_ROOTS: Final[Mapping[str, frozenset[str] | None]] = {
    "content": frozenset({"txt", "md", "html", "yaml", "yml", "json"}),
    "specs": frozenset({"json", "yaml", "yml"}),
    "emails": frozenset({"txt"}),
    "themes": None,
}
_DATA_URL: Final = re.compile(r"data:([a-z0-9.+/-]{1,100});base64,", re.IGNORECASE)
_NOT_IN_NAMES: Final = re.compile(r'[\\?#%*<>|":]')


def check_path(path: str) -> str:
    """
    A path that can be a file of a portal.

    Raises:
        ValueError: It leads elsewhere, or nothing of that kind is served.
    """
    if len(path) > MAX_PATH_CHARS:
        raise ValueError(f"length must be at most {MAX_PATH_CHARS}")
    if path.startswith("/"):
        raise ValueError("must be relative: leave out the / at its beginning")
    steps = path.split("/")
    if any(step in {"", ".", ".."} for step in steps):
        raise ValueError("must have no empty segments, . or ..")
    if not path.isprintable() or _NOT_IN_NAMES.search(path) or path != path.strip():
        raise ValueError(
            'must have no control characters and none of \\ ? # % * < > | " :'
        )
    if path in _ALONE:
        return path
    ends = _ROOTS.get(steps[0], frozenset())
    if len(steps) < 2 or (ends is not None and not ends):
        known = ", ".join([*sorted(_ALONE), *(f"{root}/" for root in _ROOTS)])
        raise ValueError(f"must be or begin with one of: {known}")
    end = steps[-1].rpartition(".")[2].lower()
    if ends is not None and end not in ends:
        listed = ", ".join(f".{one}" for one in sorted(ends))
        raise ValueError(f"files in {steps[0]}/ must end in one of: {listed}")
    return path


def _check_size(contents: str) -> str:
    if len(contents.encode("utf-8", "surrogatepass")) > MAX_FILE_BYTES:
        raise ValueError(f"must be at most {MAX_FILE_BYTES // 1024 // 1024} MB")
    if "\x00" in contents:
        raise ValueError("must be text: send binary files as data:…;base64,…")
    return contents


def build_checksum(contents: str) -> str:
    """SHA-256 of what a file holds, in hex."""
    return hashlib.sha256(contents.encode("utf-8", "surrogatepass")).hexdigest()


def read_binary(contents: str) -> tuple[str, bytes] | None:
    """
    Media type and bytes of `data:…;base64,…`; None for a file that is text.

    Raises:
        ValueError: It begins so, and is no base64.
    """
    start = _DATA_URL.match(contents)
    if start is None:
        return None
    try:
        return start[1].lower(), base64.b64decode(
            contents[start.end() :].strip(), validate=True
        )
    except (binascii.Error, ValueError):
        raise ValueError("what follows data:…;base64, is no base64") from None


def check_contents(path: str, contents: str) -> None:
    """
    Let go on a file whose text reads as its path promises.

    Raises:
        BadText: YAML, JSON or head matter is wrong; the text says in which line.
        ValueError: Something else is.
    """
    root = path.split("/", maxsplit=1)[0]
    is_json = path.endswith(".json")
    is_yaml = path.endswith((".yaml", ".yml"))
    if root == "themes" and read_binary(contents) is not None:
        return
    if path in _ALONE or (root == "themes" and path.endswith("/theme.conf.yaml")):
        _check_record(parse_yaml(contents), empty=path != ROUTER_CONF)
    elif root == "specs":
        document = parse_json(contents) if is_json else parse_yaml(contents)
        _check_record(document)
        read_spec_headmatter(document)
    elif root == "content" and (is_json or is_yaml):
        if split_headmatter(contents)[0] is not None:
            read_page(contents)
    elif root in {"content", "emails"}:
        head, _ = split_headmatter(contents)
        if (
            head is not None
            and len(head) <= MAX_HEAD_CHARS
            and not _is_closed(contents)
        ):
            raise BadText("the head matter is not closed: add a line of ---", 1)
        read_page(contents)


def _is_closed(contents: str) -> bool:
    lines = contents.removeprefix("\ufeff").splitlines()
    return any(line.rstrip(" \t") == "---" for line in lines[1:])


def _check_record(value: object, *, empty: bool = True) -> None:
    if value is None and empty:
        return
    if value is not None and not isinstance(value, dict):
        raise BadText("must be a record: `key: value` lines")


def read_readers(path: str, contents: str) -> tuple[str, ...]:
    """The roles that a file's rule names; nobody for one without a rule, or that is for all."""
    root = path.partition("/")[0]
    try:
        if root == "specs":
            is_json = path.endswith(".json")
            document = parse_json(contents) if is_json else parse_yaml(contents)
            rule = read_spec_headmatter(document).readable_by
        elif root == "content":
            rule = read_page(contents)[0].readable_by
        else:
            rule = None
    except (BadText, ValueError):
        rule = None  # told already
    return tuple(name for name in rule or () if name != EVERYBODY)


class File(Row):
    """
    One file. `checksum` follows from `contents`, whoever says otherwise.

    Binary files are `data:<media type>;base64,…`. Whether the contents read is for `check_contents`
    to say when a file is saved: it takes too long to be asked whenever one is loaded.
    """

    path: Annotated[NonEmpty, AfterValidator(check_path)]
    contents: Annotated[str, AfterValidator(_check_size)] = Field(repr=False)
    checksum: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _sum_up(cls, data: Any) -> Any:  # Any: not validated yet
        if isinstance(data, dict) and isinstance(data.get("contents", ""), str):
            return {**data, "checksum": build_checksum(data.get("contents", ""))}
        return data
