"""What /info and a pasted mint tell of others' words: marked, aged, harmless, beside our own, and never waited for."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.execution.hearsay_book import Said
from bot.ports import Hearsay, MintWord, Span
from bot.telegram.hearsay_text import hearsay_lines
from bot.trading.units import LAMPORTS_PER_SOL
from tests.market.teller_doubles import in_process_tellers
from tests.telegram.telegram_bot import bot_on_telegram, make_talk, token_on_the_market

OURS = (30 * LAMPORTS_PER_SOL, 10**15)  # 0.03 SOL per million tokens
NOW_MS = 10**12
WHOLE = Hearsay(
    lamports_per_million=31_000_000,
    pico_usd=4_650_000,
    hour=Span(1_234, 12, 5, 325),
    day=Span(56_789, 1_000, 80, -1_200),
    liquidity_usd=12_346,
    markets=(("raydium", 2), ("/panic\n", 1)),
    opened_at_ms=NOW_MS - 7_200_000,
    links=("https://x.example/a",),
)


def _lines(*said: Said[Hearsay], read: bool = True, micro_usd: int | None = None) -> list[str]:
    return hearsay_lines(said, OURS, micro_usd, NOW_MS, mint_is_read=read, holders_are_read=read)


def test_a_word_is_marked_by_whose_it_is_and_how_old() -> None:
    assert _lines(Said("DexScreener", 12_000, WHOLE)) == [
        "DexScreener says, 12 s ago: last hour 1,234 USD, 12 buys and 5 sells, price +3.25 %; last day 56,789 USD,"
        " 1,000 buys and 80 sells, price -12 %; liquidity 12,346 USD; 3 pairs in all (raydium, \u2215panic); the first opened"
        " 2 h ago.",
        "DexScreener passes on https\uff1a\u2215\u2215x\u2024example\u2215a; look there at your own risk.",
    ]


def test_nothing_is_said_of_what_nobody_said() -> None:
    assert _lines() == []
    assert _lines(Said("A"), Said("B", 5_000), Said("C", 0, Hearsay(impossible=2))) == [
        "A says nothing now.",
        "B has nothing about it, as of 5 s ago.",
        "C tells figures of 2 pairs that cannot be; they are left out.",
    ]
    assert _lines(Said("D", 0, Hearsay())) == []


@pytest.mark.parametrize(
    ("hearsay", "micro_usd", "far"),
    [
        (Hearsay(lamports_per_million=36_010_000), None, "20.03 % above ours"),
        (Hearsay(lamports_per_million=1_200_000_000), None, "3,900 % above ours"),
        (Hearsay(lamports_per_million=15_000_000), None, "50 % below ours"),
        (Hearsay(pico_usd=9_000_000), 150_000_000, "0.06 SOL per million tokens 7 s ago, 100 % above ours"),
        (Hearsay(lamports_per_million=36_000_000), None, ""),
        (Hearsay(lamports_per_million=0), None, ""),
        (Hearsay(pico_usd=9_000_000), None, ""),
        (Hearsay(pico_usd=4_500_000), 150_000_000, ""),
    ],
)
def test_a_price_far_from_ours_is_a_doubt_beside_it(hearsay: Hearsay, micro_usd: int | None, far: str) -> None:
    said = _lines(Said("DexScreener", 7_000, hearsay), micro_usd=micro_usd)
    if not far:
        assert said == []
        return
    [line] = said
    assert line.startswith("Doubt: DexScreener told a price of ")
    assert far in line
    assert (
        hearsay_lines(
            [Said("DexScreener", 7_000, hearsay)], None, micro_usd, NOW_MS, mint_is_read=True, holders_are_read=True
        )
        == []
    ), "without a price of our own there is nothing to doubt"


def test_a_word_about_the_mint_is_told_where_it_adds_to_our_own() -> None:
    word = Said("Birdeye on its mint", 60_000, Hearsay(mint=MintWord(True, True, True, True, 1_250)))
    assert _lines(word) == ["Birdeye on its mint, 60 s ago: whoever made it can change its name and picture."]
    assert _lines(word, read=False) == [
        "Birdeye on its mint, 60 s ago: whoever made it can change its name and picture; somebody can mint more of it; somebody"
        " can freeze its holders; its transfers cost a fee; its largest holders have 12.5 % of it."
    ]
    assert _lines(Said("Birdeye on its mint", 0, Hearsay(mint=MintWord(False, False, False, False, 5)))) == []


async def test_a_token_with_what_others_say_of_it_while_they_say_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(21)
    chain = talk.world.chain
    talk.world.tellers = in_process_tellers(chain)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await talk.agrees()
        mint = await token_on_the_market(talk)
        said = await talk.asks(f"/info {mint}", "calls itself Token 1")
        assert "DexScreener has nothing about it" in said, "it is not listed at once"
        assert "Birdeye says, 0 s ago: last hour " in said
        await trio.sleep(60)
        said = await talk.asks(mint, "calls itself Token 1")
        assert "DexScreener says, 0 s ago: last hour " in said
        assert "6 buys and 0 sells" in said
        assert "1 pair in all (pumpfun)" in said
        assert "passes on https\uff1a\u2215\u2215example\u2024invalid; look there at your own risk." in said
        assert "6 holders" in said
        assert "Doubt" not in said
        assert "DexScreener" not in await talk.asks(f"/price {mint}", "Market cap"), "/price is what the chain shows"

        chain.set_fault("dexscreener-lies", for_s=120)
        chain.set_fault("birdeye-lies", for_s=120)
        await trio.sleep(61)
        said = await talk.asks(f"/info {mint}", "calls itself Token 1")
        assert "Doubt: DexScreener told a price of " in said
        assert ",900 % above ours; one of them is old or wrong." in said
        assert "Market cap " in said, "ours is told all the same"
        await trio.sleep(31)
        said = await talk.asks(f"/info {mint}", "calls itself Token 1")
        assert "DexScreener tells figures of 1 pair that cannot be; they are left out." in said
        chain.cluster.all_faults.clear()

        for name in ("dexscreener", "birdeye"):
            chain.set_fault("rpc-slow", for_s=1_000, delay_ms=4_000, endpoint=name)
        await trio.sleep(1_000 - 5)
        began_s = trio.current_time()
        said = await talk.asks(f"/info {mint}", "calls itself Token 1")
        assert trio.current_time() - began_s < 2
        assert "DexScreener says nothing now." in said
        assert "Birdeye says nothing now." in said
        assert "Nobody can freeze, tax, take back or mint more of it." in said
        assert bot.market.hearsay.lines[0].trouble is None
