"""Allowed addresses and withdrawals: what may leave, once, and what it took, booked once for each landing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.errors import Conflict
from bot.ports import AllowedAddress, Reversed, SealedNote, Store, Wallet, safe_address
from bot.trading.intent import SWEEP, AttemptState, Intent, IntentState, Mode
from bot.trading.ledger import Account, Leg, legs_of_failed, legs_of_withdrawal
from bot.trading.risk_gate import EXIT_RESERVE_LAMPORTS, Refused, kept_for_exits
from bot.trading.withdrawal import FEE_LAMPORTS, TOKEN_SWEEP_LAMPORTS
from tests.storage.books import audited, entries
from tests.storage.storage_samples import (
    NOW_MS,
    attempt,
    bought,
    buy,
    enrol,
    message,
    planned,
    seen_by_gate,
    sent_out,
    withdraw,
)

HOME = "Home"
NOTE, CODE = SealedNote("k", b"note"), SealedNote("k", b"code")
WALLET_LAMPORTS = 10**9


@pytest.fixture
async def wallet(store: Store) -> Wallet:
    return await enrol(store)


def row_of(wallet: Wallet, *, address: str = HOME, name: str = "a") -> AllowedAddress:
    return AllowedAddress(f"{name}-{wallet.id}", wallet.user_id, wallet.id, address, NOW_MS + 5, NOW_MS)


async def allow(store: Store, wallet: Wallet, *, address: str = HOME, name: str = "a") -> AllowedAddress:
    row = row_of(wallet, address=address, name=name)
    await store.allow_address(row, {row.note: NOTE, "code": CODE}, message(f"m-{row.id}", wallet.user_id), NOW_MS)
    return row


async def plan(
    store: Store, wallet: Wallet, lamports: int = 10**6, *, key: str = "w", to: str = HOME
) -> Intent | Refused:
    request = withdraw(key, wallet, lamports, to=to)
    return await store.plan_withdrawal(request, intent_id=f"i-{key}", now_ms=NOW_MS, wallet_lamports=WALLET_LAMPORTS)


async def sent_withdrawal(store: Store, wallet: Wallet, lamports: int = 10**6) -> Intent:
    await allow(store, wallet)
    intent = await plan(store, wallet, lamports)
    assert isinstance(intent, Intent)
    await store.record_attempt(attempt(intent.id, "s-w", sells_all=False))
    await store.mark_sent("s-w", NOW_MS)
    return intent


async def settle(store: Store, wallet: Wallet, lamports: int = 10**6) -> bool:
    landed = sent_out("s-w", lamports)
    told = message("m-withdrawn", wallet.user_id)
    return await store.settle_withdrawal(
        "i-w", landed, legs=legs_of_withdrawal(landed), message=told, now_ms=NOW_MS + 1
    )


async def state_of(store: Store) -> IntentState:
    found = await store.intent("i-w")
    assert found is not None
    return found.state


async def test_an_address_is_allowed_told_and_taken_away_with_its_note(store: Store, wallet: Wallet) -> None:
    other = await enrol(store, "bob")
    first, second = await allow(store, wallet), await allow(store, wallet, address="Else", name="b")
    assert await store.allowed_addresses(wallet.user_id) == [first, second]
    assert await store.notes(wallet.user_id) == {first.note: NOTE, second.note: NOTE, "code": CODE}
    assert [owed.id for owed in await store.due(9)] == [f"m-{first.id}", f"m-{second.id}"]
    with pytest.raises(Conflict):
        await allow(store, wallet, name="c")
    with pytest.raises(LookupError):
        await allow(store, replace(wallet, user_id=other.user_id), address="More", name="d")
    assert len(await store.due(9)) == 2
    assert not await store.remove_address(other.user_id, first.id, NOW_MS)
    assert await store.remove_address(wallet.user_id, first.id, NOW_MS)
    assert not await store.remove_address(wallet.user_id, first.id, NOW_MS)
    assert await store.allowed_addresses(wallet.user_id) == [second]
    assert await store.notes(wallet.user_id) == {second.note: NOTE, "code": CODE}
    actions = [(entry.by, entry.action) for entry in await audited(store)]
    assert actions[-1] == (wallet.user_id, "address removed")
    assert actions.count((wallet.user_id, "address allowed")) == 2
    await allow(store, wallet, name="e")


async def test_a_safe_address_is_another_one_and_alone_is_swept_to(store: Store, wallet: Wallet) -> None:
    await allow(store, wallet)
    swept = replace(withdraw("s", wallet, 10**6, to=HOME), reason=SWEEP)
    for_sweep = {"intent_id": "i-s", "now_ms": NOW_MS, "wallet_lamports": WALLET_LAMPORTS}
    refused = await store.plan_withdrawal(swept, **for_sweep)
    assert isinstance(refused, Refused)
    assert refused.code == "not_allowed"
    safe = replace(row_of(wallet, name="safe"), is_safe=True)
    assert safe.note.startswith("safe address:")
    await store.allow_address(safe, {safe.note: NOTE}, message("m-safe", wallet.user_id), NOW_MS)
    with pytest.raises(Conflict):
        await store.allow_address(replace(safe, id="twice"), {}, message("m-twice", wallet.user_id), NOW_MS)
    assert (await store.allowed_addresses(wallet.user_id))[1] == safe
    await bought(store, "held", wallet, mint="MintHeld", position_id="p-held")
    everything = replace(swept, spend_lamports=WALLET_LAMPORTS - FEE_LAMPORTS)
    intent = await store.plan_withdrawal(everything, **for_sweep)
    assert isinstance(intent, Intent), "nothing is left for exits"
    assert (await store.intent(intent.id)) == intent
    assert intent.request.is_sweep
    assert await store.remove_address(wallet.user_id, safe.id, NOW_MS)
    assert safe.note not in await store.notes(wallet.user_id)
    actions = [entry.action for entry in await audited(store)]
    assert "safe address registered" in actions


async def test_a_swept_token_names_how_much_of_it_reserves_what_it_may_cost_and_is_taken_back_as_it_was(
    store: Store, wallet: Wallet
) -> None:
    safe = replace(row_of(wallet), is_safe=True)
    await store.allow_address(safe, {safe.note: NOTE}, message("m-safe", wallet.user_id), NOW_MS)
    await bought(store, "held", wallet, mint="MintHeld", position_id="p-held")
    request = replace(
        withdraw("w", wallet, 1),
        reason=SWEEP,
        mint="MintHeld",
        spend_lamports=0,
        token_raw=7,
        position_id="p-held",
    )
    intent = await store.plan_withdrawal(request, intent_id="i-w", now_ms=NOW_MS, wallet_lamports=TOKEN_SWEEP_LAMPORTS)
    assert isinstance(intent, Intent)
    assert intent.reserved_lamports == TOKEN_SWEEP_LAMPORTS
    assert (await store.intent("i-w")) == intent
    assert (await store.orders_of("p-held"))[-1] == "i-w"
    await store.record_attempt(attempt(intent.id, "s-w", sells_all=False))
    await store.mark_sent("s-w", NOW_MS)
    landed = replace(
        sent_out("s-w", -2_074_080 + 2_039_280),
        rent_delta_lamports=-2_074_080,
        token_delta_raw=-7,
        closed={"MintHeld": 2_074_080},
    )
    told = message("m-swept", wallet.user_id)
    legs = legs_of_withdrawal(landed)
    assert await store.settle_withdrawal("i-w", landed, legs=legs, message=told, now_ms=NOW_MS + 1)
    [held] = await store.open_positions(wallet.user_id)
    assert held.id == "p-held", "the position ends once nobody can take the landing back"
    taken = await store.reverse(
        "s-w", landed_slot=landed.slot, evidence="gone", now_ms=NOW_MS + 2, message=lambda one: None
    )
    assert [(one.intent.id, one.intent.state, one.intent.reserved_lamports) for one in taken] == [
        ("i-w", IntentState.SENT, TOKEN_SWEEP_LAMPORTS)
    ]
    assert await store.open_positions(wallet.user_id) == [held]


async def test_the_safe_address_of_a_wallet_is_the_latest_that_counts(wallet: Wallet) -> None:
    rows = [
        replace(row_of(wallet, address=f"Home{after}", name=str(after)), not_before_ms=NOW_MS + after, is_safe=True)
        for after in (1, 3, 2)
    ]
    rows.append(replace(row_of(wallet), not_before_ms=NOW_MS + 2))
    found = [safe_address(rows, wallet.id, NOW_MS + after) for after in range(5)]
    assert [row and row.address for row in found] == [None, "Home1", "Home2", "Home3", "Home3"]
    assert safe_address(rows, "another", NOW_MS + 9) is None


async def test_who_leaves_takes_his_addresses_along(store: Store, wallet: Wallet) -> None:
    await allow(store, wallet)
    await store.close_account(wallet.user_id, NOW_MS)
    assert await store.allowed_addresses(wallet.user_id) == []
    assert await store.notes(wallet.user_id) == {}


async def test_a_withdrawal_is_planned_once_and_one_at_a_time(store: Store, wallet: Wallet) -> None:
    refused = await plan(store, wallet)
    assert isinstance(refused, Refused)
    assert refused.code == "not_allowed"
    await allow(store, wallet)
    intent = await plan(store, wallet)
    assert isinstance(intent, Intent)
    assert (intent.state, intent.request.to_address, intent.reserved_lamports) == (
        IntentState.PLANNED,
        HOME,
        10**6 + FEE_LAMPORTS,
    )
    assert await plan(store, wallet) == intent
    assert await store.intent("i-w") == intent
    second = await plan(store, wallet, key="second")
    assert isinstance(second, Refused)
    assert second.code == "in_flight"
    other = await enrol(store, "bob")
    elsewhere = await plan(store, other, key="third")
    assert isinstance(elsewhere, Refused), "an address counts for its own wallet"
    with pytest.raises(LookupError):
        await plan(store, replace(wallet, user_id="u-nobody"), key="fourth")


async def test_what_orders_and_exits_need_stays(store: Store, wallet: Wallet) -> None:
    await allow(store, wallet)
    await bought(store, "held", wallet, mint="MintHeld", position_id="p-held")
    coming = await planned(store, buy("coming", wallet, mint="MintComing"))
    kept = kept_for_exits(2) + coming.reserved_lamports
    most = WALLET_LAMPORTS - FEE_LAMPORTS - kept
    refused = await plan(store, wallet, most + 1)
    assert isinstance(refused, Refused)
    assert refused.code == "funds"
    assert isinstance(await plan(store, wallet, most), Intent)
    assert kept > 2 * EXIT_RESERVE_LAMPORTS


async def test_what_is_being_withdrawn_is_not_spent_and_is_no_risk(store: Store, wallet: Wallet) -> None:
    intent = await sent_withdrawal(store, wallet)
    seen = await seen_by_gate(store, buy("in", wallet))
    assert (seen.reserved_lamports, seen.exposure_lamports) == (intent.reserved_lamports, 0)


async def test_a_withdrawal_is_booked_once_and_is_no_loss(store: Store, wallet: Wallet) -> None:
    await sent_withdrawal(store, wallet)
    before = (await store.wallet_ledger(wallet.id)).booked_lamports
    assert await settle(store, wallet)
    assert not await settle(store, wallet)
    assert await state_of(store) is IntentState.FILLED
    intent_id, signature, legs = (await entries(store))[-1]
    assert (intent_id, signature) == ("i-w", "s-w")
    assert set(legs) == {
        Leg(Account.WALLET, -(10**6) - 25_000),
        Leg(Account.NETWORK_FEE, 5_000),
        Leg(Account.PRIORITY_FEE, 20_000),
        Leg(Account.OUTSIDE, 10**6),
    }
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == before - 10**6 - 25_000
    assert [owed.id for owed in await store.due(9)][-1] == "m-withdrawn"
    day = await store.day(0, wallet.user_id)
    assert (day.realized_lamports, day.failed, day.buys, day.sells) == (-25_000, 0, 0, 0)
    assert await store.ours(wallet.id, ["s-w", "s-else"]) == {"s-w"}
    with pytest.raises(LookupError):
        await store.settle_withdrawal(
            "i-none", sent_out("s-w", 1), legs=(), message=message("m-x", wallet.user_id), now_ms=NOW_MS
        )


async def test_one_that_landed_with_an_error_cost_its_fee_and_is_no_failed_trade(store: Store, wallet: Wallet) -> None:
    await sent_withdrawal(store, wallet)
    assert await store.close_unfilled(
        "i-w",
        IntentState.FAILED,
        "no",
        now_ms=NOW_MS,
        signature="s-w",
        slot=77,
        legs=legs_of_failed(25_000),
        message=message("m-failed", wallet.user_id),
    )
    day = await store.day(0, wallet.user_id)
    assert (day.realized_lamports, day.failed) == (-25_000, 0)
    with pytest.raises(Conflict):
        await settle(store, wallet)


async def test_one_that_the_network_takes_back_is_on_its_way_again(store: Store, wallet: Wallet) -> None:
    intent = await sent_withdrawal(store, wallet)
    before = (await store.wallet_ledger(wallet.id)).booked_lamports
    assert await settle(store, wallet)
    told: list[Reversed] = []

    def tell(one: Reversed) -> None:
        told.append(one)

    await store.reverse("s-w", landed_slot=77, evidence="two deny it", now_ms=NOW_MS + 2, message=tell)
    [back] = told
    assert (back.intent.state, back.intent.reserved_lamports) == (IntentState.SENT, intent.reserved_lamports)
    assert back.attempt.state is AttemptState.SENT
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == before
    assert isinstance(await plan(store, wallet, key="second"), Refused)
    landed = sent_out("s-w", 10**6)
    again = message("m-again", wallet.user_id)
    assert await store.settle_withdrawal(
        "i-w", landed, legs=legs_of_withdrawal(landed), message=again, now_ms=NOW_MS + 3
    )
    assert (await store.wallet_ledger(wallet.id)).booked_lamports == before - 10**6 - 25_000


async def test_a_closing_is_no_withdrawal(store: Store, wallet: Wallet) -> None:
    await planned(store, buy("w", wallet))
    with pytest.raises(ValueError, match="no withdrawal"):
        await settle(store, wallet)
    assert wallet.mode is Mode.PAPER
