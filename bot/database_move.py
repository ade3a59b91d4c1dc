"""`bot database move`: the books go from the bot's own PostgreSQL to another one, or come back, while no bot runs on them.

What arrived is compared with what was sent, table by table, before anything is switched; the old database stays as it was.
"""

from __future__ import annotations

from pathlib import Path

from bot.backups.archive import stamp_of
from bot.backups.taking import POSTGRES, Place, Say, scratch_in
from bot.clock import Clock
from bot.errors import StartupError
from bot.start import locked
from bot.storage.address import DatabaseAddress, address_of_url
from bot.storage.archiving import move_in
from bot.storage.contents import contents, is_led
from bot.storage.dump import dump, is_empty, load_dump
from bot.storage.embedded import embedded_postgres
from bot.storage.spool_journal import FileJournal
from bot.trading.units import counted

DUMP = "moving.dump"
JOURNAL = "spool.journal"


async def move(place: Place, clock: Clock, say: Say, *, to_own: bool) -> None:
    """Move the books of a place to the database that `database.url` names, or from there to the bot's own.

    Raises StartupError, before anything is written, where a bot runs on either, where exits wait in the journal, or where the
    database that they go to has tables; and, with nothing switched, where what arrived is not what was sent.
    """
    url = place.chosen.database.url
    if url is None:
        raise StartupError("database.url names no database to move to or from; give DATABASE_URL or [database] url")
    outside = address_of_url(url.get_secret_value())
    with locked(place.directory):
        if FileJournal(place.directory / JOURNAL).records():
            raise StartupError(
                f"{place.directory / JOURNAL}: exits wait there for the database that they belong to; start the bot on it"
                " once, and stop it"
            )
        if to_own:
            await _bring_home(place, outside, say)
        else:
            await _send_out(place, outside, clock, say)


async def _send_out(place: Place, outside: DatabaseAddress, clock: Clock, say: Say) -> None:
    root = place.directory / POSTGRES
    if not (root / "data").exists():
        raise StartupError(f"{root}: there are no books of the bot's own; nothing was moved")
    if not await is_empty(outside):
        raise StartupError(f"{outside.name}: is not empty; make a new one and name that")
    with scratch_in(place.directory) as scratch:
        async with embedded_postgres(root) as server:
            await _carry(server.address, outside, scratch / DUMP, say)
    kept = root.with_name(f"{POSTGRES}.moved-{stamp_of(clock.now_ms())}")
    root.rename(kept)
    say(f"the bot uses {outside.name} from its next start on; the old books are kept in {kept}")


async def _bring_home(place: Place, outside: DatabaseAddress, say: Say) -> None:
    root = place.directory / POSTGRES
    if (root / "data").exists():
        raise StartupError(f"{root}: holds books already; move that folder away")
    if await is_empty(outside):
        raise StartupError(f"{outside.name}: holds no books; nothing was moved")
    if await is_led(outside):
        raise StartupError(f"{outside.name}: a bot leads there; stop it, and every standby")
    with scratch_in(place.directory) as scratch:
        async with embedded_postgres(scratch / POSTGRES) as server:
            await _carry(outside, server.address, scratch / DUMP, say)
        move_in(scratch / POSTGRES, root)
    say(f"the books are in {root}; take DATABASE_URL and database.url away before the next start")
    say(f"{outside.name} is as it was: no bot may be started on it again")


async def _carry(source: DatabaseAddress, target: DatabaseAddress, file: Path, say: Say) -> None:
    """Copy a database, whole or not at all, and hold the copy against it; raises StartupError."""
    await dump(source, file)
    await load_dump(target, file)
    sent, arrived = await contents(source), await contents(target)
    if wrong := sorted(name for name in sent.keys() | arrived.keys() if sent.get(name) != arrived.get(name)):
        raise StartupError(
            f"{target.name}: {counted(len(wrong), 'table')} did not arrive as sent, the first is {wrong[0]}; nothing was"
            " switched: drop that database and try again"
        )
    say(
        f"{counted(len(sent), 'table')} and sequences, {sum(rows for rows, _ in sent.values())} in all, compared: equal"
    )
