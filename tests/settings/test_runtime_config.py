"""Settings that change while the bot runs: whole or not at all, each a version, taken back, and below what the vault allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.clock import Clock
from bot.compose import policy
from bot.config_cli import get_text
from bot.config_verbs import config_verbs
from bot.config_watch import read_again, take
from bot.errors import StartupError
from bot.refusal import CannotError
from bot.runtime_config import RuntimeConfig
from bot.settings import Settings, load
from bot.settings.runtime import RUNTIME, value_of, with_values
from bot.storage.memory import MemoryStore

NOW_MS = 1_800_000_000_000
CLOCK = Clock(now_ms=lambda: NOW_MS, new_id=lambda: "")
MINT = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"
BY, WHY = "operator ada", "a test"


def config(store: MemoryStore | None = None, started: Settings | None = None) -> RuntimeConfig:
    return RuntimeConfig(store or MemoryStore(), CLOCK, started or Settings())


def changed(**trading: str) -> dict[str, str]:
    return {f"trading.{key}": value for key, value in trading.items()}


@pytest.mark.parametrize("key", RUNTIME)
def test_every_key_that_changes_can_be_set_to_what_it_is(key: str) -> None:
    assert with_values(Settings(), Settings(), {key: value_of(Settings(), key)}) == Settings()


async def test_a_change_counts_at_once_is_a_version_and_outlives_a_restart() -> None:
    store = MemoryStore()
    one = config(store)
    applied: list[Settings] = []
    one.apply = applied.append
    version = await one.set(changed(max_trade_sol="0.2", blacklist=MINT), BY, WHY)
    assert version.changed == {"trading.max_trade_sol": ("1", "0.2"), "trading.blacklist": ("none", MINT)}
    ceilings = policy(applied[-1]).ceilings
    assert (ceilings.max_trade_lamports, ceilings.blacklist) == (200_000_000, (MINT,))
    again = config(store)
    assert await again.load() == one.current
    assert again.number == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (changed(max_trade_sol="0"), "trading.max_trade_sol: Input should be greater than 0"),
        (changed(max_trade_sol="0.5", max_open_positions="many"), "trading.max_open_positions: "),
        (changed(min_trade_sol="2"), "nobody could buy"),
        (changed(max_trade_sol="1.5"), "above the 1 that the vault was started with"),
        (changed(max_tip_lamports="6000000"), "above the 5000000 that the vault was started with"),
        (changed(blacklist="not-a-mint"), "trading.blacklist.0: "),
        (
            changed(confirm_interval_s="1e-9"),
            "trading.confirm_interval_s: Input should be greater than or equal to 0.05",
        ),
        (changed(resend_interval_s="1e-9"), "trading.resend_interval_s: Input should be greater than or equal to 0.1"),
        (changed(price_max_age_s="1e-9"), "trading.price_max_age_s: Input should be greater than or equal to 0.2"),
        (changed(observe_s="3"), "does not change while the bot runs"),
        (changed(max_trade_sool="3"), "did you mean trading.max_trade_sol?"),
        ({"wallets.master_key_file": "/tmp/x"}, "does not change while the bot runs"),
        ({"logs.level": "loud"}, "logs.level: "),
        ({"__class__": "x"}, "there is no such key"),
    ],
)
async def test_what_does_not_fit_is_refused_whole_and_changes_nothing(values: dict[str, str], told: str) -> None:
    one = config()
    with pytest.raises(CannotError) as refused:
        await one.set(values, BY, WHY)
    assert told in str(refused.value)
    assert str(refused.value).endswith("nothing was changed")
    assert one.current == Settings()
    assert await one.store.config_versions(9) == []


async def test_the_same_again_is_no_version() -> None:
    one = config()
    await one.set(changed(max_trade_sol="0.2"), BY, WHY)
    with pytest.raises(CannotError, match="how it is already"):
        await one.set(changed(max_trade_sol="0.20"), BY, WHY)
    assert one.number == 1


async def test_one_verb_takes_the_newest_change_back_and_a_number_goes_further() -> None:
    one = config()
    for most in ("0.5", "0.4", "0.3"):
        await one.set(changed(max_trade_sol=most), BY, WHY)
    await one.rollback(None, BY, "")
    assert value_of(one.current, "trading.max_trade_sol") == "0.4"
    await one.rollback(1, BY, "")
    assert value_of(one.current, "trading.max_trade_sol") == "0.5"
    version = await one.rollback(0, BY, "")
    assert one.current == Settings()
    assert (version.number, version.values, version.why) == (6, {}, "back to version 0")
    with pytest.raises(CannotError, match="no earlier version 9"):
        await one.rollback(9, BY, "")


async def test_a_change_of_the_file_is_not_taken_back_by_a_verb_which_says_so_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text("[trading]\nmax_trade_sol = 0.9\nmax_open_positions = 3\n")
    one = config()
    await one.set(changed(max_position_sol="0.4"), BY, WHY)
    await take(one, load(file, {}), "bot.toml")
    for number in (None, 1):
        with pytest.raises(CannotError) as refused:
            await one.rollback(number, BY, "")
        assert str(refused.value) == (
            "since version 1 bot.toml itself was changed (trading.max_open_positions, trading.max_trade_sol), and no verb takes a"
            " file back: write it as bot config history shows it was, or set those keys above it with bot config set; nothing was"
            " changed"
        )
    assert (one.number, value_of(one.current, "trading.max_trade_sol")) == (2, "0.9")
    await one.rollback(0, BY, "")
    assert value_of(one.current, "trading.max_position_sol") == "1", "what was set by hand is still taken back"


async def test_each_key_says_where_its_value_is_from(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[trading]\nmax_trade_sol = 0.9\nmax_open_positions = 3\n[web]\nport = 8080\n")
    environment = {"BOT_TRADING__MAX_TIP_LAMPORTS": "4000000", "MAX_POSITION_SIZE_SOL": "0.8", "HOME": "/"}
    one = config(started=load(file, environment))
    verbs = config_verbs(one, "mine.toml", environment)
    await one.set(changed(max_open_positions="2", max_tip_lamports="3000000"), BY, WHY)

    async def sources() -> dict[str, str]:
        told = (await verbs["config_get"]({}))["keys"]
        return {key["key"]: key.get("file_source", key["source"]) for key in told}

    told = await sources()
    assert told["trading.max_trade_sol"] == told["web.port"] == told["trading.max_open_positions"] == "file: mine.toml"
    assert told["trading.max_position_sol"] == "environment: MAX_POSITION_SIZE_SOL"
    assert told["trading.max_tip_lamports"] == "environment: BOT_TRADING__MAX_TIP_LAMPORTS"
    assert {told["trading.max_daily_loss_sol"], told["telegram.base_url"], told["trading.observe_s"]} == {"default"}
    lines = get_text(await verbs["config_get"]({"key": "trading"})).splitlines()
    [line] = [line for line in lines if line.startswith("trading.max_open_positions ")]
    assert line.split(maxsplit=1)[1] == "2  (runtime; without it 3, file: mine.toml)"
    file.write_text("[trading]\nmax_daily_loss_sol = 0.7\n[web]\nport = 8080\n")
    await take(one, load(file, environment), "mine.toml")
    told = await sources()
    assert told["trading.max_open_positions"] == "default"
    assert told["trading.max_trade_sol"] == "file: mine.toml", (
        "above what the vault began with: the file's of the start counts"
    )
    assert told["trading.max_daily_loss_sol"] == told["web.port"] == "file: mine.toml"
    assert told["trading.max_position_sol"] == "environment: MAX_POSITION_SIZE_SOL"


async def test_a_mint_that_is_named_twice_stands_in_the_blacklist_once(tmp_path: Path) -> None:
    other = MINT[:-1] + "Q"
    file = tmp_path / "bot.toml"
    file.write_text(f'[trading]\nblacklist = ["{MINT}", "{other}", "{MINT}"]\n')
    assert load(file, {}).trading.blacklist == (MINT, other)
    one = config()
    version = await one.set(changed(blacklist=f"{MINT},{MINT}"), BY, WHY)
    assert version.values == {"trading.blacklist": MINT}


async def test_a_key_goes_back_to_the_file() -> None:
    one = config()
    await one.set(changed(max_trade_sol="0.2", max_position_sol="0.3"), BY, WHY)
    await one.set(changed(max_trade_sol="file"), BY, WHY)
    assert one.values == {"trading.max_position_sol": "0.3"}
    assert value_of(one.current, "trading.max_trade_sol") == "1"


async def test_the_file_counts_below_what_was_changed_and_what_waits_for_a_restart_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    one = config()
    await one.set(changed(max_trade_sol="0.2"), BY, WHY)
    file.write_text(
        "[trading]\nmax_trade_sol = 0.9\nmax_position_sol = 0.7\nobserve_s = 3\nmax_tip_lamports = 9000000\n"
    )
    await take(one, load(file, {}), "bot.toml")
    assert value_of(one.current, "trading.max_trade_sol") == "0.2"
    assert value_of(one.current, "trading.max_position_sol") == "0.7"
    assert one.current.trading.observe_s == 6.0
    assert one.current.trading.max_tip_lamports == 5_000_000, "the vault signs no more before it is started again"
    assert one.waiting == ("trading.max_tip_lamports", "trading.observe_s")
    newest = await one.store.config_version()
    assert newest is not None
    assert (newest.by, newest.changed) == ("bot.toml", {"trading.max_position_sol": ("1", "0.7")})
    await one.set(changed(max_trade_sol="file"), BY, WHY)
    assert value_of(one.current, "trading.max_trade_sol") == "0.9"


async def test_a_file_that_does_not_hold_with_what_was_changed_leaves_everything_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    one = config()
    await one.set(changed(max_trade_sol="0.2"), BY, WHY)
    file.write_text("[trading]\nmin_trade_sol = 0.5\n")
    with pytest.raises(CannotError, match="nobody could buy"):
        await take(one, load(file, {}), "bot.toml")
    assert (one.number, one.base, value_of(one.current, "trading.min_trade_sol")) == (1, Settings(), "0.001")


@pytest.mark.parametrize(("text", "told"), [(None, "it is gone"), ("", "it is empty")], ids=["gone", "empty"])
def test_a_file_that_vanishes_or_is_emptied_loosens_no_limit(tmp_path: Path, text: str | None, told: str) -> None:
    file = tmp_path / "bot.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(StartupError, match=told):
        read_again(file, "local", {})
    file.write_text("# every limit as it is shipped\n")
    assert read_again(file, "local", {}) == Settings()


def test_a_file_that_would_keep_its_reader_waiting_or_fill_the_memory_is_refused_unopened(tmp_path: Path) -> None:
    pipe, endless, huge = tmp_path / "pipe", tmp_path / "endless", tmp_path / "huge"
    os.mkfifo(pipe)
    endless.symlink_to("/dev/zero")
    with huge.open("wb") as opened:
        opened.truncate(1 << 40)
    for file, told in ((pipe, "no regular file"), (endless, "no regular file"), (huge, "bytes, and 1048576 at most")):
        with pytest.raises(StartupError, match=told):
            read_again(file, "local", {})


async def test_a_start_whose_file_does_not_fit_what_holds_is_refused_with_who_said_it() -> None:
    store = MemoryStore()
    await config(store).set(changed(max_trade_sol="0.2"), BY, WHY)
    later = config(store, with_values(Settings(), Settings(), changed(min_trade_sol="0.5")))
    with pytest.raises(StartupError, match="version 1 of the settings, by operator ada, does not fit"):
        await later.load()


async def test_of_a_secret_there_is_its_name_its_source_and_its_age(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("1234567890:the-secret-itself")
    started = Settings()
    started = started.model_copy(
        update={
            "telegram": started.telegram.model_copy(update={"token_file": token}),
            "database": started.database.model_copy(update={"url": SecretStr("postgres://u:the-secret-itself@h/d")}),
        }
    )
    verbs = config_verbs(config(started=started))
    told = {one["key"]: one for one in (await verbs["config_get"]({}))["keys"]}
    assert told["telegram.token_file"]["value"] == f"secret in {token}"
    assert told["telegram.token_file"]["changed"].startswith("20")
    assert told["telegram.token_file"]["age_s"] >= 0
    assert told["database.url"]["value"] == "secret, not shown"
    assert "the-secret-itself" not in str(told)
    assert {one for one in told if told[one]["live"]} == set(RUNTIME)


async def test_the_verbs_refuse_what_is_no_change_and_name_who_asks() -> None:
    one = config()
    verbs = config_verbs(one)
    for request in ({}, {"values": {}}, {"values": "x"}):
        with pytest.raises(CannotError, match="give a key and a value"):
            await verbs["config_set"](request)
    with pytest.raises(CannotError, match="there is no key 'nothing'"):
        await verbs["config_get"]({"key": "nothing"})
    answer = await verbs["config_set"]({"values": {"logs.level": "debug"}, "by": "operator ada", "why": "to look"})
    assert (answer["by"], answer["why"], answer["version"]) == ("operator ada", "to look", 1)
    assert (await verbs["config_rollback"]({"by": "operator bob"}))["changed"] == {
        "logs.level": {"before": "debug", "after": "info"}
    }
    history = await verbs["config_history"]({})
    assert [version["by"] for version in history["versions"]] == ["operator bob", "operator ada"]
