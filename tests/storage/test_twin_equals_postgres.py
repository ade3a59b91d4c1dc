"""Random histories, played to PostgreSQL and to its in-memory twin at once: every answer and every refusal is the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Conflict
from bot.ports import AllowedAddress, OutboxMessage, Reversed, SealedNote, Store, Wallet
from bot.storage.address import DatabaseAddress
from bot.storage.memory import MemoryStore
from bot.trading.fill import Brought
from bot.trading.intent import Context, IntentState, Side, TradeRequest
from bot.trading.ledger import Account, legs_of_failed, legs_of_fill, legs_of_outside, legs_of_withdrawal
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import admit
from tests.storage.books import entries
from tests.storage.server_thread import empty_store
from tests.storage.storage_samples import (
    NOW_MS,
    attempt,
    buy,
    closed,
    enrol,
    fill_of,
    message,
    run,
    sell,
    sent_out,
    told,
    withdraw,
)
from tests.storage.storage_samples import close as close_accounts

NUMBERS = st.integers(0, 4)
MINTS = ["MintOne", "MintTwo"]
SETTINGS = UserSettings(
    max_trade_lamports=900, max_position_lamports=1_500, daily_loss_limit_lamports=300, snipe_max_daily=2
)
CEILINGS = Ceilings(max_trade_lamports=800, max_position_lamports=1_400, max_open_positions=2)
WALLET_LAMPORTS = 30_000_000
DEADLINE_S = 120
SLOT = 77  # of every fill of the samples

Answer = object


@dataclass(frozen=True, slots=True)
class Act:
    """One call, described so that hypothesis prints it; `number` names the request, the intent and its attempts."""

    what: str
    number: int
    size: int
    mint: str


# Single steps find the refusals, whole roads the long histories behind them.
STEPS = (
    *("buy", "snipe", "sell", "sign", "sign_again", "send", "send_again", "unknown", "fail", "expire", "cancel"),
    "write_off",
    *("close", "settle_closing"),
    *("allow", "withdraw", "settle_withdrawal"),
    *("settle", "settle_again", "adjust", "peak", "run", "expire_runs", "reverse", "reverse_again", "finalize"),
)
ROADS = (
    ("buy", "sign", "send", "settle"),
    ("run", "snipe", "sign", "send", "unknown", "settle"),
    ("sell", "sign", "send", "settle"),
    ("sell", "sign", "send", "sign_again", "send_again", "settle_again"),
    ("snipe", "sign", "send", "fail"),
    ("look", "sign", "send", "settle"),
    ("buy", "sign", "send", "settle", "reverse", "settle"),
    ("snipe", "sign", "send", "fail", "reverse", "settle"),
    ("buy", "sign", "send", "write_off", "reverse", "settle"),
    ("snipe", "sign", "send", "write_off"),
    ("sell", "sign", "send", "settle", "reverse", "fail"),
    ("buy", "sign", "send", "settle", "finalize"),
    ("sell", "sign", "send", "settle", "finalize"),
    ("close", "sign", "send", "settle_closing"),
    ("close", "sign", "send", "settle_closing", "reverse", "settle_closing"),
    ("close", "sign", "send", "unknown", "fail", "reverse", "expire"),
    ("allow", "withdraw", "sign", "send", "settle_withdrawal"),
    ("allow", "withdraw", "sign", "send", "settle_withdrawal", "reverse", "settle_withdrawal"),
    ("allow", "withdraw", "sign", "send", "unknown", "fail", "reverse", "expire"),
    ("sell", "sign", "send", "sign_again", "send_again", "settle_again", "fail", "reverse", "reverse_again", "settle"),
)


def _road(whats: tuple[str, ...], number: int, sizes: list[int], mint: str) -> list[Act]:
    return [Act(what, number, size, mint) for what, size in zip(whats, sizes, strict=False)]


ROAD = st.builds(
    _road,
    st.one_of(st.sampled_from(ROADS), st.sampled_from(STEPS).map(lambda step: (step,))),
    NUMBERS,
    st.lists(st.integers(1, 1_000), min_size=10, max_size=10),
    st.sampled_from(MINTS),
)


def request_of(act: Act, wallet: Wallet) -> TradeRequest:
    key = f"k{act.number}"
    if act.what == "sell":
        return sell(key, wallet, mint=act.mint)
    snipe = act.what in {"snipe", "look"}
    context = Context.SNIPER if snipe else Context.MANUAL_COMMAND
    causation_id = f"run-{act.number}" if snipe else "command"
    return buy(key, wallet, mint=act.mint, spend_lamports=act.size, context=context, causation_id=causation_id)


async def play(store: Store, act: Act, wallet: Wallet) -> Answer:
    intent_id, signature = f"i{act.number}", f"s{act.number}"
    match act.what:
        case "buy" | "snipe" | "look" | "sell":
            return await ask_real_gate(store, act, wallet)
        case "close":
            return await plan_closing(store, act, wallet)
        case "settle_closing":
            landed = closed(signature, {act.mint: act.size, "Left": 3}, fee_lamports=act.size % 7)
            return await store.settle_closing(intent_id, landed, now_ms=NOW_MS + act.size)
        case "allow":
            await allow_home(store, act, wallet)
        case "withdraw":
            request = withdraw(f"k{act.number}", wallet, act.size + 1)
            return await store.plan_withdrawal(
                request, intent_id=intent_id, now_ms=NOW_MS + act.size, wallet_lamports=WALLET_LAMPORTS
            )
        case "settle_withdrawal":
            landed = sent_out(signature, act.size + 1, fee_lamports=act.size % 7)
            told_of = message(f"m-{signature}", wallet.user_id)
            return await store.settle_withdrawal(
                intent_id, landed, legs=legs_of_withdrawal(landed), message=told_of, now_ms=NOW_MS + act.size
            )
        case "sign":
            await store.record_attempt(attempt(intent_id, signature))
        case "sign_again":
            await store.record_attempt(attempt(intent_id, f"{signature}-second", number=2))
        case "send":
            await store.mark_sent(signature, NOW_MS)
        case "send_again":
            await store.mark_sent(f"{signature}-second", NOW_MS)
        case "unknown":
            await store.mark_unknown(intent_id)
        case "fail" | "expire" | "cancel" | "write_off":
            return await close(store, act, wallet)
        case "settle":
            return await land(store, act, signature)
        case "settle_again":
            return await land(store, act, f"{signature}-second")
        case "reverse":
            return await take_back(store, act, signature)
        case "reverse_again":
            return await take_back(store, act, f"{signature}-second")
        case "finalize":
            await store.finalize([(signature, SLOT)])
        case "adjust":
            return await adjust_oldest(store, act, wallet)
        case "peak":
            return await note_peak_of_oldest(store, act, wallet)
        case "run":
            return await store.open_run(run(f"run-{act.number}", wallet.user_id, mint=f"M{act.number}"))
        case "expire_runs":
            return await store.expire_runs(NOW_MS)
    return None


async def ask_real_gate(store: Store, act: Act, wallet: Wallet) -> Answer:
    request = request_of(act, wallet)
    looked = run(f"run-{act.number}", wallet.user_id, mint=f"M{act.size % 3}") if act.what == "look" else None
    return await store.admit(
        request,
        intent_id=f"i{act.number}",
        now_ms=NOW_MS + act.size,
        wallet_lamports=WALLET_LAMPORTS,
        unrealized_lamports=0,
        ceilings=CEILINGS,
        pause_causes=(),
        day_start_ms=NOW_MS,
        gate=partial(admit, request),
        run=looked,
    )


async def allow_home(store: Store, act: Act, wallet: Wallet) -> None:
    row = AllowedAddress(f"a{act.number}", wallet.user_id, wallet.id, "Home", NOW_MS + act.size, NOW_MS)
    notes = {row.note: SealedNote("k", b"note")}
    await store.allow_address(row, notes, message(f"m-{row.id}", wallet.user_id), NOW_MS)


async def plan_closing(store: Store, act: Act, wallet: Wallet) -> Answer:
    """Of a mint that may be traded, and of one that nobody trades."""
    request = close_accounts(f"k{act.number}", wallet, act.mint, "Left")
    intent_id = f"i{act.number}"
    return await store.plan_closing(request, intent_id=intent_id, now_ms=NOW_MS + act.size, reserved_lamports=act.size)


async def close(store: Store, act: Act, wallet: Wallet) -> bool:
    end = partial(store.close_unfilled, f"i{act.number}", failure=f"no {act.size}", now_ms=NOW_MS + act.size)
    if act.what == "fail":
        legs = legs_of_failed(act.size)
        return await end(IntentState.FAILED, signature=f"s{act.number}", slot=SLOT, legs=legs)
    if act.what == "write_off":
        intent = await store.intent(f"i{act.number}")
        if intent is not None and intent.request.side is Side.CLOSE:
            return False  # only a purchase brings something; a closing is never written off
        brought = Brought(f"p{act.number}-w", act.size, act.size // 2, f"s{act.number}", SLOT, f"slot {SLOT}")
        legs = legs_of_outside(-act.size)
        return await end(IntentState.FAILED, signature=f"s{act.number}", slot=SLOT, legs=legs, brought=brought)
    if act.what == "expire":
        return await end(IntentState.EXPIRED, message=message(f"m{act.number}", wallet.user_id))
    return await end(IntentState.CANCELLED)


async def land(store: Store, act: Act, signature: str) -> Answer:
    """Settle with a fill of the side that the intent asked for; nothing where there is no intent."""
    intent = await store.intent(f"i{act.number}")
    if intent is None:
        return None
    fill = fill_of(intent.request, token_raw=act.size, quote_lamports=act.size, block_time_s=NOW_MS // 1000 + act.size)
    fill = replace(fill, signature=signature)
    return await store.settle(
        intent.id,
        fill,
        legs=legs_of_fill(fill),
        position_id=f"p{act.number}-{act.size}",
        message=told(intent.request.user_id, f"m-{signature}"),
    )


async def take_back(store: Store, act: Act, signature: str) -> Answer:
    """What the network took back; each landing has one message."""

    def owed(reversed_: Reversed) -> OutboxMessage:
        message_id = f"back-{reversed_.attempt.signature}-{reversed_.attempt.rollbacks}"
        return message(message_id, reversed_.intent.request.user_id)

    now_ms = NOW_MS + act.size
    return await store.reverse(signature, landed_slot=SLOT, evidence="slot 99", now_ms=now_ms, message=owed)


async def adjust_oldest(store: Store, act: Act, wallet: Wallet) -> Answer:
    held = await store.open_positions(wallet.user_id)
    if not held:
        return None
    owed = message(f"a-{act.number}-{act.size}", wallet.user_id)
    sweep_id = f"i{act.number}" if act.size % 2 and await store.intent(f"i{act.number}") is not None else None
    return await store.adjust(
        held[0].id, act.size // 2, evidence="slot 9", now_ms=NOW_MS, message=owed, sweep_id=sweep_id
    )


async def note_peak_of_oldest(store: Store, act: Act, wallet: Wallet) -> None:
    """For what the position holds, or for what it held one token ago."""
    held = await store.open_positions(wallet.user_id)
    if held:
        await store.note_peak(held[0].id, act.size, token_raw=held[0].token_raw - act.number % 2)


async def answer_of(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """What a call returned, or the kind of its refusal; the words of PostgreSQL's own refusals may differ."""
    try:
        return await call()
    except (Conflict, LookupError, ValueError) as error:
        return type(error)


