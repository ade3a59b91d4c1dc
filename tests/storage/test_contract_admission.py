"""The contract of `IntentStore.admit`, held by both stores: what the gate is shown, and what admission writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from bot.errors import Conflict
from bot.ports import Store, Wallet
from bot.trading.intent import Context, Intent, IntentState, Mode, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.risk_gate import Admitted, Refused, RiskSnapshot
from tests.storage.storage_samples import (
    KEY,
    NOW_MS,
    RESERVED,
    ask,
    bought,
    buy,
    enrol,
    fill_of,
    let_in,
    planned,
    run,
    seen_by_gate,
    sell,
    sent,
    settled,
)

DAY_MS = 86_400_000


def snipe_of(wallet: Wallet, run_id: str, *, key: str = "k") -> TradeRequest:
    """A sniper's buy that a run led to."""
    return buy(key, wallet, context=Context.SNIPER, causation_id=run_id)


async def test_the_first_request_is_judged_on_an_empty_book(store: Store) -> None:
    settings = UserSettings(max_trade_lamports=7)
    wallet = await enrol(store, settings=settings)
    ceilings = Ceilings(max_open_positions=3)
    seen = await seen_by_gate(
        store, buy("k", wallet), wallet_lamports=55, ceilings=ceilings, pause_causes=("rpc", "operator")
    )
    assert seen == RiskSnapshot(
        pause_causes=("rpc", "operator"),
        settings=settings,
        ceilings=ceilings,
        wallet_lamports=55,
        reserved_lamports=0,
        open_positions=0,
        mint_cost_lamports=0,
        exposure_lamports=0,
        mint_in_flight=0,
        mint_sells_in_flight=0,
        mint_held_raw=0,
        loss_today_lamports=0,
        snipes_today=0,
        user_positions=0,
        strategy_positions=0,
        strategy_spent_lamports=0,
    )


async def test_an_admitted_request_is_a_planned_intent_as_it_was_asked(store: Store) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet, spend_lamports=2**62, mode=Mode.LIVE, context=Context.COPY_TRADE)
    admitted = await ask(store, request)
    assert admitted == Intent("i-k", request, IntentState.PLANNED, RESERVED, NOW_MS)
    assert await store.intent("i-k") == admitted
    assert await store.in_flight() == [(admitted, [])]
    assert await store.intent("i-nobody") is None


async def test_a_sale_keeps_the_largest_amount_of_the_chain(store: Store) -> None:
    wallet = await enrol(store)
    request = sell("k", wallet, token_raw=2**64 - 1)
    assert (await planned(store, request)).request == request


async def test_a_buy_keeps_the_least_that_its_buyer_was_shown(store: Store) -> None:
    wallet = await enrol(store)
    request = replace(buy("k", wallet), min_token_raw=10**15)
    assert (await planned(store, request)).request == request


async def test_an_intent_is_found_by_the_key_of_its_request(store: Store) -> None:
    wallet = await enrol(store)
    assert await store.intent_of("k") is None
    intent = await planned(store, buy("k", wallet))
    assert await store.intent_of("k") == intent
    await store.close_unfilled(intent.id, IntentState.CANCELLED, "given up", now_ms=NOW_MS)
    found = await store.intent_of("k")
    assert found is not None
    assert found.state is IntentState.CANCELLED
    assert await store.intent_of("i-k") is None


async def test_a_refusal_writes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    refused = Refused("funds", "too little")
    assert await ask(store, buy("k", wallet), gate=lambda _: refused) == refused
    assert await store.in_flight() == []
    assert isinstance(await ask(store, buy("k", wallet)), Intent)


async def test_a_gate_that_reserves_less_than_nothing_is_refused(store: Store) -> None:
    wallet = await enrol(store)
    with pytest.raises(ValueError, match="reserved -1 lamports"):
        await ask(store, buy("k", wallet), gate=lambda _: Admitted(-1))
    assert await store.in_flight() == []


async def test_the_same_key_is_one_intent_whatever_became_of_it(store: Store) -> None:
    wallet = await enrol(store)
    first = await planned(store, buy("k", wallet))
    again = await ask(
        store, buy("k", wallet, spend_lamports=9), intent_id="i-other", gate=lambda _: Refused("no", "no")
    )
    assert again == first
    await store.close_unfilled(first.id, IntentState.CANCELLED, "given up", now_ms=NOW_MS)
    ended = await ask(store, buy("k", wallet), intent_id="i-other")
    assert isinstance(ended, Intent)
    assert (ended.id, ended.state, ended.failure) == (first.id, IntentState.CANCELLED, "given up")
    assert await store.intent("i-other") is None


