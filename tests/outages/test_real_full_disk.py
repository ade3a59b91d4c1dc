"""A PostgreSQL on a disk that is full: it answers, it takes nothing, and exits go on from memory until there is room.

The real counterpart of `database full`. Needs the right to mount a small disk in memory, which root has.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from bot.errors import StoreUnavailable
from bot.ports import Store
from bot.storage.embedded import embedded_postgres
from bot.storage.spool import SpooledStore
from bot.storage.spool_journal import FileJournal
from bot.storage.store import open_store
from bot.trading.intent import AttemptState, Intent, IntentState
from tests.storage.server_thread import FAST
from tests.storage.storage_samples import NOW_MS, ask, attempt, bought, enrol, message, sell

DISK = "256m"
CHUNK_BYTES = 1 << 20
MESSAGES = 2_000  # more than the pages that are there have room for
DEADLINE_S = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for the server."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; what takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * CHUNK_BYTES) == CHUNK_BYTES:
                pass
            while True:
                file.write(b"x" * 512)
        except OSError:
            return ballast


async def until_it_takes_nothing(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        for number in range(MESSAGES):
            await store.post(message(f"m-{number}", "u-ada"))


async def test_a_server_without_room_answers_and_is_away_until_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with embedded_postgres(small_disk / "pg", FAST) as server, open_store(server.address) as database:
            spooled = SpooledStore(database, FileJournal(tmp_path / "spool.journal"))
            store = spooled.as_store
            wallet = await enrol(store)
            await bought(store, "b", wallet)
            ballast = fill(small_disk)
            await until_it_takes_nothing(database)
            await database.ping()
            await store.post(message("one more", "u-ada"))
            assert spooled.spool().from_memory
            for _ in range(2):
                with pytest.raises(StoreUnavailable, match="No space left on device"):
                    await store.ping()
            admitted = await ask(store, sell("x", wallet, token_raw=1_000))
            assert isinstance(admitted, Intent)
            await store.record_attempt(attempt(admitted.id, "s-x"))
            await store.mark_sent("s-x", NOW_MS)
            assert spooled.spool().records == 1
            ballast.unlink()
            await store.ping()
            assert not spooled.spool().from_memory
            [(intent, attempts)] = await database.in_flight()
            assert (intent.id, intent.state) == (admitted.id, IntentState.SENT)
            assert [one.state for one in attempts] == [AttemptState.SENT]