async def state_of(store: Store, wallet: Wallet) -> dict[str, Answer]:
    """Everything that the port shows."""
    return {
        "in flight": await store.in_flight(),
        "intents": [await store.intent(f"i{number}") for number in range(5)],
        "open": await store.open_positions(),
        "recent": await store.recent_positions(wallet.user_id, 99),
        "day": [await store.day(NOW_MS + since) for since in (0, 500, 1_000)],
        "runs": await store.runs_since(wallet.user_id, 0),
        "due": await store.due(99),
        "ledger": await entries(store),
        "unfinal": await store.unfinal(99),
        "unproven": await store.unproven(),
        "sums": (await store.overview(NOW_MS)).modes,
        "books": await books_of(store, wallet),
    }


async def books_of(store: Store, wallet: Wallet) -> list[Answer]:
    """What a user is told of his own books. The twin has no clock for entries that are of no order, and no row numbers."""
    mine = (wallet.user_id, wallet.mode)
    booked = [replace(row, number=0, at_ms=0) for row in await store.booked(*mine, 99)]
    bounds = [0, NOW_MS, NOW_MS + 300, NOW_MS + 500_000, NOW_MS + 10**9]
    periods = await store.period_sums(*mine, bounds)
    results = [await store.result_sums(*mine, since, 9) for since in (0, NOW_MS + 300)]
    assert results[0].realized_lamports == sum(one.realized_lamports for one in periods)
    assert (await store.ledger_sums(*mine)).get(Account.WALLET, 0) == sum(row.entry.wallet_lamports for row in booked)
    return [booked, periods, results, await store.closed_sums(*mine), await store.ledger_sums(*mine)]


