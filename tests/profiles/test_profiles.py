"""What each profile asks for before it starts, and whom its console speaks for."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bot.compose import engine_regions
from bot.errors import BotError, StartupError
from bot.keys import KeyRing, find_key
from bot.localnet.inprocess import InProcessChain
from bot.profiles import (
    MAINNET,
    PROFILES,
    Profile,
    cluster_name,
    refuse_other_modes,
    refuse_without_endpoints,
    speakers,
    stream_urls,
)
from bot.settings import Rpc, Telegram, load
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.users import Registrar, enter_mode, wallet_of_mode
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.vault.vault_samples import guard
from tests.whole.virtual import make_world

PAPER, LOCAL, LIVE = PROFILES["paper"], PROFILES["local"], PROFILES["live"]


def key_file(directory: Path, key_id: str) -> Path:
    file = directory / "key"
    file.touch(mode=0o600)
    file.write_text(f"{key_id}:{base64.b64encode(bytes(32)).decode()}\n")
    return file


def names(directory: Path) -> list[str]:
    return [file.name for file in directory.iterdir()]


async def test_paper_makes_no_key_and_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"no master key: wallets\.master_key_file"):
        find_key(KeyRing(None, tmp_path, False, print), None, may_make=True)
    assert names(tmp_path) == []


async def test_paper_refuses_a_key_that_profile_local_made(tmp_path: Path) -> None:
    file = key_file(tmp_path, "local-ab12")
    with pytest.raises(StartupError, match=r"master key local-ab12: .* profile local .* make another one"):
        find_key(KeyRing(file, tmp_path, False, print), None, may_make=True)
    assert find_key(KeyRing(file, tmp_path, True, print), None, may_make=True).id == "local-ab12"


async def test_paper_takes_a_key_of_its_own(tmp_path: Path) -> None:
    file = key_file(tmp_path, "paper-1")
    assert find_key(KeyRing(file, tmp_path, False, print), None, may_make=True).id == "paper-1"


@pytest.mark.parametrize(
    ("mode", "refused", "taken"), [(Mode.LIVE, PAPER, LOCAL), (Mode.DRY_RUN, PAPER, LIVE), (Mode.LIVE, PAPER, LIVE)]
)
async def test_a_database_with_wallets_of_another_mode_is_refused(mode: Mode, refused: Profile, taken: Profile) -> None:
    world = make_world(InProcessChain(seed=1))
    vault = LocalVault(MasterKey("test", bytes(32)), guard())
    user = await Registrar(world.store, vault, world.clock, mode, None).ensure("anna", UserSettings())
    with pytest.raises(StartupError, match=rf"wallets of another mode, anna \({mode.value}\); profile"):
        await refuse_other_modes(world.store, refused)
    await refuse_other_modes(world.store, taken)
    # She has gone on to a mode that this profile has; what her first wallet holds would still be watched by nobody.
    await enter_mode(world.store, vault, world.clock, user, refused.mode, by=user.id)
    with pytest.raises(StartupError, match=rf"anna \({mode.value}\)"):
        await refuse_other_modes(world.store, refused)


async def test_who_traded_on_paper_at_the_prices_of_another_cluster_is_refused_by_profile_local() -> None:
    world = make_world(InProcessChain(seed=1))
    vault = LocalVault(MasterKey("test", bytes(32)), guard())
    user = await Registrar(world.store, vault, world.clock, Mode.LIVE, None).ensure("anna", UserSettings())
    await wallet_of_mode(world.store, vault, world.clock, user, Mode.PAPER)
    await refuse_other_modes(world.store, LOCAL)
    await Registrar(world.store, vault, world.clock, Mode.PAPER, None).ensure("bea", UserSettings())
    with pytest.raises(StartupError, match=r"wallets of another mode, bea \(paper\); profile local needs"):
        await refuse_other_modes(world.store, LOCAL)


def test_only_profile_live_moves_money_and_begins_on_paper() -> None:
    assert [profile.name for profile in PROFILES.values() if profile.moves_money] == ["live"]
    assert LIVE.newcomer is Mode.PAPER


def test_block_engines_are_those_of_the_settings_beside_the_local_chains(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text('[block_engine]\nurls = ["https://engine.example"]\nrequests_per_s = 2\n')
    chosen = load(file, {})
    assert engine_regions(chosen, "", None) == [("https://engine.example", 2.0, None)]
    assert [url for url, _, _ in engine_regions(chosen, "http://127.0.0.1:1", None)] == [
        "http://127.0.0.1:1",
        "https://engine.example",
    ]


def test_the_streams_of_endpoints_follow_the_rule_of_web3_js() -> None:
    urls = "https://one.example/v2?key=abc, http://127.0.0.1:8899"
    rpc = load(None, {"BOT_RPC__URLS": urls}).rpc
    assert stream_urls(rpc) == ("wss://one.example/v2?key=abc", "ws://127.0.0.1:8900")
    assert "abc" not in repr(rpc)
    given = load(None, {"BOT_RPC__URLS": urls, "BOT_RPC__WS_URLS": "wss://a.example,wss://b.example"}).rpc
    assert stream_urls(given) == ("wss://a.example", "wss://b.example")
    with pytest.raises(StartupError, match=r"one for each"):
        stream_urls(load(None, {"BOT_RPC__URLS": urls, "BOT_RPC__WS_URLS": "wss://a.example"}).rpc)


def test_paper_needs_an_endpoint_and_local_none() -> None:
    with pytest.raises(StartupError, match=r"rpc.urls names no endpoint"):
        refuse_without_endpoints(PAPER, Rpc())
    refuse_without_endpoints(LOCAL, Rpc())


def test_a_cluster_has_its_name_by_its_genesis_hash() -> None:
    assert cluster_name(PAPER, MAINNET) == "mainnet"
    assert cluster_name(PAPER, "3zd5abcdefgh") == "cluster 3zd5abcd"
    assert cluster_name(LOCAL, MAINNET) == "local"


def test_the_console_of_paper_speaks_for_its_operator_alone() -> None:
    assert speakers(LOCAL, Telegram())("demo-1") == "demo-1"
    mine = speakers(PAPER, Telegram(operator_chat_id=77))
    assert (mine(None), mine("77")) == ("77", "77")
    with pytest.raises(BotError, match=r"for the operator 77 alone"):
        mine("78")
    with pytest.raises(BotError, match=r"set telegram.operator_chat_id"):
        speakers(PAPER, Telegram())(None)


def test_paper_lands_no_sooner_than_its_latest() -> None:
    with pytest.raises(StartupError, match=r"slots_min is above"):
        load(None, {"BOT_PAPER__SLOTS_MIN": "4"})
