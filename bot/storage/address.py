"""Where the database is: a connection string that is never printed, and a name for it that may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from bot.errors import StartupError

DEFAULT_PORT = 5432
_SCHEMES = ("postgres", "postgresql")
_SHAPE = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A PostgreSQL server. `dsn` holds the password and stays out of every text; `name` is safe to show."""

    name: str
    dsn: str = field(repr=False)


def address_of_url(url: str) -> DatabaseAddress:
    """The address that `DATABASE_URL` names; raises StartupError, which repeats nothing of a URL that is malformed."""
    try:
        parts = urlsplit(url)
        host, port, database = parts.hostname, parts.port, parts.path.lstrip("/")
    except ValueError:
        raise StartupError(f"DATABASE_URL cannot be read; write it as {_SHAPE}, with % codes in the password") from None
    if parts.scheme not in _SCHEMES:
        raise StartupError(f"DATABASE_URL does not begin with postgresql://; write it as {_SHAPE}")
    if not database:
        raise StartupError(f"DATABASE_URL names no database; write it as {_SHAPE}")
    where = f"{host}:{port or DEFAULT_PORT}" if host else "the local socket"
    return DatabaseAddress(name=f"the database {database} at {where} (DATABASE_URL)", dsn=url)


def address_of_socket(
    directory: Path, *, port: int, user: str, password: str, database: str, name: str
) -> DatabaseAddress:
    """The address of a server that listens on a unix socket in `directory`; the socket's name contains the port."""
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    dsn = f"postgresql://{credentials}@/{quote(database, safe='')}?host={quote(str(directory), safe='')}&port={port}"
    return DatabaseAddress(name=name, dsn=dsn)
