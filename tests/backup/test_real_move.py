"""The books go from the bot's own PostgreSQL to another server, an older one where there is one, and come back, row for row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from bot.backups.taking import Place
from bot.clock import virtual_clock
from bot.database_move import move
from bot.errors import StartupError
from bot.settings import load
from bot.start import locked
from bot.storage import cluster
from bot.storage.contents import contents
from bot.storage.dump import ask
from bot.storage.embedded import embedded_postgres
from bot.storage.store import open_store
from tests.storage.server_thread import fast_folder, run_sql

NOW_MS = 1_795_000_000_000
CLOCK = virtual_clock(lambda: 0.0, epoch_ms=NOW_MS, seed=1)
DEADLINE_S = 120
PG = Path("/usr/lib/postgresql")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with fast_folder(tmp_path) as folder:
        folder.chmod(0o700)
        yield folder


@asynccontextmanager
async def outside_server(root: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The URL of a database on a server that is not the bot's: the machine's own version where it has one."""
    folders = [folder for folder in cluster.program_folders() if PG in folder.parents]
    with monkeypatch.context() as patch:
        if folders:
            patch.setattr(cluster, "program_folders", lambda: folders)
        async with embedded_postgres(root, {"fsync": "off"}) as server:
            patch.undo()
            await ask(server.address, "create database books")
            yield server.address.dsn.replace("/postgres?", "/books?")


def place_of(home: Path, url: str) -> Place:
    file = home / "bot.toml"
    file.write_text(f'[database]\nurl = "{url}"\n')
    return Place(home, "local", load(file, profile="local"), file)


def moved(home: Path) -> list[Path]:
    """The old books that are kept; nothing that was needed meanwhile is left."""
    assert not list(home.glob(".backup-*"))
    return list(home.glob("postgres.moved-*"))


async def test_books_go_out_and_come_back_row_for_row_and_the_old_ones_are_kept(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with trio.fail_after(DEADLINE_S):
        async with outside_server(home / "outside", monkeypatch) as url:
            place = place_of(home, url)
            with pytest.raises(StartupError, match="no books of the bot's own"):
                await move(place, CLOCK, said.append, to_own=False)
            async with embedded_postgres(home / "postgres", {"fsync": "off"}) as server:
                async with open_store(server.address):
                    pass
                odd = "create table odd (t timestamptz default now(), d double precision default 0.1, j jsonb default '{}')"
                await run_sql(server.address, odd, "insert into odd select from generate_series(1, 999)", "select 1")
                sent = await contents(server.address)
            assert sent["public.odd"][0] == 999 and len(sent) > 60
            with locked(home), pytest.raises(StartupError, match="another bot runs here"):
                await move(place, CLOCK, said.append, to_own=False)
            await move(place, CLOCK, said.append, to_own=False)
            assert "compared: equal" in said[0] and said[-1].startswith("the bot uses")
            [kept] = moved(home)
            assert (kept / "data").exists() and not (home / "postgres").exists()
            with pytest.raises(StartupError, match="no books of the bot's own"):
                await move(place, CLOCK, said.append, to_own=False)
            kept.rename(home / "postgres")
            for to_own, why in ((False, "is not empty"), (True, "holds books already")):
                with pytest.raises(StartupError, match=why):
                    await move(place, CLOCK, said.append, to_own=to_own)
            (home / "postgres").rename(kept)

            await move(place, CLOCK, said.append, to_own=True)
            async with embedded_postgres(home / "postgres", {"fsync": "off"}) as server:
                assert await contents(server.address) == sent
            password = url.partition("@")[0].rpartition(":")[2]
            assert not any(password in line for line in said)


async def test_a_bot_that_leads_there_and_a_copy_that_differs_keep_everything_as_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.fail_after(DEADLINE_S):
        async with outside_server(home / "outside", monkeypatch) as url:
            place = place_of(home, url)
            async with embedded_postgres(home / "postgres", {"fsync": "off"}) as server:
                place_in = "create function place() returns text immutable language sql"
                place_in += " as $$select current_setting('data_directory')$$"
                table = "create table local_one (n int, place text generated always as (place()) stored)"
                await ask(server.address, f"{place_in}; {table}; insert into local_one values (1)")
            with pytest.raises(StartupError, match=r"1 table did not arrive as sent, the first is public\.local_one"):
                await move(place, CLOCK, lambda _: None, to_own=False)
            assert (home / "postgres" / "data").exists() and moved(home) == []
            (home / "postgres").rename(home / "away")
            lease = "create table lease (released boolean, until timestamptz)"
            async with embedded_postgres(home / "again", {"fsync": "off"}) as server:
                await ask(server.address, f"{lease}; insert into lease values (false, now() + interval '1 hour')")
                led = place_of(home, server.address.dsn)
                with pytest.raises(StartupError, match="a bot leads there"):
                    await move(led, CLOCK, lambda _: None, to_own=True)
            assert not (home / "postgres").exists()
