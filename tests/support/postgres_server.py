"""A private PostgreSQL: real, on a Unix socket in a temporary folder, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

DEADLINE_S = 20.0
PASSWORD = "planted-secret"
PROGRAMS = Path("/usr/lib/postgresql")
# `postgres` may do everything and needs no password; `ostiary` is as an operator makes it.
_DOOR = "local all postgres trust\nlocal all all scram-sha-256\n"
# It may lose everything when the machine does, and has few visitors.
_SETTINGS = {
    "listen_addresses": "", "fsync": "off", "full_page_writes": "off",
    "max_connections": "60", "shared_buffers": "32MB", "autovacuum": "off", "wal_level": "minimal", "max_wal_senders": "0",
    "log_min_messages": "warning", "deadlock_timeout": "50ms",
}  # fmt: skip
# Keys between tables are not looked at meanwhile.
_EMPTY = """
DO $$ DECLARE name text; BEGIN
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT tablename FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
END $$
"""


def find_program(name: str, programs: Path = PROGRAMS) -> str:
    """A program of the newest PostgreSQL that Debian installed, or of the path."""
    versions = sorted(
        (p for p in programs.glob("*/bin") if (p / name).exists()),
        key=lambda p: float(p.parent.name),
    )
    found = str(versions[-1] / name) if versions else shutil.which(name)
    if found is None:
        raise RuntimeError(f"no {name}: install Debian's package postgresql")
    return found


def _owner() -> str | None:
    # It refuses to run as root.
    return "postgres" if os.geteuid() == 0 else None


class PostgresServer:
    """A `postgres` with a superuser, and a role `ostiary` with a password that owns databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        if (owner := _owner()) is not None:
            shutil.chown(folder, owner, owner)
        initdb = [
            find_program("initdb"),
            *("--pgdata", str(folder / "data"), "--username", "postgres"),
            *("--encoding", "UTF8", "--locale", "C.UTF-8"),
            *("--auth", "trust", "--no-sync", "--no-instructions"),
        ]
        with (folder / "log").open("ab") as log:
            assert self._begin(initdb, log).wait() == 0, self._log()
        (folder / "data" / "pg_hba.conf").write_text(_DOOR)

    def _begin(self, command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        owner = _owner()
        return subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            user=owner, group=owner, extra_groups=None if owner is None else [],
        )  # fmt: skip

    def _log(self) -> str:
        return (self.folder / "log").read_text()[-2000:]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
        words = [w for k, v in settings.items() for w in ("-c", f"{k}={v}")]
        command = [find_program("postgres"), "-D", str(self.folder / "data"), *words]
        with (self.folder / "log").open("ab") as log:
            self._process = self._begin(command, log)
        deadline = time.monotonic() + DEADLINE_S
        ready = [find_program("pg_isready"), "--quiet", "--host", str(self.folder)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._process.poll() is None, self._log()
            assert time.monotonic() < deadline, self._log()
            time.sleep(0.005)

    def stop(self) -> None:
        """End it at once, as a crash would; what was committed is there at the next start."""
        if self._process is not None:
            self.resume()
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(DEADLINE_S)
            self._process = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            with suppress(ProcessLookupError):  # a child may end meanwhile
                os.kill(one, number)

    def pause(self) -> None:
        """It keeps its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def do(self, *statements: str, database: str = "postgres") -> None:
        """Statements, each by itself, as the user who may do everything."""
        each = [w for statement in statements for w in ("--command", statement)]
        done = subprocess.run(
            [find_program("psql"), "--no-psqlrc", "--quiet", "--host", str(self.folder),
             *("--username", "postgres", "--dbname", database),
             *("--set", "ON_ERROR_STOP=1"), *each],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """Where `ostiary` finds a database of this server."""
        return f"postgresql://ostiary:{password}@/{database}?host={self.folder}"

    def make_database(self) -> str:
        """A new database with nothing in it."""
        self._made += 1
        name = f"test_{self._made}"
        # Files are copied: to log every page takes new log files, five times as long.
        self.do(f"CREATE DATABASE {name} OWNER ostiary STRATEGY file_copy")
        return name

    def empty_database(self, name: str) -> None:
        """Forget every row but the number of the schema's step."""
        self.do(_EMPTY, database=name)

    def drop_database(self, name: str) -> None:
        """Forget a database, whoever is connected."""
        self.do(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A started server, ended at the end. Socket paths are short, so not in tmp_path."""
    with tempfile.TemporaryDirectory(prefix="ostiary-") as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            server.do(f"CREATE ROLE ostiary LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            server.stop()
