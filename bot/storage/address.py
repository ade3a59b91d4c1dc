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


def url_fault(url: str) -> str:
    """Why a text is no address of a database, as the rest of a sentence that repeats nothing of it; empty for one that is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"cannot be read; write it as {_SHAPE}, with % codes in the password"
    if parts.scheme not in _SCHEMES:
        return f"does not begin with postgresql://; write it as {_SHAPE}"
    if port == 0:
        return "has port 0, where nothing listens; leave the port out for 5432"
    return "" if parts.path.lstrip("/") else f"names no database; write it as {_SHAPE}"


def address_of_url(url: str) -> DatabaseAddress:
    """The address that `database.url` (DATABASE_URL) names; raises StartupError, which repeats nothing of a malformed one."""
    if fault := url_fault(url):
        raise StartupError(f"database.url {fault}")
    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or DEFAULT_PORT}" if parts.hostname else "the local socket"
    return DatabaseAddress(name=f"the database {parts.path.lstrip('/')} at {where} (database.url)", dsn=url)


def address_of_socket(
    directory: Path, *, port: int, user: str, password: str, database: str, name: str
) -> DatabaseAddress:
    """The address of a server that listens on a unix socket in `directory`; the socket's name contains the port."""
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    dsn = f"postgresql://{credentials}@/{quote(database, safe='')}?host={quote(str(directory), safe='')}&port={port}"
    return DatabaseAddress(name=name, dsn=dsn)