async def test_a_key_belongs_to_one_intent_even_across_wallets(store: Store) -> None:
    first = await planned(store, buy("k", await enrol(store, "ada")))
    again = await ask(store, buy("k", await enrol(store, "bob")), intent_id="i-bob")
    assert again == first


async def test_an_intent_id_is_used_once(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k", wallet))
    with pytest.raises(Conflict):
        await ask(store, buy("other", wallet), intent_id="i-k")


@pytest.mark.parametrize(
    "wallet", [Wallet("w-ada", "u-bob", "x", Mode.PAPER), Wallet("w-none", "u-ada", "x", Mode.PAPER)]
)
async def test_a_wallet_that_the_user_does_not_have_is_refused(store: Store, wallet: Wallet) -> None:
    await enrol(store, "ada")
    await enrol(store, "bob")
    with pytest.raises(LookupError):
        await ask(store, buy("k", wallet))


async def test_an_intent_on_its_way_reserves_and_blocks_its_mint(store: Store) -> None:
    wallet = await enrol(store)
    await planned(store, buy("k", wallet))
    here = await seen_by_gate(store, buy("k2", wallet))
    assert (here.reserved_lamports, here.mint_cost_lamports, here.mint_in_flight) == (RESERVED, RESERVED, 1)
    assert here.exposure_lamports == RESERVED
    assert here.open_positions == 1  # it will have to be left again
    elsewhere = await seen_by_gate(store, buy("k3", wallet, mint="MintTwo"))
    assert (elsewhere.reserved_lamports, elsewhere.mint_cost_lamports, elsewhere.mint_in_flight) == (RESERVED, 0, 0)
    other_mode = await seen_by_gate(store, buy("k4", wallet, mode=Mode.LIVE))
    assert (other_mode.reserved_lamports, other_mode.mint_in_flight, other_mode.open_positions) == (0, 0, 0)
    other_user = await seen_by_gate(store, buy("k5", await enrol(store, "bob")))
    assert (other_user.reserved_lamports, other_user.open_positions) == (0, 0)


async def test_what_a_user_risks_counts_over_all_of_his_wallets(store: Store) -> None:
    wallet = await enrol(store)
    other = replace(wallet, id="w-other", address="Address-other", name="other")
    await store.add_wallet(other, KEY)
    position = await bought(store, "k", other)
    await planned(store, buy("k2", other, mint="MintTwo"))
    seen = await seen_by_gate(store, buy("k3", wallet))
    assert (seen.mint_cost_lamports, seen.exposure_lamports) == (
        position.cost_lamports,
        position.cost_lamports + RESERVED,
    )
    assert (seen.open_positions, seen.mint_held_raw, seen.reserved_lamports, seen.mint_in_flight) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("state", "signed"),
    [(IntentState.FAILED, True), (IntentState.EXPIRED, True), (IntentState.CANCELLED, False)],
)
async def test_an_end_without_a_fill_releases_everything(store: Store, state: IntentState, signed: bool) -> None:
    wallet = await enrol(store)
    request = buy("k", wallet)
    await (sent(store, request) if signed else planned(store, request))
    assert await store.close_unfilled("i-k", state, "no", now_ms=NOW_MS)
    seen = await seen_by_gate(store, buy("k2", wallet))
    assert (seen.reserved_lamports, seen.mint_in_flight, seen.open_positions) == (0, 0, 0)


async def test_a_position_counts_with_its_cost_and_tokens(store: Store) -> None:
    wallet = await enrol(store)
    position = await bought(store, "k", wallet)
    seen = await seen_by_gate(store, buy("k2", wallet))
    assert (seen.open_positions, seen.mint_held_raw, seen.mint_cost_lamports) == (1, 1_000, position.cost_lamports)
    assert (seen.reserved_lamports, seen.mint_in_flight) == (0, 0)
    assert seen.exposure_lamports == position.cost_lamports
    await planned(store, buy("k3", wallet))  # more of the same token opens no second position
    assert (await seen_by_gate(store, buy("k4", wallet, mint="MintTwo"))).open_positions == 1
    await planned(store, buy("k5", wallet, mint="MintTwo"))
    assert (await seen_by_gate(store, buy("k6", wallet))).exposure_lamports == position.cost_lamports + 2 * RESERVED
    assert (await seen_by_gate(store, buy("k6", wallet, mint="MintThree"))).open_positions == 2


