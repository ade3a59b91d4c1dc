"""What DexScreener and Birdeye answer, over the wire and decoded: exact figures, bounds, hostile answers, refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import system_clock
from bot.errors import HearsayUnavailable
from bot.localnet.doors.http import AskedDoor
from bot.localnet.faults import DEXSCREENER_DOWN, FaultTable
from bot.market import birdeye, dexscreener
from bot.market.birdeye import birdeye_security, overview_of, security_of
from bot.market.dexscreener import DexScreener, hearsay_of, is_plain_https
from bot.market.web import ANSWER_BYTES_MAX, Pace, WebFetch, open_web_client
from bot.ports import Hearsay, MintWord, Span

DEADLINE_S = 20
MINT, OTHER = "M" * 40, "N" * 40
PAIR: dict[str, Any] = {
    "chainId": "solana",
    "dexId": "pumpswap",
    "pairAddress": "P",
    "baseToken": {"address": MINT, "name": "x", "symbol": "y"},
    "quoteToken": {"address": dexscreener.WRAPPED_SOL},
    "priceNative": "0.00000003125",
    "priceUsd": "0.000004687",
    "txns": {"m5": {"buys": 1, "sells": 0}, "h1": {"buys": 12, "sells": 5}, "h24": {"buys": 100, "sells": 80}},
    "volume": {"h24": 5678.4, "h1": 1234.5, "m5": 0},
    "priceChange": {"h1": 3.25, "h24": -12},
    "liquidity": {"usd": 12345.67, "base": 1, "quote": 2},
    "fdv": 4687,
    "pairCreatedAt": 1_700_000_000_000,
    "info": {"websites": [{"label": "Website", "url": "https://x.example/a"}], "socials": [{"type": "t", "url": ""}]},
    "boosts": {"active": 1},
}
HOSTILE = [1e30, -1, "1e30", "-5", "NaN", "Infinity", 1e308, "\u202e/panic", [], {"a": None}, True, "9" * 500]


def _body(*pairs: Any) -> bytes:
    return msgspec.json.encode(pairs)


def test_a_pair_is_read_exactly() -> None:
    assert hearsay_of(_body(PAIR), [MINT, OTHER]) == {
        MINT: Hearsay(
            lamports_per_million=31_250_000,
            pico_usd=4_687_000,
            hour=Span(1_234, 12, 5, 325),
            day=Span(5_678, 100, 80, -1_200),
            liquidity_usd=12_346,
            markets=(("pumpswap", 1),),
            opened_at_ms=1_700_000_000_000,
            links=("https://x.example/a",),
        )
    }


def test_several_pairs_are_summed_and_the_deepest_tells_the_price() -> None:
    shallow = {**PAIR, "dexId": "raydium", "liquidity": {"usd": 5}, "priceNative": "7", "pairCreatedAt": 5}
    on_curve = {**PAIR, "dexId": "raydium", "liquidity": None, "info": None, "txns": {}}
    in_dollars = {**PAIR, "quoteToken": {"address": "USDC"}, "liquidity": {"usd": 99_999}}
    elsewhere = {**PAIR, "chainId": "base"}
    as_quote = {**PAIR, "baseToken": {"address": OTHER}}
    said = hearsay_of(_body(shallow, on_curve, elsewhere, PAIR, as_quote), [MINT])[MINT]
    assert said.lamports_per_million == 31_250_000
    assert said.markets == (("raydium", 2), ("pumpswap", 1))
    assert (said.hour.buys, said.day.volume_usd, said.liquidity_usd) == (24, 3 * 5_678, 12_351)
    assert said.opened_at_ms == 5
    assert hearsay_of(_body(PAIR, in_dollars), [MINT])[MINT].lamports_per_million is None
    assert hearsay_of(_body(), [MINT]) == {}


@pytest.mark.parametrize(
    "member", ["priceNative", "priceUsd", "volume", "txns", "priceChange", "liquidity", "pairCreatedAt"]
)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_figure_that_cannot_be_leaves_its_pair_out_or_is_the_typed_error(member: str, value: Any) -> None:
    inner = {"volume": {"h1": value}, "txns": {"h1": {"buys": value, "sells": value}}, "liquidity": {"usd": value}}
    wrong = {**PAIR, member: inner.get(member, {"h1": value} if member == "priceChange" else value)}
    try:
        said = hearsay_of(_body(wrong, PAIR), [MINT])[MINT]
    except HearsayUnavailable:
        return
    sane = hearsay_of(_body(PAIR), [MINT])[MINT]
    if said.impossible:
        assert (said.impossible, said.hour, said.lamports_per_million) == (1, sane.hour, sane.lamports_per_million)
    else:
        assert value in {True, -1, "-5"}, "a price of it, or a change of it, may be"


def test_when_no_pair_makes_sense_nothing_is_said_but_that() -> None:
    assert hearsay_of(_body({**PAIR, "volume": {"h1": 1e30}}), [MINT]) == {MINT: Hearsay(impossible=1)}


@given(st.binary() | st.text().map(lambda text: msgspec.json.encode([text])))
def test_whatever_else_they_answer_is_the_typed_error(body: bytes) -> None:
    read: tuple[Callable[[bytes], object], ...] = (lambda raw: hearsay_of(raw, [MINT]), overview_of, security_of)
    for one in read:
        try:
            one(body)
        except HearsayUnavailable:
            continue
        assert body.strip() == b"[]"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'[{"chainId":"' + b"\xff" * 9 + b'"}]', b"null", b"[null]", b"{}"])
def test_nests_nulls_and_broken_letters_are_the_typed_error(body: bytes) -> None:
    for read in (lambda raw: hearsay_of(raw, [MINT]), overview_of, security_of):
        with pytest.raises(HearsayUnavailable):
            read(body)


@pytest.mark.parametrize(
    ("link", "taken"),
    [
        ("https://x.example/a", True),
        ("http://x.example", False),
        ("javascript:alert(1)", False),
        ("https://you@evil.example", False),
        ("https://x.example/\n/panic", False),
        ("https://x.example/\u202e", False),
        ("https://[::1", False),
        ("https://", False),
        ("https://x.example/" + "a" * 200, False),
    ],
)
def test_only_plain_https_links_are_passed_on(link: str, taken: bool) -> None:
    assert is_plain_https(link) is taken


def test_birdeye_is_read_exactly_and_within_bounds() -> None:
    data = {"price": 0.000004687, "liquidity": 10, "holder": 42, "v1hUSD": 7.6, "v24hUSD": 8, "buy1h": 1, "sell1h": 2}
    told = {**data, "buy24h": 3, "sell24h": 4, "priceChange1hPercent": 1.5, "priceChange24hPercent": None, "mc": 9}
    assert overview_of(msgspec.json.encode({"success": True, "data": told})) == Hearsay(
        pico_usd=4_687_000,
        hour=Span(8, 1, 2, 150),
        day=Span(8, 3, 4, None),
        liquidity_usd=10,
        holders=42,
    )
    assert overview_of(b'{"success":true,"data":null}') is None
    for wrong in ({"price": -1}, {"holder": 10**30}, {"v1hUSD": "NaN"}):
        with pytest.raises(HearsayUnavailable):
            overview_of(msgspec.json.encode({"success": True, "data": wrong}))
    security = {"mutableMetadata": True, "ownerAddress": None, "freezeAuthority": "F", "top10HolderPercent": 0.125}
    said = security_of(msgspec.json.encode({"success": True, "data": security}))
    assert said == Hearsay(mint=MintWord(True, False, True, False, 1_250))
    for failed in (b'{"success":false}', b'{"success":true,"data":{"top10HolderPercent":55}}'):
        with pytest.raises(HearsayUnavailable):
            security_of(failed)


class Rates:
    """Refuses while `after_s` says for how long."""

    after_s: int | None = None

    def refuses_for_s(self) -> int | None:
        return self.after_s


@asynccontextmanager
async def _door(
    answer: Callable[[str, Mapping[str, str]], tuple[int, bytes]],
) -> AsyncIterator[tuple[str, Rates, FaultTable]]:
    """The door that the local chain serves them by, with this behind it."""
    rates, faults = Rates(), FaultTable(trio.current_time)
    door = AskedDoor(faults, rates, answer, shut_by=DEXSCREENER_DOWN)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, door.serve, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", rates, faults
        nursery.cancel_scope.cancel()


async def test_over_the_wire_paths_keys_refusals_and_floods() -> None:
    asked: list[tuple[str, Mapping[str, str]]] = []
    body = [_body(PAIR)]

    def answer(target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        asked.append((target, headers))
        return 200, body[0]

    with trio.fail_after(DEADLINE_S):
        async with _door(answer) as (url, rates, faults), open_web_client() as client:
            pairs = DexScreener(WebFetch(client, url + "/", dexscreener.NAME, system_clock()), Pace(0))
            assert set(await pairs.ask([MINT])) == {MINT}
            assert set(await pairs.ask([MINT, OTHER])) == {MINT}
            assert [target for target, _ in asked] == [
                f"/token-pairs/v1/solana/{MINT}",
                f"/tokens/v1/solana/{MINT},{OTHER}",
            ]
            key = WebFetch(
                client, url, birdeye.NAME, system_clock(), lambda: {"X-API-KEY": "secret-key", "x-chain": "solana"}
            )
            with pytest.raises(HearsayUnavailable, match="Birdeye: its answer is not") as refused:
                await birdeye_security(key, Pace(0)).ask([MINT])
            assert "secret-key" not in str(refused.value)
            assert (asked[-1][0], asked[-1][1]["x-api-key"]) == (f"/defi/token_security?address={MINT}", "secret-key")
            body[0] = b" " * (ANSWER_BYTES_MAX + 1)
            with pytest.raises(HearsayUnavailable, match="more than"):
                await pairs.ask([MINT])
            rates.after_s = 17
            with pytest.raises(HearsayUnavailable, match="429") as limited:
                await pairs.ask([MINT])
            assert limited.value.wait_s == 17
            faults.set("dexscreener-down", for_s=60)
            with pytest.raises(HearsayUnavailable, match="DexScreener: "):
                await pairs.ask([MINT])
