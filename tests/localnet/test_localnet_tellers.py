"""The stand-ins of DexScreener and Birdeye: their paths and members, figures that are the chain's own, and their faults."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.localnet import dexscreener, dollars, elsewhere
from bot.localnet.addresses import WRAPPED_SOL_MINT, bonding_curve
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, TooManyRequests
from tests.whole.crowd import Crowd, _keypair

SOL = 1_000_000_000
KEY = {"x-api-key": "any", "x-chain": "solana"}
# The members of a pair and of the security that the facts about these services name.
PAIR = {"chainId", "dexId", "pairAddress", "baseToken", "quoteToken", "priceNative", "priceUsd", "txns", "volume"}
PAIR |= {"priceChange", "liquidity", "fdv", "marketCap", "pairCreatedAt", "info", "boosts"}
SECURITY = {"creatorAddress", "ownerAddress", "mutableMetadata", "top10HolderPercent", "totalSupply", "freezeable"}
SECURITY |= {"freezeAuthority", "transferFeeEnable", "transferFeeData", "isToken2022", "nonTransferable", "lockInfo"}


async def _pairs(chain: InProcessChain, path: str) -> Any:
    status, body = await chain.ask_teller("dexscreener", path, {})
    assert status == 200
    return msgspec.json.decode(body)


async def _birdeye(chain: InProcessChain, path: str, mint: str) -> Any:
    status, body = await chain.ask_teller("birdeye", f"/defi/{path}?address={mint}", KEY)
    assert status == 200
    answer = msgspec.json.decode(body)
    assert answer["success"] is True
    return answer["data"]


def _traded(*, listed_after_s: float = 0) -> tuple[InProcessChain, Crowd, str]:
    """A coin with two buys of 1 and 2 SOL and a sale, all within some seconds."""
    chain = InProcessChain(seed=1, listed_after_s=listed_after_s, migration_slots=1)
    crowd = Crowd(chain)
    mint = crowd.launch(uri="https://coin.example")
    chain.step()
    crowd.buy(mint, 2, SOL)
    crowd.buy(mint, 3, 2 * SOL)
    chain.step()
    crowd.sell_all(mint, 2)
    chain.step()
    return chain, crowd, mint


async def test_a_pair_on_a_curve_has_the_chains_own_figures(autojump_clock: MockClock) -> None:
    chain, _, mint = _traded()
    [pair] = await _pairs(chain, f"/token-pairs/v1/solana/{mint}")
    assert set(pair) >= PAIR
    assert (pair["chainId"], pair["dexId"]) == ("solana", "pumpfun")
    assert pair["pairAddress"] == str(bonding_curve(_keypair(1_000_001).pubkey()))
    assert pair["baseToken"] == {"address": mint, "name": "Token 1", "symbol": "T1"}
    assert pair["quoteToken"]["address"] == str(WRAPPED_SOL_MINT)
    assert pair["txns"]["m5"] == pair["txns"]["h24"] == {"buys": 2, "sells": 1}
    assert pair["liquidity"] is None, "nobody gave any"
    assert pair["info"]["websites"] == [{"label": "Website", "url": "https://coin.example"}]
    cents = dollars.sol_cents(chain.cluster.chain.position.slot, 1)
    assert float(pair["priceUsd"]) == pytest.approx(float(pair["priceNative"]) * cents / 100, rel=1e-9)
    account = chain.cluster.chain.accounts.get(bonding_curve(_keypair(1_000_001).pubkey()))
    assert account is not None
    raw, lamports = (int.from_bytes(account.data[place : place + 8], "little") for place in (8, 16))
    assert float(pair["priceNative"]) == pytest.approx(lamports / raw / 1000, rel=1e-9)
    assert pair["priceChange"]["h1"] == pytest.approx((lamports / raw) / (30e9 / 1.073e15) * 100 - 100, abs=0.01)
    assert 3.9 * cents / 100 < pair["volume"]["h1"] < 4.2 * cents / 100, "two buys and a sale without their fees"


async def test_what_was_longer_ago_is_in_the_longer_spans_alone(autojump_clock: MockClock) -> None:
    chain, crowd, mint = _traded()
    for _ in range(800):
        chain._next_slot()
    crowd.buy(mint, 3, SOL)
    chain.step()
    [pair] = await _pairs(chain, f"/tokens/v1/solana/{mint}")
    assert pair["txns"]["m5"] == {"buys": 1, "sells": 0}
    assert pair["txns"]["h1"] == {"buys": 3, "sells": 1}
    assert 0 < pair["priceChange"]["m5"] < pair["priceChange"]["h1"]
    chain.fork(2)
    [pair] = await _pairs(chain, f"/tokens/v1/solana/{mint}")
    assert pair["txns"]["m5"] == {"buys": 0, "sells": 0}, "the fork took it back"


async def test_a_coin_that_left_its_curve_trades_in_its_pool(autojump_clock: MockClock) -> None:
    chain, crowd, mint = _traded()
    crowd.finish(mint, 3)
    chain.step(4)
    crowd.sell_all_in_pool(mint, 3)
    chain.step(2)
    [pair] = await _pairs(chain, f"/token-pairs/v1/solana/{mint}")
    assert pair["dexId"] == "pumpswap"
    assert pair["txns"]["h1"] == {"buys": 0, "sells": 1}
    pooled = pair["liquidity"]
    assert float(pair["priceNative"]) == pytest.approx(pooled["quote"] / pooled["base"], rel=1e-9)
    last = chain.cluster.log.place(pair["pairAddress"]).trades[-1].price
    assert last[0] / 1e9 == pytest.approx(pooled["quote"]), "what the event tells is what the pool holds"
    assert last[1] / 1e6 == pytest.approx(pooled["base"])


async def test_several_tokens_at_once_and_new_or_unknown_ones_are_left_out(autojump_clock: MockClock) -> None:
    chain, crowd, mint = _traded(listed_after_s=30)
    other = str(elsewhere.MINT)
    path = f"/tokens/v1/solana/{mint},{other},nonsense,{WRAPPED_SOL_MINT}"
    assert [one["baseToken"]["address"] for one in await _pairs(chain, path)] == [other]
    chain.step(80)
    assert {one["baseToken"]["address"] for one in await _pairs(chain, path)} == {mint, other}
    assert await _pairs(chain, f"/tokens/v1/ethereum/{mint}") == []
    many = ",".join([mint] * 31)
    assert (await chain.ask_teller("dexscreener", f"/tokens/v1/solana/{many}", {}))[0] == 400
    assert (await chain.ask_teller("dexscreener", "/v2", {}))[0] == 404
    del crowd


async def test_more_than_its_rate_is_refused_until_the_minute_is_over(autojump_clock: MockClock) -> None:
    chain = InProcessChain(seed=1)
    path = f"/tokens/v1/solana/{elsewhere.MINT}"
    for _ in range(dexscreener.REQUESTS_PER_MINUTE):
        await _pairs(chain, path)
    with pytest.raises(TooManyRequests) as refused:
        await _pairs(chain, path)
    assert refused.value.retry_after_s == 60
    await trio.sleep(60)
    await _pairs(chain, path)


async def test_birdeye_agrees_with_the_chain_and_asks_for_a_key(autojump_clock: MockClock) -> None:
    chain, crowd, mint = _traded()
    assert (await chain.ask_teller("birdeye", f"/defi/price?address={mint}", {}))[0] == 401
    assert (await chain.ask_teller("birdeye", "/defi/price", KEY))[0] == 400
    [pair] = await _pairs(chain, f"/token-pairs/v1/solana/{mint}")
    price, overview = await _birdeye(chain, "price", mint), await _birdeye(chain, "token_overview", mint)
    assert price["value"] == overview["price"] == pytest.approx(float(pair["priceUsd"]))
    assert (overview["buy24h"], overview["sell24h"], overview["holder"]) == (2, 1, 1)
    assert overview["v24hUSD"] == pytest.approx(pair["volume"]["h24"], abs=0.02)
    assert overview["priceChange1hPercent"] == pytest.approx(pair["priceChange"]["h1"], abs=0.01)
    security = await _birdeye(chain, "token_security", mint)
    assert set(security) >= SECURITY
    assert (security["ownerAddress"], security["freezeAuthority"], security["isToken2022"]) == (None, None, True)
    assert security["creatorAddress"] == str(_keypair(1).pubkey())
    assert 0 < security["top10HolderPercent"] < 0.1
    crowd.let_freeze(mint)
    assert (await _birdeye(chain, "token_security", mint))["freezeAuthority"] == str(_keypair(66).pubkey())
    assert await _birdeye(chain, "token_overview", str(_keypair(5).pubkey())) is None


@pytest.mark.parametrize("name", ["dexscreener", "birdeye"])
async def test_each_has_its_own_faults(autojump_clock: MockClock, name: str) -> None:
    chain, _, mint = _traded()
    path = f"/tokens/v1/solana/{mint}" if name == "dexscreener" else f"/defi/token_overview?address={mint}"
    right = (await chain.ask_teller(name, path, KEY))[1]
    chain.set_fault(f"{name}-down", for_s=1)
    with pytest.raises(NodeUnreachable):
        await chain.ask_teller(name, path, KEY)
    await trio.sleep(1)
    chain.set_fault("rate-limit", for_s=1, endpoint=name)
    with pytest.raises(TooManyRequests):
        await chain.ask_teller(name, path, KEY)
    await trio.sleep(1)
    chain.set_fault("rpc-slow", for_s=60, delay_ms=5_000, endpoint=name)
    began_s = trio.current_time()
    assert (await chain.ask_teller(name, path, KEY))[1] == right
    assert trio.current_time() - began_s == 5
    chain.cluster.all_faults.clear()
    chain.set_fault(f"{name}-lies", for_s=1)
    lies = {(await chain.ask_teller(name, path, KEY))[1] for _ in range(5)}
    assert len(lies) >= 3
    assert right not in lies
    assert await chain.request(b'{"jsonrpc":"2.0","id":1,"method":"getHealth"}'), "nobody else is touched"