async def test_the_days_loss_counts_from_the_users_midnight(store: Store) -> None:
    wallet = await enrol(store)
    position = await bought(store, "k", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    fill = fill_of(request, quote_lamports=110)
    await settled(store, request, fill)
    loss = position.cost_lamports - fill.proceeds_lamports
    assert loss > 0
    assert (await seen_by_gate(store, buy("k2", wallet), day_start_ms=NOW_MS - DAY_MS)).loss_today_lamports == loss
    assert (await seen_by_gate(store, buy("k2", wallet), day_start_ms=NOW_MS + 1)).loss_today_lamports == 0
    live = await seen_by_gate(store, buy("k2", wallet, mode=Mode.LIVE), day_start_ms=0)
    assert live.loss_today_lamports == 0


async def test_a_days_profit_is_no_loss(store: Store) -> None:
    wallet = await enrol(store)
    await bought(store, "k", wallet)
    request = sell("out", wallet)
    await sent(store, request)
    await settled(store, request, fill_of(request, quote_lamports=90_000))
    assert (await seen_by_gate(store, buy("k2", wallet))).loss_today_lamports == 0


async def test_snipes_of_the_day_count_while_they_may_fill(store: Store) -> None:
    wallet = await enrol(store)
    snipes = [buy(f"s{n}", wallet, mint=f"Mint{n}", context=Context.SNIPER, causation_id=f"run-{n}") for n in range(3)]
    await planned(store, snipes[0])
    await sent(store, snipes[1])
    await planned(store, snipes[2], now_ms=NOW_MS - DAY_MS)
    await planned(store, buy("by-hand", wallet, mint="MintHand"))
    assert (await seen_by_gate(store, buy("k", wallet), day_start_ms=NOW_MS)).snipes_today == 2
    await settled(store, snipes[1], fill_of(snipes[1]))
    assert (await seen_by_gate(store, buy("k", wallet), day_start_ms=NOW_MS)).snipes_today == 2
    await store.close_unfilled("i-s0", IntentState.CANCELLED, "no", now_ms=NOW_MS)
    assert (await seen_by_gate(store, buy("k", wallet), day_start_ms=NOW_MS)).snipes_today == 1


async def test_admission_takes_its_snipe_run_along(store: Store) -> None:
    wallet = await enrol(store)
    await store.open_run(run("run-1", wallet.user_id))
    await planned(store, buy("k", wallet, context=Context.SNIPER, causation_id="run-1"))
    assert [row.status for row in await store.runs_since(wallet.user_id, 0)] == ["EXECUTING"]


async def test_a_run_is_written_with_the_intent_that_it_led_to(store: Store) -> None:
    wallet = await enrol(store)
    looked = run("run-1", wallet.user_id, status="MONITORING")
    intent = await ask(store, snipe_of(wallet, "run-1"), run=looked)
    assert isinstance(intent, Intent)
    assert await store.runs_since(wallet.user_id, 0) == [replace(looked, status="EXECUTING")]
    assert await ask(store, snipe_of(wallet, "run-1"), intent_id="i-again", run=looked) == intent
    await store.close_unfilled(intent.id, IntentState.CANCELLED, "no route", now_ms=NOW_MS)
    [ended] = await store.runs_since(wallet.user_id, 0)
    assert (ended.status, ended.reason) == ("FAILED", "no route")


async def test_a_refused_snipe_leaves_no_run(store: Store) -> None:
    wallet = await enrol(store)
    looked = run("run-1", wallet.user_id)
    refused = await ask(store, snipe_of(wallet, "run-1"), gate=lambda _: Refused("funds", "no"), run=looked)
    assert refused == Refused("funds", "no")
    assert await store.runs_since(wallet.user_id, 0) == []
    assert await store.in_flight() == []


async def test_who_has_looked_at_a_token_before_does_not_snipe_it_again(store: Store) -> None:
    wallet = await enrol(store)
    first = run("run-1", wallet.user_id, status="SKIPPED")
    await store.open_run(first)
    refused = await ask(store, snipe_of(wallet, "run-2"), run=run("run-2", wallet.user_id))
    assert isinstance(refused, Refused)
    assert refused.code == "seen"
    assert await store.in_flight() == []
    assert await store.runs_since(wallet.user_id, 0) == [first]


async def test_a_run_of_another_request_or_with_a_taken_id_is_refused_and_writes_nothing(store: Store) -> None:
    wallet = await enrol(store)
    await store.open_run(run("run-1", wallet.user_id))
    with pytest.raises(Conflict):
        await ask(store, snipe_of(wallet, "run-1"), run=run("run-1", wallet.user_id, mint="M2"))
    with pytest.raises(ValueError, match="not that of intent"):
        await ask(store, buy("by-hand", wallet), run=run("run-2", wallet.user_id, mint="M2"))
    assert await store.in_flight() == []
    assert len(await store.runs_since(wallet.user_id, 0)) == 1


async def test_of_many_snipes_at_once_each_has_its_own_run_or_its_own_refusal(store: Store) -> None:
    wallets = [await enrol(store, f"user{number}") for number in range(5)]
    await store.open_run(run("old", wallets[3].user_id))
    answers: dict[int, Intent | Refused] = {}

    async def one(number: int) -> None:
        wallet = wallets[number]
        gate = (lambda _: Refused("funds", "no")) if number == 1 else let_in
        looked = run(f"run-{number}", wallet.user_id)
        asked = snipe_of(wallet, f"run-{number}", key=f"k{number}")
        answers[number] = await ask(store, asked, gate=gate, run=looked)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(one, number)
    refused = {number: answer.code for number, answer in answers.items() if isinstance(answer, Refused)}
    assert refused == {1: "funds", 3: "seen"}
    runs = [row.id for wallet in wallets for row in await store.runs_since(wallet.user_id, 0)]
    assert runs == ["run-0", "run-2", "old", "run-4"]


async def test_only_a_snipers_buy_moves_a_run(store: Store) -> None:
    wallet = await enrol(store)
    await store.open_run(run("run-1", wallet.user_id))
    await planned(store, buy("k", wallet, causation_id="run-1"))
    assert [row.status for row in await store.runs_since(wallet.user_id, 0)] == ["ANALYZED"]


async def test_text_that_no_database_can_hold_is_made_storable(store: Store) -> None:
    wallet = await enrol(store)
    await store.end_run(replace(run("run-1", wallet.user_id), reason="named \0 and \ud800"))
    assert [row.reason for row in await store.runs_since(wallet.user_id, 0)] == ["named \ufffd and \ufffd"]


async def test_admissions_at_once_never_reserve_more_than_the_wallet_has(store: Store) -> None:
    wallet = await enrol(store)
    given: list[Intent | Refused] = []

    def room_for_four(facts: RiskSnapshot) -> Admitted | Refused:
        if facts.reserved_lamports + 100 > 400:
            return Refused("funds", "no")
        return Admitted(100)

    async def one(number: int) -> None:
        given.append(await ask(store, buy(f"k{number}", wallet, mint=f"Mint{number}"), gate=room_for_four))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(one, number)
    assert sum(isinstance(answer, Intent) for answer in given) == 4
    assert sum(intent.reserved_lamports for intent, _ in await store.in_flight()) == 400


async def test_the_same_key_at_once_is_one_intent(store: Store) -> None:
    wallets = [await enrol(store, "ada"), await enrol(store, "bob")]
    given: list[Intent | Refused] = []

    async def one(number: int) -> None:
        given.append(await ask(store, buy("k", wallets[number % 2]), intent_id=f"i-{number}", gate=let_in))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(one, number)
    assert len(set(given)) == 1
    assert [intent for intent, _ in await store.in_flight()] == given[:1]


async def test_a_loss_that_is_not_realised_yet_counts_and_a_gain_makes_up_for_one(store: Store) -> None:
    wallet = await enrol(store)
    assert (await seen_by_gate(store, buy("k1", wallet), unrealized_lamports=-7)).loss_today_lamports == 7
    assert (await seen_by_gate(store, buy("k1", wallet), unrealized_lamports=7)).loss_today_lamports == 0
