"""The contract of `CopyStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import CopyHolding, CopyTold, OutboxMessage, SpentBy, Store, Wallet, WalletSignal
from bot.trading.copying import Copy, CopyCaps, CopyFilter, CopyRule, CopyState, RuleState, Sizing, Spent
from bot.trading.intent import Context, IntentState, Side, TradeRequest
from tests.storage.storage_samples import MINT, NOW_MS, bought, buy, enrol, fill_of, planned, sell, sent, settled

LEADER = "LeaderAddress"
MOST = 2
CAPS = CopyCaps(10**8, 10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9, 5 * 10**9)


def rule_of(wallet: Wallet, leader: str = LEADER, name: str = "one") -> CopyRule:
    return CopyRule(
        id=f"rule-{wallet.user_id}-{name}",
        code=name,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=wallet.mode,
        leader=leader,
        label="a whale",
        sizing=Sizing.PERCENT,
        amount=5_000,
        caps=CAPS,
        filter=CopyFilter(7, 8, ("MintBad",), (22, 6), 9, again=True),
        since_ms=NOW_MS,
    )


def signal(signature: str = "lead-1", side: Side = Side.BUY, leader: str = LEADER, mint: str = MINT) -> WalletSignal:
    return WalletSignal(leader, mint, side, 2**64 - 1, 5, 7, NOW_MS // 1000, signature, 1, 2**64 - 1, NOW_MS + 7, True)


def copy_of(rule: CopyRule, told: WalletSignal, **other: object) -> Copy:
    copy = Copy(
        id=f"{rule.user_id}-{told.signature}",
        rule_id=rule.id,
        user_id=rule.user_id,
        wallet_id=rule.wallet_id,
        mode=rule.mode,
        leader=told.address,
        signature=told.signature,
        instruction=told.instruction,
        mint=told.mint,
        side=told.side,
        leader_lamports=told.quote_lamports,
        leader_token_raw=told.token_raw,
        held_before_raw=told.held_before_raw or 0,
        seen_at_ms=told.seen_at_ms,
        decided_at_ms=NOW_MS + 8,
        reason="within caps",
        spend_lamports=500 if told.side is Side.BUY else 0,
    )
    return replace(copy, **other)  # type: ignore[arg-type]


async def placed(store: Store, name: str = "ada", leader: str = LEADER) -> CopyRule:
    rule = rule_of(await enrol(store, name), leader)
    assert await store.place_copy_rule(rule, most=MOST)
    return rule


async def wallet_of(store: Store, rule: CopyRule) -> Wallet:
    return next(one for one in await store.wallets(rule.user_id) if one.id == rule.wallet_id)


async def test_rules_are_listed_for_their_user_for_their_leader_and_for_all(store: Store) -> None:
    ada, bob = await placed(store), await placed(store, "bob", "OtherLeader")
    assert await store.copy_rules() == [ada, bob]
    assert await store.copy_rules(ada.user_id) == [ada]
    assert await store.copy_rules(leader="OtherLeader") == [bob]
    assert await store.copy_rule(bob.id) == bob
    assert await store.copy_rule("none") is None


async def test_a_user_has_one_rule_for_a_leader_and_only_so_many(store: Store) -> None:
    ada = await placed(store)
    wallet = await wallet_of(store, ada)
    assert await store.place_copy_rule(ada, most=MOST)
    assert not await store.place_copy_rule(rule_of(wallet, name="two"), most=MOST)
    assert await store.place_copy_rule(rule_of(wallet, "Second", "two"), most=MOST)
    assert not await store.place_copy_rule(rule_of(wallet, "Third", "three"), most=MOST)
    with pytest.raises(LookupError):
        await store.place_copy_rule(replace(rule_of(wallet, "Third", "x"), wallet_id="w-none"), most=9)
    stopped = replace(ada, state=RuleState.STOPPED, version=1, closed_at_ms=NOW_MS + 1, why="enough")
    told = OutboxMessage("m-1", ada.user_id, "copy_stopped", {}, False, "trace", NOW_MS)
    assert await store.move_copy_rule(stopped, told)
    assert not await store.move_copy_rule(replace(stopped, version=2))
    assert await store.copy_rule(ada.id) == stopped
    assert await store.place_copy_rule(rule_of(wallet, name="again"), most=MOST)


async def test_a_rule_moves_by_one_version_at_a_time(store: Store) -> None:
    ada = await placed(store)
    leaving = replace(ada, state=RuleState.LEAVING, why="sold with him", version=1)
    assert not await store.move_copy_rule(replace(leaving, version=2))
    assert await store.move_copy_rule(leaving)
    assert not await store.move_copy_rule(leaving)
    assert await store.copy_rules() == [leaving]


async def test_a_rule_goes_on_with_other_terms_and_buys_again(store: Store) -> None:
    ada = await placed(store)
    leaving = replace(ada, state=RuleState.LEAVING, why="sold with him", version=1)
    assert await store.move_copy_rule(leaving)
    caps, chosen = replace(CAPS, trade_lamports=7), CopyFilter(least_lamports=3)
    other = replace(
        leaving, code="two", sizing=Sizing.FIXED, amount=7, caps=caps, filter=chosen, version=2, label="x", since_ms=1
    )
    assert not await store.change_copy_rule(replace(other, version=3))
    assert await store.change_copy_rule(other)
    assert not await store.change_copy_rule(other)
    changed = replace(
        ada, code="two", sizing=Sizing.FIXED, amount=7, caps=caps, filter=chosen, version=2, state=RuleState.ACTIVE
    )
    assert await store.copy_rules() == [changed]
    stopped = replace(changed, state=RuleState.STOPPED, version=3, closed_at_ms=NOW_MS + 1)
    assert await store.move_copy_rule(stopped)
    assert not await store.change_copy_rule(replace(changed, version=4))
    assert await store.copy_rule(ada.id) == stopped


async def test_a_swap_is_due_while_somebody_copies_its_wallet_and_is_decided_once(store: Store) -> None:
    await store.record_signal(signal("before"))
    ada, bob = await placed(store), await placed(store, "bob")
    await store.record_signal(signal("nobody's", leader="Stranger"))
    for name in ("lead-1", "lead-2"):
        assert await store.record_signal(signal(name))
    assert not await store.record_signal(signal("lead-1"))
    assert await store.swaps_due(9) == [signal("lead-1"), signal("lead-2")]
    assert await store.swaps_due(1) == [signal("lead-1")]
    copies = [copy_of(ada, signal()), copy_of(bob, signal(), state=CopyState.REFUSED, code="late")]
    assert await store.decide_copies(signal(), copies) == copies
    assert await store.swaps_due(9) == [signal("lead-2")]
    assert await store.decide_copies(signal(), [replace(copies[0], id="another", spend_lamports=1)]) == []
    assert await store.owed_copies() == [copies[0]]
    assert await store.decide_copies(signal("lead-2"), []) == []
    assert await store.swaps_due(9) == []
    assert await store.copies_of(bob.user_id, 9) == [CopyTold(copies[1], None)]


async def test_an_owed_copy_moves_until_it_is_owed_no_more(store: Store) -> None:
    ada = await placed(store)
    sale = copy_of(ada, signal(side=Side.SELL))
    await store.add_copies([sale])
    again = replace(sale, tries=1, token_raw=2**64 - 1)
    assert again.key != sale.key
    assert await store.move_copy(again)
    assert await store.owed_copies() == [again]
    done = replace(again, state=CopyState.ORDERED, ordered_at_ms=NOW_MS + 70, reason="sold")
    assert await store.move_copy(done)
    assert not await store.move_copy(replace(done, state=CopyState.REFUSED))
    assert not await store.move_copy(replace(done, id="none", user_id="u-none"))
    assert await store.copies_of(ada.user_id, 9) == [CopyTold(done, None)]


async def test_what_is_told_of_a_copy_is_written_with_it_or_not_at_all(store: Store) -> None:
    ada = await placed(store)
    await store.add_copies([sale := copy_of(ada, signal(side=Side.SELL))])
    left = replace(sale, state=CopyState.REFUSED, code="given_up", reason="nobody took it")
    for number in range(2):
        message = OutboxMessage(f"m{number}", ada.user_id, "copied_sale_left", {"why": "x"}, True, sale.id, NOW_MS)
        assert await store.move_copy(left, message) is (number == 0)
    assert [one.id for one in await store.due(9)] == ["m0"]


async def spent(store: Store, rule: CopyRule, *, hour_ms: int = 0, day_ms: int = 0, mint: str = MINT) -> Spent:
    [found] = await store.copies_spent([SpentBy(rule, hour_ms, day_ms)], mint)
    return found


async def test_what_is_spent_counts_by_hour_day_token_leader_and_in_all(store: Store) -> None:
    ada = await placed(store)
    wallet = await wallet_of(store, ada)
    other = rule_of(wallet, "Second", "two")
    assert await store.place_copy_rule(other, most=MOST)
    assert await spent(store, ada) == Spent()
    await store.add_copies(
        [
            copy_of(ada, signal("a"), decided_at_ms=1_000),
            copy_of(ada, signal("b", mint="MintTwo"), decided_at_ms=2_000),
            copy_of(other, signal("c", leader="Second"), decided_at_ms=3_000),
            copy_of(ada, signal("d"), state=CopyState.REFUSED, code="late", decided_at_ms=3_000),
            copy_of(ada, signal("e", Side.SELL), decided_at_ms=3_000),
        ]
    )
    assert await spent(store, ada, hour_ms=3_000, day_ms=2_000) == Spent(500, 1_000, 1_000, 1_000, 1_500, True)
    assert await spent(store, other, hour_ms=3_001, day_ms=0, mint="MintTwo") == Spent(0, 1_500, 500, 500, 1_500, True)
    assert await spent(store, ada, hour_ms=9_000, day_ms=9_000, mint="New") == Spent(0, 0, 0, 1_000, 1_500, False)
    both = await store.copies_spent([SpentBy(other, 0, 0), SpentBy(ada, 0, 0)], MINT)
    assert [one.leader_lamports for one in both] == [500, 1_000]


async def test_an_order_that_came_to_nothing_is_not_spent_and_one_on_its_way_is(store: Store) -> None:
    ada = await placed(store)
    wallet = await wallet_of(store, ada)
    copy = copy_of(ada, signal())
    await store.add_copies([copy])
    intent = await planned(store, buy(copy.key, wallet, context=Context.COPY_TRADE))
    assert (await spent(store, ada)).total_lamports == 500
    assert await store.staked_rules(LEADER, MINT) == {ada.id}
    await store.close_unfilled(intent.id, IntentState.CANCELLED, "given up", now_ms=NOW_MS + 10)
    assert await spent(store, ada) == Spent()
    assert await store.staked_rules(LEADER, MINT) == set()
    assert await store.copies_of(ada.user_id, 1) == [CopyTold(copy, IntentState.CANCELLED)]


async def test_what_copies_hold_is_what_they_bought_and_did_not_sell_and_no_more_than_is_there(store: Store) -> None:
    ada = await placed(store)
    wallet = await wallet_of(store, ada)
    copy = copy_of(ada, signal())
    await store.add_copies([copy])
    await bought(store, copy.key, wallet, position_id="p-1", context=Context.COPY_TRADE)
    assert await store.copy_holdings([ada.id]) == [CopyHolding(ada.id, MINT, "p-1", 1_000, 1_000)]
    assert await store.copy_holdings([]) == []
    await bought(store, "by-hand", wallet, token_raw=500)
    assert await store.copy_holdings([ada.id]) == [CopyHolding(ada.id, MINT, "p-1", 1_000, 1_500)]
    await sold(store, sell("stop", wallet, token_raw=600), 600)
    assert await store.copy_holdings([ada.id]) == [CopyHolding(ada.id, MINT, "p-1", 900, 900)]
    sale = copy_of(ada, signal("lead-2", Side.SELL))
    await store.add_copies([sale])
    await sold(store, sell(sale.key, wallet, token_raw=700), 700)
    assert await store.copy_holdings([ada.id]) == [CopyHolding(ada.id, MINT, "p-1", 200, 200)]
    assert await store.staked_rules(LEADER, MINT) == {ada.id}


async def sold(store: Store, request: TradeRequest, token_raw: int) -> None:
    """A whole sale, from the request to the position after it."""
    await sent(store, request)
    await settled(store, request, fill_of(request, token_raw=token_raw))


async def test_what_has_ended_is_open_no_more_and_its_result_stays(store: Store) -> None:
    ada = await placed(store)
    wallet = await wallet_of(store, ada)
    for place, mint in enumerate((MINT, "MintTwo", "MintThree")):
        copy = copy_of(ada, signal(f"lead-{place}", mint=mint))
        await store.add_copies([copy])
        await bought(store, copy.key, wallet, mint=mint, position_id=f"p-{place}", context=Context.COPY_TRADE)
        assert await store.move_copy(replace(copy, state=CopyState.ORDERED))
    assert await store.copy_results([ada.id]) == {}
    await sold(store, sell("all", wallet, token_raw=1_000), 1_000)
    half = sell("half", wallet, mint="MintTwo", token_raw=500)
    await sold(store, half, 500)
    assert (await spent(store, ada)).total_lamports == 1_000
    results = (await store.copy_results([ada.id, "none"]))[ada.id]
    assert results == [
        row.realized_lamports for row in [await store.position("p-0"), await store.position("p-1")] if row is not None
    ]
    assert await store.end_copies(0) == 0
    assert await store.end_copies(NOW_MS + 1_000) == 1
    assert await store.end_copies(NOW_MS + 1_000) == 0
    assert await spent(store, ada) == Spent(1_500, 1_500, 0, 1_000, 1_000, False)
    assert await spent(store, ada, hour_ms=2 * NOW_MS, day_ms=2 * NOW_MS) == Spent(0, 0, 0, 1_000, 1_000, False)
    assert [one.mint for one in await store.copy_holdings([ada.id])] == ["MintTwo", "MintThree"]
    assert (await store.copy_results([ada.id]))[ada.id] == results
