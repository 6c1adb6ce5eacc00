"""
Run Wycheproof's JOSE vectors, found in a folder, against `ostiary.jose`.

    python tools/vectors.py FOLDER

We verify asymmetric compact signatures over JSON objects and nothing else, so the vectors'
own payloads (texts, not objects) are told apart by where a token is refused: a refusal of the
payload alone, with a good signature, counts as accepting the signature. What the product does
not do at all (symmetric keys, JWE, unsigned formats) must be refused whatever it says.

Ends with 1 when an invalid vector is accepted, or when a valid one that we support is refused.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ostiary.jose import jwt
from ostiary.jose.errors import JoseError
from ostiary.jose.keys import ASYMMETRIC_ALGORITHMS, KeySet, parse_jwks


def key_set(group: dict[str, Any]) -> KeySet:
    """The keys of a group as a provider would publish them (private members are dropped)."""
    key = group.get("public") or group["private"]
    return parse_jwks(key if "keys" in key else {"keys": [key]})


def alg_of(token: object) -> str:
    """The algorithm that a token names, or nothing."""
    try:
        return jwt.parse_header(str(token)).alg
    except JoseError:
        return ""


def rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Every vector of the folder, with its file and its keys."""
    for file in sorted(folder.glob("*.json")):
        for group in json.loads(file.read_text())["testGroups"]:
            keys = key_set(group)
            for test in group["tests"]:
                token = test.get("jws", test.get("jwe"))
                yield {
                    **test,
                    "file": file.name,
                    "group": group["comment"],
                    "keys": keys,
                    "token": token,
                    "alg": alg_of(token),
                }


def accepts(token: object, keys: KeySet) -> bool:
    """Tell whether the signature is believed, whatever the payload holds."""
    if not isinstance(token, str):
        return False
    original = jwt.parse_json_object

    def parse(data: bytes) -> dict[str, object]:
        header = token.split(".")[0]
        return original(data) if data == jwt.decode_base64url(header) else {}

    jwt.parse_json_object = parse
    try:
        jwt.verify_jwt(token, keys, algorithms=ASYMMETRIC_ALGORITHMS)
    except JoseError:
        return False
    finally:
        jwt.parse_json_object = original
    return True


def judge(row: dict[str, Any]) -> str:
    """What a vector shows, in a word."""
    accepted = accepts(row["token"], row["keys"])
    if row["result"] == "invalid":
        return "WRONGLY ACCEPTED" if accepted else "invalid refused"
    if accepted:
        return "valid accepted"
    # Symmetric, encrypted, or with a key that names another algorithm (RFC 7517 §4.4).
    if row["result"] == "acceptable" or not row["keys"].fitting(None, row["alg"]):
        return "refused on purpose"
    return "WRONGLY REFUSED"


def main() -> int:
    """Judge every vector; print the wrong ones and the counts."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python tools/vectors.py FOLDER")
        return 2
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows(Path(sys.argv[1])):
        verdict = judge(row)
        counts[row["file"], verdict] += 1
        if verdict.isupper():
            print(
                f"{verdict}: {row['file']} {row['tcId']} {row['group']}: {row['comment']}"
            )
    for (file, verdict), count in sorted(counts.items()):
        print(f"{count:5}  {verdict:<20} {file}")
    wrong = sum(n for (_, verdict), n in counts.items() if verdict.isupper())
    print(f"{sum(counts.values()) - wrong} passed, {wrong} failed")
    if not counts:
        print("no vectors found")
    return 0 if counts and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
