"""An earlier bot's SQLite database is handed over whole: who is taken, what is left and why, twice without a change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
import trio
from cryptography.fernet import Fernet
from solders.keypair import Keypair
from trio.testing import MockClock

from bot import sqlite_import
from bot.clock import system_clock
from bot.control import MAX_LINE
from bot.earlier_import import EarlierImport
from bot.errors import BotError
from bot.ports import Store
from bot.storage.memory import MemoryStore
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.vault.local_vault import LocalVault
from bot.wallet_import import WalletImport
from tests.vault.vault_samples import guard
from tests.whole.virtual import MASTER_KEY

FERNET_KEY = Fernet.generate_key()
FERNET = Fernet(FERNET_KEY)
ADA, BOB, EVE, SMART = (Keypair.from_seed(bytes([number] * 32)) for number in range(1, 5))
NEWCOMER = UserSettings()
# The columns of the earlier bot's guide.
SCHEMA = """
create table trades (user_id integer, signature text, trade_type text, token_mint text, amount_sol real);
create table positions (user_id integer, position_id text, token_mint text, is_open integer);
create table user_wallets (user_id integer, public_key text, encrypted_private_key text, sol_balance real,
    last_balance_update text);
create table tracked_wallets (user_id integer, wallet_address text, label text, score real, is_trader integer,
    copy_trader_id integer, copy_enabled integer, copy_amount_sol real, copy_percentage real);
create table user_settings (user_id integer, max_trade_size_sol real, daily_loss_limit_sol real, slippage_percentage real,
    use_stop_loss integer, default_stop_loss_percentage real, use_take_profit integer, default_take_profit_percentage real,
    check_honeypots integer, min_liquidity_usd real, snipe_enabled integer, snipe_max_amount real, snipe_min_liquidity real,
    snipe_min_confidence real, snipe_max_daily integer, snipe_daily_used integer, snipe_last_reset text);
create table snipe_runs (snipe_id text, user_id integer, token_mint text, status text);
"""


def token(pair: Keypair) -> str:
    return FERNET.encrypt(str(pair).encode()).decode()


def earlier_database(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as database:
        database.executescript(SCHEMA)
        insert = "insert into user_wallets (user_id, public_key, encrypted_private_key) values (?, ?, ?)"
        database.execute(insert, (1, str(ADA.pubkey()), token(ADA)))
        database.execute(insert, (2, str(BOB.pubkey()), token(BOB).encode()))
        database.execute(insert, (3, str(EVE.pubkey()), token(ADA)))  # somebody gave Eve another one's token
        settings = "insert into user_settings values (?" + ", ?" * 16 + ")"
        database.execute(settings, (1, 0.25, 2.0, 4.5, 1, 12.5, 0, 20.0, 0, 1e4, 1, 0.05, 1e4, 0.7, 3, 2, "2025-10-24"))
        database.execute(settings, (2, 1e9, 5.0, 5.0, 1, 10.0, 1, 20.0, 1, 1e4, 0, 0.1, 1e4, 0.65, 10, 0, None))
        follow = "insert into tracked_wallets (user_id, wallet_address, label, copy_trader_id) values (?, ?, ?, ?)"
        database.execute(follow, (1, str(SMART.pubkey()), "Smart Money #1", None))
        database.execute(follow, (1, "nonsense", None, None))
        database.execute(follow, (2, str(SMART.pubkey()), None, 1))
        database.execute("insert into trades values (1, 'sig', 'buy', 'mint', 0.1)")
        database.execute("insert into positions values (1, 'p', 'mint', 1)")
        database.commit()
    return file


class Bot:
    """The running bot's end of the control socket, on a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.rescans = 0
        wallets = WalletImport(
            cast(Store, self.store),
            LocalVault(MASTER_KEY, guard(), fernet=FERNET),
            system_clock(),
            Mode.LIVE,
            NEWCOMER,
            lambda _: True,
        )
        self.earlier = EarlierImport(wallets, self._rescan)

    async def _rescan(self) -> None:
        await trio.lowlevel.checkpoint()
        self.rescans += 1

    async def take(self, people: Sequence[Any], *, dry: bool) -> dict[str, list[str]]:
        """What the verb would print, after a way through JSON as on the socket."""
        whole: dict[str, list[str]] = {"taken": [], "known": [], "refused": []}
        for person in json.loads(json.dumps(people)):
            for kind, lines in (await self.earlier.take(person, dry=dry)).items():
                whole[kind] += lines
        return whole


