"""The contract of what a sweep took to a safe address, held by both stores: it leaves at what it had cost, and nobody lost it."""

from __future__ import annotations

from dataclasses import replace

from bot.ports import Store, Wallet
from bot.trading.intent import SWEEP, Intent, Mode, Side
from bot.trading.ledger import Account, EntryKind
from bot.trading.position import Position, PositionState
from bot.trading.withdrawal import TOKEN_SWEEP_LAMPORTS
from tests.storage.storage_samples import NOW_MS, bought, buy, enrol, fill_of, message, sell, sent, settled
from tests.storage.test_contract_withdrawals import NOTE, row_of, withdraw

PAPER, MINT = Mode.PAPER, "M-p-1"
PAID = 400  # of the cost of a sample, what the market got; the rest is fees


async def sweep_of(store: Store, wallet: Wallet, position: Position) -> str:
    """The id of a sweep that sends this position's tokens."""
    safe = replace(row_of(wallet), is_safe=True)
    await store.allow_address(safe, {safe.note: NOTE}, message("m-safe", wallet.user_id), NOW_MS)
    request = replace(
        withdraw("w", wallet, 1),
        reason=SWEEP,
        mint=position.mint,
        spend_lamports=0,
        token_raw=position.token_raw,
        position_id=position.id,
    )
    facts = {"intent_id": "i-w", "now_ms": NOW_MS, "wallet_lamports": TOKEN_SWEEP_LAMPORTS}
    assert isinstance(await store.plan_withdrawal(request, **facts), Intent)  # type: ignore[arg-type]
    return "i-w"


async def swept(store: Store, wallet: Wallet, position: Position, left_raw: int = 0) -> Position:
    sweep_id, told = await sweep_of(store, wallet, position), message("m-end", wallet.user_id)
    return await store.adjust(
        position.id, left_raw, evidence="sweep i-w", now_ms=NOW_MS, message=told, sweep_id=sweep_id
    )


async def test_what_was_swept_is_no_result_no_loss_of_the_day_and_no_position_that_lost(store: Store) -> None:
    ada = await enrol(store)
    held = await bought(store, "b-1", ada, mint=MINT, position_id="p-1")
    ended = await swept(store, ada, held)
    assert (ended.state, ended.realized_lamports, ended.cost_lamports) == (PositionState.CLOSED, 0, 0)
    assert (await store.day(0, ada.user_id, PAPER)).realized_lamports == 0
    assert (await store.user_days({ada.user_id: 0}))[ada.user_id].realized_lamports == 0
    sums = await store.result_sums(ada.user_id, PAPER, 0, 9)
    assert (sums.realized_lamports, sums.moved_lamports, sums.swept_lamports) == (0, 0, held.cost_lamports)
    assert (await store.result_sums(ada.user_id, PAPER, NOW_MS + 1, 9)).swept_lamports == 0
    assert await store.closed_sums(ada.user_id, PAPER) == []
    [mode] = [one for one in (await store.overview(0)).modes if one.mode is PAPER]
    assert (mode.won, mode.lost, mode.realized_lamports) == (0, 0, 0)
    assert (await store.closed_trades([ada.user_id], PAPER, 0, 9))[ada.user_id] == []


async def test_the_ledger_says_that_it_moved_at_what_the_market_was_paid(store: Store) -> None:
    ada = await enrol(store)
    await swept(store, ada, await bought(store, "b-1", ada, mint=MINT, position_id="p-1"))
    ledger = await store.ledger_sums(ada.user_id, PAPER)
    assert (ledger[Account.MOVED], ledger.get(Account.TOKENS, 0), ledger.get(Account.LOST, 0)) == (PAID, 0, 0)
    [entry, _] = await store.booked(ada.user_id, PAPER, 9)
    assert (entry.entry.kind, entry.mint, entry.entry.sum_of(Account.MOVED)) == (EntryKind.ADJUSTMENT, MINT, PAID)


async def test_what_was_sold_before_counts_as_it_did_and_of_the_rest_the_share_is_moved(store: Store) -> None:
    ada = await enrol(store)
    await bought(store, "b-1", ada, mint=MINT, position_id="p-1")
    request = sell("s-1", ada, mint=MINT, token_raw=500, reason="stop_loss")
    await sent(store, request)
    fill = fill_of(request, quote_lamports=100, token_raw=500)
    lost = (await settled(store, request, fill, position_id="p-1")).realized_lamports
    [held] = await store.open_positions(ada.user_id)
    ended = await swept(store, ada, held)
    assert ended.realized_lamports == lost < 0
    [sums] = await store.closed_sums(ada.user_id, PAPER)
    assert (sums.won, sums.lost, sums.lost_lamports) == (0, 1, lost)
    assert (await store.day(0, ada.user_id, PAPER)).realized_lamports == lost
    assert (await store.result_sums(ada.user_id, PAPER, 0, 9)).swept_lamports == held.cost_lamports


async def test_what_a_sweep_leaves_stays_a_position_and_what_is_missing_later_is_lost(store: Store) -> None:
    ada = await enrol(store)
    held = await bought(store, "b-1", ada, mint=MINT, position_id="p-1")
    half = await swept(store, ada, held, left_raw=500)
    assert (half.state, half.cost_lamports) == (PositionState.OPEN, held.cost_lamports - held.cost_lamports // 2)
    gone = await store.adjust("p-1", 0, evidence="slot 9", now_ms=NOW_MS, message=message("m-gone", ada.user_id))
    assert gone.realized_lamports == -half.cost_lamports
    assert (await store.day(0, ada.user_id, PAPER)).realized_lamports == -half.cost_lamports
    ledger = await store.ledger_sums(ada.user_id, PAPER)
    assert (ledger[Account.MOVED], ledger[Account.LOST]) == (PAID // 2, PAID // 2)
    assert (await store.closed_sums(ada.user_id, PAPER))[0].lost == 1


async def test_a_token_that_is_bought_again_behind_a_sweep_is_another_position(store: Store) -> None:
    ada = await enrol(store)
    await swept(store, ada, await bought(store, "b-1", ada, mint=MINT, position_id="p-1"))
    again = buy("b-2", ada, mint=MINT)
    await sent(store, again)
    opened = (await settled(store, again, fill_of(again), position_id="p-2")).position
    assert (opened.id, opened.state, again.side) == ("p-2", PositionState.OPEN, Side.BUY)
