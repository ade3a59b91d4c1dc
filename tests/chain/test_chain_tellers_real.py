"""Those who tell of tokens, as the settings and a running local chain name them, asked over sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from bot.api_keys import read_keys
from bot.clock import system_clock
from bot.errors import StartupError
from bot.local_chain import LocalChainAddress
from bot.localnet import elsewhere
from bot.settings import Settings, load
from bot.tellers import open_social, open_tellers

DEADLINE_S = 60
MINT = str(elsewhere.MINT)
NOWHERE = LocalChainAddress((), (), "", "")


async def test_profile_local_asks_the_stand_ins_of_its_chain(localnet: dict[str, Any]) -> None:
    cluster = LocalChainAddress(
        (), (), "", "", dexscreener_url=localnet["dexscreener_url"], birdeye_url=localnet["birdeye_url"]
    )
    chosen = Settings()
    with trio.fail_after(DEADLINE_S):
        async with open_tellers(chosen, cluster, read_keys(chosen, is_local=True), system_clock()) as tellers:
            assert [teller.name for teller in tellers] == ["DexScreener", "Birdeye", "Birdeye on its mint"]
            pairs, overview, security = [(await teller.ask([MINT]))[MINT] for teller in tellers]
    # 100 SOL beside 200 million tokens, and what others have traded there on this chain since.
    assert pairs.lamports_per_million == pytest.approx(500_000_000, rel=0.2)
    assert pairs.pico_usd == pytest.approx(overview.pico_usd, rel=0.01)
    assert security.mint is not None
    assert (security.mint.can_mint, security.mint.can_freeze) == (False, False)


async def test_elsewhere_nobody_is_asked_without_an_address(private_files: None, tmp_path: Path) -> None:
    async with open_tellers(Settings(), NOWHERE, read_keys(Settings(), is_local=False), system_clock()) as nobody:
        assert nobody == ()
    key = tmp_path / "key"
    key.write_text("secret\n")
    key.chmod(0o600)
    file = tmp_path / "bot.toml"
    file.write_text(
        f"[birdeye]\nurl = 'https://b.example'\nkey_file = '{key}'\n[dexscreener]\nurl = 'https://d.example'\n"
    )
    chosen = load(file, {})
    async with open_tellers(chosen, NOWHERE, read_keys(chosen, is_local=False), system_clock()) as tellers:
        assert len(tellers) == 3
        assert "secret" not in repr(tellers)


@pytest.mark.parametrize("half", ["url = 'https://b.example'", "key_file = 'key'"])
def test_birdeye_needs_both_of_address_and_key(tmp_path: Path, half: str) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(f"[birdeye]\n{half}\n")
    with pytest.raises(StartupError, match=r"birdeye\.url and birdeye\.key_file belong together"):
        load(file, {})


async def test_profile_local_reads_what_people_write_at_the_stand_ins_of_its_chain(localnet: dict[str, Any]) -> None:
    cluster = LocalChainAddress((), (), "", "", social_url=localnet["social_url"], ratings_url=localnet["ratings_url"])
    chosen = Settings()
    with trio.fail_after(DEADLINE_S):
        async with open_social(chosen, cluster, read_keys(chosen, is_local=True), system_clock()) as sources:
            assert [one.name for one in sources.first] == ["X", "Reddit", "Discord"]
            assert [one.name for one in sources.instead] == ["CoinGecko", "LunarCrush"]
            for teller in (*sources.first, *sources.instead):
                # Nobody writes of a coin that only its pool trades; each takes our key and says so.
                assert await teller.ask([MINT]) == {}


@pytest.mark.parametrize(
    ("section", "half"),
    [
        ("twitter", "url = 'https://x.example'"),
        ("reddit", "client_id = 'mine'"),
        ("discord", "channels = ['123456']"),
        ("coingecko", "key_file = 'key'"),
        ("lunarcrush", "url = 'https://moods.example'"),
    ],
)
def test_those_who_tell_what_people_write_need_all_of_their_keys(tmp_path: Path, section: str, half: str) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(f"[{section}]\n{half}\n")
    with pytest.raises(StartupError, match=rf"{section}\.url and .* belong together; set all of them or none"):
        load(file, {})
