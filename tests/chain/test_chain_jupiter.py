"""The aggregator's client and the checks of what it proposes: each lie by itself, its rate and its health."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain.jupiter import SOL, Jupiter, Pace
from bot.chain.jupiter_check import (
    EVENT_AUTHORITY,
    PROGRAM,
    ROUTE_V2,
    SHARED_ACCOUNTS_ROUTE_V2,
    Wanted,
    check_quote,
    checked_swap,
)
from bot.chain.jupiter_client import Instructions, JupiterClient, NoWayError, Quote, impact_bps
from bot.chain.lookup_tables import PROGRAM as TABLE_PROGRAM
from bot.chain.lookup_tables import decode_table
from bot.chain.rpc import AccountData
from bot.chain.transport import RateLimited
from bot.clock import Clock
from bot.errors import ChainUnavailable, DecodeError, RouterUnavailable, SendRejected
from bot.trading.intent import Side
from bot.trading.route import Route, RouteError, quote_buy, quote_sell

WALLET, MINT, OTHER = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))
AMOUNT, QUOTED, SLIPPAGE_BPS = 1_000_000, 500_000, 100
LEAST = QUOTED * 99 // 100
SALE = Wanted(WALLET, MINT, at.WRAPPED_SOL_MINT, at.TOKEN_2022_PROGRAM, at.TOKEN_PROGRAM, AMOUNT, LEAST)


def instruction(program: Pubkey, keys: list[Pubkey], data: bytes, signer: Pubkey = WALLET) -> dict[str, Any]:
    return {
        "programId": str(program),
        "accounts": [{"pubkey": str(key), "isSigner": key == signer, "isWritable": True} for key in keys],
        "data": base64.b64encode(data).decode(),
    }


def numbers(
    amount: int = AMOUNT, quoted: int = QUOTED, slippage: int = SLIPPAGE_BPS, fee: int = 0, more: int = 0
) -> bytes:
    return struct.pack("<2Q3H", amount, quoted, slippage, fee, more) + b"\x01\x00\x00\x00"


def named(shared: bool = False) -> list[Pubkey]:
    programs = [MINT, at.WRAPPED_SOL_MINT, at.TOKEN_2022_PROGRAM, at.TOKEN_PROGRAM]
    if shared:
        return [OTHER, WALLET, SALE.source, OTHER, OTHER, SALE.target, *programs, EVENT_AUTHORITY, PROGRAM, OTHER]
    return [WALLET, SALE.source, SALE.target, *programs, PROGRAM, EVENT_AUTHORITY, PROGRAM, OTHER]


def proposal(keys: list[Pubkey] | None = None, data: bytes | None = None, **more: Any) -> Instructions:
    wrapped = at.wrapped_sol(WALLET)
    opens = [WALLET, wrapped, WALLET, at.WRAPPED_SOL_MINT, at.SYSTEM_PROGRAM, at.TOKEN_PROGRAM]
    whole = {
        "swapInstruction": instruction(PROGRAM, named() if keys is None else keys, data or ROUTE_V2 + numbers()),
        "setupInstructions": [instruction(at.ATA_PROGRAM, opens, b"\x01")],
        "cleanupInstruction": instruction(at.TOKEN_PROGRAM, [wrapped, WALLET, WALLET], b"\x09"),
        **more,
    }
    return msgspec.convert(whole, Instructions)


def replaced(place: int, key: Pubkey, *, shared: bool = False) -> list[Pubkey]:
    keys = named(shared)
    keys[place] = key
    return keys


def test_a_proposal_that_does_what_was_asked_is_taken_in_both_forms() -> None:
    assert checked_swap(proposal(), SALE).program_id == PROGRAM
    shared = proposal(named(shared=True), SHARED_ACCOUNTS_ROUTE_V2 + b"\x05" + numbers())
    swap = checked_swap(shared, SALE)
    assert [meta.pubkey for meta in swap.accounts if meta.is_signer] == [WALLET]


TRANSFER = instruction(at.SYSTEM_PROGRAM, [WALLET, OTHER], b"\x02\x00\x00\x00" + AMOUNT.to_bytes(8, "little"))
LIES: dict[str, Callable[[], Instructions]] = {
    "the swap takes another amount": lambda: proposal(data=ROUTE_V2 + numbers(amount=AMOUNT + 1)),
    "a worse price": lambda: proposal(data=ROUTE_V2 + numbers(quoted=QUOTED - 1)),
    "a worse price by its slippage": lambda: proposal(data=ROUTE_V2 + numbers(slippage=SLIPPAGE_BPS + 1)),
    "a fee for somebody": lambda: proposal(data=ROUTE_V2 + numbers(fee=1)),
    "a fee for somebody when it is better": lambda: proposal(data=ROUTE_V2 + numbers(more=1)),
    "a kind that is not known": lambda: proposal(data=bytes(8) + numbers()),
    "data cut short": lambda: proposal(data=(ROUTE_V2 + numbers())[:29]),
    "another wallet's": lambda: proposal(replaced(0, OTHER)),
    "takes from another account": lambda: proposal(replaced(1, OTHER)),
    "pays into another account": lambda: proposal(replaced(2, OTHER)),
    "pays into another account beside": lambda: proposal(replaced(7, OTHER)),
    "of other tokens": lambda: proposal(replaced(3, OTHER)),
    "by another token program": lambda: proposal(replaced(5, at.TOKEN_PROGRAM)),
    "told to somebody else": lambda: proposal(replaced(8, OTHER)),
    "of another program": lambda: proposal(replaced(9, OTHER)),
    "pays into another account, shared": lambda: proposal(
        replaced(5, OTHER, shared=True), SHARED_ACCOUNTS_ROUTE_V2 + b"\x05" + numbers()
    ),
    "too few accounts": lambda: proposal(named()[:9]),
    "somebody else's signature": lambda: proposal(
        swapInstruction=instruction(PROGRAM, named(), ROUTE_V2 + numbers(), signer=OTHER)
    ),
    "a swap of another program": lambda: proposal(swapInstruction=instruction(OTHER, named(), ROUTE_V2 + numbers())),
    "a transfer in the setup": lambda: proposal(setupInstructions=[TRANSFER]),
    "another's account in the setup": lambda: proposal(
        setupInstructions=[instruction(at.ATA_PROGRAM, [WALLET, OTHER, OTHER, MINT], b"\x01")]
    ),
    "an approval in the setup": lambda: proposal(
        setupInstructions=[instruction(at.TOKEN_PROGRAM, [SALE.source, OTHER, WALLET], b"\x04" + bytes(8))]
    ),
    "a cleanup to somebody else": lambda: proposal(
        cleanupInstruction=instruction(at.TOKEN_PROGRAM, [at.wrapped_sol(WALLET), OTHER, WALLET], b"\x09")
    ),
    "one more instruction": lambda: proposal(otherInstructions=[TRANSFER]),
    "a tip": lambda: proposal(tipInstruction=TRANSFER),
    "a token ledger": lambda: proposal(tokenLedgerInstruction=TRANSFER),
    "a budget that is none": lambda: proposal(computeBudgetInstructions=[TRANSFER]),
}


@pytest.mark.parametrize("lie", LIES)
def test_each_lie_is_refused_by_itself(lie: str) -> None:
    with pytest.raises(SendRejected) as refused:
        checked_swap(LIES[lie](), SALE)
    assert refused.value.kind == "untrusted"


def test_a_buy_may_wrap_exactly_what_it_spends() -> None:
    buy = Wanted(WALLET, at.WRAPPED_SOL_MINT, MINT, at.TOKEN_PROGRAM, at.TOKEN_2022_PROGRAM, AMOUNT, LEAST)
    programs = [at.WRAPPED_SOL_MINT, MINT, at.TOKEN_PROGRAM, at.TOKEN_2022_PROGRAM]
    keys = [WALLET, buy.source, buy.target, *programs, buy.target, EVENT_AUTHORITY, PROGRAM, OTHER]

    def wrapping(lamports: int) -> Instructions:
        data = b"\x02\x00\x00\x00" + lamports.to_bytes(8, "little")
        moved = instruction(at.SYSTEM_PROGRAM, [WALLET, at.wrapped_sol(WALLET)], data)
        return proposal(keys, setupInstructions=[moved, instruction(at.TOKEN_PROGRAM, [buy.source], b"\x11")])

    assert checked_swap(wrapping(AMOUNT), buy).program_id == PROGRAM
    with pytest.raises(SendRejected):
        checked_swap(wrapping(AMOUNT + 1), buy)


@given(st.binary(max_size=64), st.lists(st.sampled_from([WALLET, MINT, OTHER, PROGRAM, at.TOKEN_PROGRAM]), max_size=70))
def test_random_swaps_raise_nothing_but_a_refusal(data: bytes, keys: list[Pubkey]) -> None:
    for start in (b"", ROUTE_V2, SHARED_ACCOUNTS_ROUTE_V2):
        try:
            checked_swap(proposal(keys, start + data or b"\x00"), SALE)
        except SendRejected:
            continue


def quoted(**changes: Any) -> Quote:
    whole = {
        "inputMint": str(MINT),
        "outputMint": SOL,
        "inAmount": str(AMOUNT),
        "outAmount": str(QUOTED),
        "otherAmountThreshold": str(LEAST),
        "swapMode": "ExactIn",
        "slippageBps": SLIPPAGE_BPS,
        "routePlan": [],
        **changes,
    }
    return msgspec.convert(whole, Quote)


def test_a_quote_has_to_answer_the_question() -> None:
    assert check_quote(quoted(), str(MINT), SOL, AMOUNT, SLIPPAGE_BPS) == QUOTED
    for lie in (
        {"inputMint": str(OTHER)},
        {"outputMint": str(OTHER)},
        {"inAmount": str(AMOUNT + 1)},
        {"swapMode": "ExactOut"},
        {"slippageBps": SLIPPAGE_BPS + 1},
        {"otherAmountThreshold": str(LEAST - 1)},
        {"otherAmountThreshold": str(QUOTED + 1)},
        {"outAmount": "-5"},
        {"outAmount": "1e6"},
        {"platformFee": {"amount": "1", "feeBps": 1}},
    ):
        with pytest.raises(SendRejected):
            check_quote(quoted(**lie), str(MINT), SOL, AMOUNT, SLIPPAGE_BPS)


def test_a_price_impact_is_whole_basis_points_and_no_nonsense() -> None:
    assert impact_bps(quoted()) == 0
    assert impact_bps(quoted(priceImpactPct="0.00121")) == 13
    assert impact_bps(quoted(priceImpactPct="7")) == 10_000
    assert impact_bps(quoted(priceImpactPct="-0.1")) == 0
    for text in ("NaN", "Infinity", "much"):
        with pytest.raises(RouterUnavailable):
            impact_bps(quoted(priceImpactPct=text))


def test_an_offer_in_another_amount_is_in_proportion() -> None:
    route = Route(Side.SELL, AMOUNT, QUOTED, 50, 9)
    assert quote_sell(route, AMOUNT // 2).received_lamports == QUOTED // 2
    assert quote_buy(route, QUOTED).token_raw == AMOUNT
    for nothing in (
        lambda: quote_sell(route, 0),
        lambda: quote_buy(route, 0),
        lambda: quote_sell(Route(Side.SELL, 0, 0, 0, 0), 1),
    ):
        with pytest.raises(RouteError):
            nothing()


def table(*, slot: int = 2**64 - 1, extended: int = 0, start: int = 0, tail: bytes = b"", state: int = 1) -> bytes:
    meta = struct.pack("<IQQBB32s2x", state, slot, extended, start, 0, bytes(32))
    return meta + bytes(MINT) + bytes(OTHER) + tail


def test_a_lookup_table_is_what_the_chain_says_and_what_is_new_waits_for_the_next_slot() -> None:
    owner, key = str(TABLE_PROGRAM), Pubkey(bytes([9]) * 32)
    assert decode_table(key, AccountData(owner, table(), 1), 50).addresses == [MINT, OTHER]
    assert decode_table(key, AccountData(owner, table(extended=50, start=1), 1), 50).addresses == [MINT]
    for account in (
        None,
        AccountData(str(OTHER), table(), 1),
        AccountData(owner, table(slot=40), 1),
        AccountData(owner, table(tail=b"\x01"), 1),
        AccountData(owner, table(state=0), 1),
        AccountData(owner, b"", 1),
    ):
        with pytest.raises(DecodeError):
            decode_table(key, account, 50)


class Scripted:
    """An interface that answers what it is told to, and keeps what it was asked and when."""

    name = "jupiter.test:443"

    def __init__(self) -> None:
        self.asked: list[tuple[float, str]] = []
        self.answer: tuple[int, bytes] | ChainUnavailable = (400, b'{"errorCode":"TOKEN_NOT_TRADABLE"}')

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        self.asked.append((trio.current_time(), f"{method} {path.partition('?')[0]}"))
        if isinstance(self.answer, ChainUnavailable):
            raise self.answer
        return self.answer


async def test_refusals_of_the_token_and_of_the_service_are_told_apart(autojump_clock: MockClock) -> None:
    api = Scripted()
    client = JupiterClient(api)
    with pytest.raises(NoWayError):
        await client.quote(SOL, str(MINT), 1, 50)
    for answer in (
        (400, b'{"error":"Query parameter amount"}'),
        (404, b"{}"),
        (200, b"[]"),
        (400, b"<html>"),
        (200, b"\xff"),
    ):
        api.answer = answer
        with pytest.raises(RouterUnavailable):
            await client.quote(SOL, str(MINT), 1, 50)


async def test_a_rest_that_is_asked_for_is_kept_and_lookers_leave_room_for_orders(autojump_clock: MockClock) -> None:
    pace = Pace(1.0)
    for _ in range(4):
        await pace.turn()
    assert trio.current_time() == autojump_clock.current_time()
    assert not pace.has_room
    began_s = trio.current_time()
    await pace.turn()
    assert trio.current_time() - began_s == pytest.approx(1.0)
    pace.rest(30.0)
    with pytest.raises(RouterUnavailable):
        await pace.turn()
    await trio.sleep(32)
    await pace.turn()
    await trio.sleep(10)
    assert pace.has_room


async def test_health_follows_the_latest_answer_and_a_token_without_a_market_is_not_asked_again_at_once(
    autojump_clock: MockClock,
) -> None:
    api = Scripted()
    jupiter = Jupiter(JupiterClient(api), 1.0, Clock(lambda: 5, lambda: "id"), lambda: 7)
    assert await jupiter.look(str(MINT)) is None
    assert await jupiter.look(str(MINT)) is None
    assert [path for _, path in api.asked] == ["GET /quote"]
    assert jupiter.health().healthy
    api.answer = RateLimited("jupiter.test:443: 429, too many requests", 20.0)
    with pytest.raises(RouterUnavailable):
        await jupiter.offer(str(MINT), Side.SELL, 1, 50)
    assert not jupiter.health().healthy
    began_s = trio.current_time()
    api.answer = (400, b'{"errorCode":"NO_ROUTES_FOUND"}')
    with pytest.raises(RouterUnavailable):
        await jupiter.offer(str(MINT), Side.SELL, 1, 50)
    await trio.sleep(15)
    with pytest.raises(RouteError):
        await jupiter.offer(str(MINT), Side.SELL, 1, 50)
    assert trio.current_time() - began_s >= 20
    assert jupiter.health().healthy