async def compare(server: DatabaseAddress, acts: list[Act]) -> None:
    with trio.fail_after(DEADLINE_S):
        async with empty_store(server) as real:
            twin = MemoryStore()
            wallet = await enrol(real, settings=SETTINGS)
            await enrol(twin, settings=SETTINGS)
            for act in acts:
                expected = await answer_of(partial(play, twin, act, wallet))
                assert await answer_of(partial(play, real, act, wallet)) == expected, act
            assert await state_of(real, wallet) == await state_of(twin, wallet)
            assert all(sum(leg.lamports for leg in legs) == 0 for _, _, legs in await entries(real))


@settings(max_examples=25)
@given(roads=st.lists(ROAD, min_size=3, max_size=20))
def test_the_twin_answers_as_postgres_does(server: DatabaseAddress, roads: list[list[Act]]) -> None:
    trio.run(compare, server, [act for road in roads for act in road])


@settings(max_examples=15)
@given(spends=st.lists(st.integers(1, 12_000_000), min_size=2, max_size=12), wallet_lamports=st.integers(0, 60_000_000))
def test_buys_at_once_never_exceed_wallet_and_limits(
    server: DatabaseAddress, spends: list[int], wallet_lamports: int
) -> None:
    ceilings = Ceilings(max_open_positions=4)

    async def crowd() -> None:
        with trio.fail_after(DEADLINE_S):
            async with empty_store(server) as real:
                for store in (MemoryStore(), real):
                    await rush(store)

    async def rush(store: Store) -> None:
        wallet = await enrol(store)

        async def one(number: int, spend_lamports: int) -> None:
            request = buy(f"k{number}", wallet, mint=f"Mint{number}", spend_lamports=spend_lamports)
            await store.admit(
                request,
                intent_id=f"i{number}",
                now_ms=NOW_MS,
                wallet_lamports=wallet_lamports,
                unrealized_lamports=0,
                ceilings=ceilings,
                pause_causes=(),
                day_start_ms=0,
                gate=partial(admit, request),
            )

        async with trio.open_nursery() as nursery:
            for number, spend_lamports in enumerate(spends):
                nursery.start_soon(one, number, spend_lamports)
        admitted = [intent for intent, _ in await store.in_flight()]
        assert len(admitted) <= ceilings.max_open_positions
        assert sum(intent.reserved_lamports for intent in admitted) <= wallet_lamports
        assert all(intent.request.side is Side.BUY for intent in admitted)

    trio.run(crowd)
