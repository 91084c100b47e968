"""A private PostgreSQL server for tests: a cluster of its own in a folder, on a Unix socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

# PostgreSQL refuses to run as root; Debian's package makes this user.
USER = "postgres"
_PROGRAMS = "/usr/lib/postgresql/*/bin"


class PostgreSQL:
    """A running server. Each database is new, and gone with the server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, database: str = USER) -> str:
        """Return the SQLAlchemy URL of *database*."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self._folder}"

    def new_database(self) -> str:
        """Make a database, and return its URL."""
        name = f"d{uuid.uuid4().hex}"
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@contextlib.contextmanager
def postgresql_running() -> Iterator[PostgreSQL]:
    """Run a server until the block ends; without PostgreSQL, the test fails."""
    programs = sorted(Path("/").glob(_PROGRAMS[1:]))
    assert programs, "postgresql is not installed; see packages-debian.txt"
    # Not below pytest's folders, which only their owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="sealgate-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        data = folder / "data"
        _run(programs[-1] / "initdb", "--auth=trust", "--username", USER, "-D", str(data))
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        control = programs[-1] / "pg_ctl"
        _run(control, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield PostgreSQL(folder)
        finally:
            _run(control, "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(program: Path, *arguments: str) -> None:
    command = [str(program), *arguments]
    if os.geteuid() == 0:
        command = ["runuser", "-u", USER, "--", *command]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