async def test_a_dry_run_says_what_the_real_one_takes_and_the_second_one_changes_nothing(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    file = earlier_database(tmp_path / "trading_bot.db")
    before = file.read_bytes()
    people, left = sqlite_import._read(file)
    bot = Bot()
    dry = await bot.take(people, dry=True)
    assert await bot.store.users() == [] and bot.rescans == 0
    told = await bot.take(people, dry=False)
    assert dry == told
    assert told["taken"] == [
        f"tg-1: wallet {ADA.pubkey()}",
        "tg-1: settings",
        f"tg-1: follows {SMART.pubkey()}",
        f"tg-2: wallet {BOB.pubkey()}",
        f"tg-2: follows {SMART.pubkey()}",
    ]
    users = await bot.store.users()
    settings = await bot.store.settings(users[0].id)
    assert (settings.max_trade_lamports, settings.daily_loss_limit_lamports) == (250_000_000, 2_000_000_000)
    assert (settings.slippage_buy_bps, settings.stop_loss_bps, settings.take_profit_bps) == (450, 1_250, None)
    assert (settings.snipe_max_lamports, settings.snipe_min_confidence_bps, settings.snipe_max_daily) == (
        50_000_000,
        7_000,
        3,
    )
    assert settings.check_honeypots is False and settings.snipe_enabled is False, "nobody's sniper begins by itself"
    assert [row.label for row in await bot.store.tracked(users[0].id)] == ["Smart Money #1"]
    refused = "\n".join(told["refused"])
    assert "tg-3: wallet: the token of wallet" in refused and "tg-3: has no wallet here" in refused
    assert "nonsense is not an address" in refused and "max_trade = 1000000000: max_trade goes from" in refused
    assert not any(secret[:20] in refused for secret in (token(ADA), str(ADA), str(EVE)))
    assert [line.split(",")[0] for line in left] == [
        "positions",
        "trades",
        "min_liquidity_usd of 2 users: counted dollars of a pool",
        "snipe_enabled of 1 users: is off until the user switches it on himself",
        "snipe_min_liquidity of 2 users: counted dollars of a pool",
        "1 copy relationships: whom they copy has to allow it here",
    ]
    assert bot.rescans == 2 and file.read_bytes() == before

    again = await bot.take(people, dry=False)
    assert again["taken"] == [] and len(again["known"]) == len(told["taken"])
    await bot.store.change_settings(users[0].id, lambda _: UserSettings(max_hold_s=60), "himself")
    third = await bot.take(people, dry=False)
    assert "tg-1: settings: has set his own here, which stay" in third["refused"]
    assert (await bot.store.settings(users[0].id)).max_hold_s == 60


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"no database at all, but long enough to be read as one" * 9, "cannot be read"), (b"", "no table")],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "trading_bot.db"
    file.write_bytes(content)
    with pytest.raises(BotError, match=why) as refused:
        sqlite_import.import_sqlite(tmp_path / "no.sock", str(file), dry=True)
    assert "\n" not in str(refused.value)
    with pytest.raises(BotError, match="is a folder; give the database that lies in it"):
        sqlite_import.import_sqlite(tmp_path / "no.sock", str(tmp_path), dry=True)
    with pytest.raises(BotError, match="there is no such file"):
        sqlite_import.import_sqlite(tmp_path / "no.sock", str(tmp_path / "missing.db"), dry=True)


def test_a_row_without_its_columns_is_named(tmp_path: Path) -> None:
    file = tmp_path / "trading_bot.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript("create table user_wallets (user_id integer); insert into user_wallets values (1)")
    with pytest.raises(BotError, match="encrypted_private_key"):
        sqlite_import.import_sqlite(tmp_path / "no.sock", str(file), dry=True)


def test_a_crowd_is_handed_over_in_requests_that_fit_the_socket() -> None:
    crowd = [
        {
            "telegram_id": number,
            "wallet": "x" * 200,
            "settings": {},
            "tracked": [{"address": "a" * 44, "label": ""}] * 60,
        }
        for number in range(40)
    ]
    batches = list(sqlite_import._batches(crowd))
    assert [person for batch in batches for person in batch] == crowd
    assert all(len(json.dumps(batch)) < MAX_LINE // 2 for batch in batches) and len(batches) < 20
