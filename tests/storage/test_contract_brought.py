"""The contract of purchases that were written off, held by both stores: what they brought all the same has a position."""

from __future__ import annotations

import pytest

from bot.errors import Conflict
from bot.ports import Store, Wallet
from bot.trading.exits import ExitReason
from bot.trading.fill import Brought, LandedTransaction, brought_by
from bot.trading.intent import IntentState, Side, TradeRequest
from bot.trading.ledger import Account, legs_of_strange
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState
from tests.storage.books import entries
from tests.storage.storage_samples import NOW_MS, bought, buy, enrol, fill_of, message, sell, sent, settled

SETTINGS = UserSettings(stop_loss_bps=1_500)
FEE, RENT, PAID = 5_000, 2_039, 400
BROUGHT_RAW = 900


def strange(key: str, *, token_raw: int = BROUGHT_RAW) -> LandedTransaction:
    """A purchase that succeeded and has no event that would say what it bought."""
    return LandedTransaction(
        signature=f"s-{key}",
        slot=77,
        block_time_s=NOW_MS // 1000,
        error=None,
        program_error=None,
        network_fee_lamports=FEE,
        wallet_delta_lamports=-(PAID + FEE + RENT),
        token_delta_raw=token_raw,
        rent_delta_lamports=RENT,
        trade=None,
    )


def brought_of(key: str, position_id: str) -> Brought:
    found = brought_by(strange(key), Side.BUY, position_id)
    assert found is not None
    return found


async def write_off(store: Store, request: TradeRequest, *, position_id: str = "p-1") -> bool:
    landed = strange(request.key)
    return await store.close_unfilled(
        f"i-{request.key}",
        IntentState.FAILED,
        "landed, but not as this trade",
        now_ms=NOW_MS,
        signature=landed.signature,
        slot=landed.slot,
        legs=legs_of_strange(landed),
        message=message(f"m-{request.key}", request.user_id),
        brought=brought_of(request.key, position_id),
    )


async def written_off(store: Store, wallet: Wallet, key: str = "k", *, position_id: str = "p-1") -> Position:
    request = buy(key, wallet)
    await sent(store, request)
    assert await write_off(store, request, position_id=position_id)
    [held] = await store.open_positions(wallet.user_id)
    return held


async def sums(store: Store) -> dict[Account, int]:
    totals: dict[Account, int] = {}
    for _, _, legs in await entries(store):
        assert sum(leg.lamports for leg in legs) == 0
        for leg in legs:
            totals[leg.account] = totals.get(leg.account, 0) + leg.lamports
    return totals


async def test_what_a_written_off_purchase_brought_is_a_position_with_the_exits_of_its_owner(store: Store) -> None:
    wallet = await enrol(store, settings=SETTINGS)
    held = await written_off(store, wallet)
    assert (held.id, held.token_raw, held.cost_lamports, held.basis_lamports) == ("p-1", BROUGHT_RAW, PAID, PAID)
    assert (held.state, held.plan) == (PositionState.OPEN, SETTINGS.exit_plan)
    assert (held.opened_at_ms, held.realized_lamports) == (NOW_MS, 0)
    ended = await store.intent("i-k")
    assert ended is not None
    assert ended.state is IntentState.FAILED
    assert (await store.day(0)).buys == 0, "no fill is invented"


async def test_the_ledger_has_what_the_tokens_cost_and_the_day_has_lost_only_fee_and_rent(store: Store) -> None:
    wallet = await enrol(store)
    await written_off(store, wallet)
    told = await sums(store)
    assert told[Account.WALLET] == -(PAID + FEE + RENT)
    assert (told[Account.TOKENS], told[Account.RENT], told[Account.OUTSIDE]) == (PAID, RENT, 0)
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == -(PAID + FEE + RENT)
    assert (await store.day(0)).realized_lamports == -(FEE + RENT)


async def test_they_join_the_open_position_of_their_mint(store: Store) -> None:
    wallet = await enrol(store)
    before = await bought(store, "first", wallet)
    held = await written_off(store, wallet, position_id="p-2")
    assert (held.id, held.token_raw) == (before.id, before.token_raw + BROUGHT_RAW)
    assert held.cost_lamports == before.cost_lamports + PAID
    assert held.basis_lamports == before.basis_lamports + PAID


async def test_they_are_sold_like_any_others(store: Store) -> None:
    wallet = await enrol(store)
    await written_off(store, wallet)
    request = sell("out", wallet, reason=ExitReason.STOP_LOSS)
    await sent(store, request)
    done = await settled(store, request, fill_of(request, token_raw=BROUGHT_RAW, quote_lamports=600))
    assert (done.position.state, done.realized_lamports) == (PositionState.CLOSED, 590 - PAID)
    assert (await sums(store))[Account.TOKENS] == 0


async def test_an_order_that_is_written_off_once_more_changes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    held = await written_off(store, wallet)
    booked = await entries(store)
    assert not await write_off(store, buy("k", wallet), position_id="p-2")
    assert await store.open_positions() == [held]
    assert await entries(store) == booked


async def test_an_order_that_turns_out_to_be_a_trade_after_all_takes_the_adjustment_back(store: Store) -> None:
    wallet = await enrol(store)
    await written_off(store, wallet)
    taken = await store.reverse(
        "s-k", landed_slot=77, evidence="gone", now_ms=NOW_MS, message=lambda _: message("b", wallet.user_id)
    )
    assert taken
    request = buy("k", wallet)
    done = await settled(store, request, fill_of(request))
    assert (done.position.token_raw, done.position.cost_lamports) == (1_000, fill_of(request).cost_lamports)
    assert (await store.day(0)).realized_lamports == 0


async def test_nothing_is_written_where_the_position_cannot_be(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "first", wallet, mint="Another")
    request = buy("k", wallet)
    await sent(store, request)
    with pytest.raises(Conflict):
        await write_off(store, request)
    open_still = await store.intent("i-k")
    assert open_still is not None
    assert open_still.state is IntentState.SENT
    assert len(await entries(store)) == 1


def test_a_sale_and_a_purchase_that_brought_nothing_bring_nothing() -> None:
    assert brought_by(strange("k"), Side.SELL, "p-1") is None
    assert brought_by(strange("k", token_raw=0), Side.BUY, "p-1") is None
