"""The contract of `AutoTradingStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import AutoDecision, Store, Verdict
from bot.trading.intent import Mode
from bot.trading.opportunity import AutoPlan
from tests.storage.storage_samples import NOW_MS, enrol

PLAN = AutoPlan("u-ada", is_on=True, entry_lamports=7, min_confidence_bps=9_999, window_s=5, min_wallets=3, epoch=4)


def decision(
    number: int, verdict: Verdict = Verdict.PASSED, *, mint: str = "Mint", user: str = "u-ada"
) -> AutoDecision:
    return AutoDecision(
        id=f"{user}-{number}",
        user_id=user,
        mint=mint,
        mode=Mode.PAPER,
        epoch=4,
        verdict=verdict,
        reason="because",
        confidence_bps=6_500,
        wallets=2,
        spend_lamports=7,
        key=f"auto:{user}:{mint}:4",
        at_ms=NOW_MS + number,
        evidence=("ada bought", "bob bought"),
    )


async def test_a_plan_is_kept_changed_and_stopped(store: Store) -> None:
    await enrol(store, "ada")
    assert await store.auto_plan("u-ada") == AutoPlan("u-ada")
    assert not await store.stop_auto("u-ada")
    for plan in (PLAN, replace(PLAN, window_s=9, epoch=5)):
        await store.save_auto_plan(plan)
        assert await store.auto_plan("u-ada") == plan
    assert await store.auto_plans() == [plan]
    assert await store.stop_auto("u-ada")
    assert not await store.stop_auto("u-ada")
    assert await store.auto_plans() == []
    assert await store.auto_plan("u-ada") == replace(plan, is_on=False)
    with pytest.raises(LookupError):
        await store.save_auto_plan(AutoPlan("u-nobody"))


async def test_a_decision_is_written_once_and_ends_once(store: Store) -> None:
    await enrol(store, "ada")
    planned = decision(1, Verdict.PLANNED)
    assert await store.record_decision(planned)
    assert not await store.record_decision(replace(planned, verdict=Verdict.PASSED))
    assert await store.planned_decisions("u-ada") == [planned]
    assert await store.end_decision(planned.id, Verdict.REFUSED, "no \0 funds")
    assert not await store.end_decision(planned.id, Verdict.ENTERED, "late")
    assert not await store.end_decision("nobody", Verdict.ENTERED, "late")
    assert await store.planned_decisions("u-ada") == []
    [ended] = await store.decisions("u-ada", 9)
    assert ended == replace(planned, verdict=Verdict.REFUSED, reason="no \ufffd funds")
    with pytest.raises(LookupError):
        await store.record_decision(decision(1, user="u-nobody"))


async def test_the_latest_decisions_come_first_by_user_and_token_and_entries_are_counted(store: Store) -> None:
    await enrol(store, "ada")
    await enrol(store, "bob")
    told = [
        decision(1, Verdict.ENTERED),
        decision(2, Verdict.PASSED, mint="Other"),
        decision(3, Verdict.PLANNED),
        decision(4, Verdict.ENTERED, user="u-bob"),
        decision(5, Verdict.REFUSED),
    ]
    for one in told:
        await store.record_decision(one)
    mine = [one for one in told[::-1] if one.user_id == "u-ada"]
    assert await store.decisions("u-ada", 9) == mine
    assert await store.decisions("u-ada", 2) == mine[:2]
    assert await store.decisions("u-ada", 9, "Other") == [told[1]]
    assert [await store.entries_since("u-ada", NOW_MS + since) for since in (0, 2, 4)] == [2, 1, 0]


async def test_who_leaves_leaves_no_plan_and_no_decision(store: Store) -> None:
    await enrol(store, "ada")
    await enrol(store, "bob")
    await store.save_auto_plan(PLAN)
    await store.record_decision(decision(1))
    await store.record_decision(decision(1, user="u-bob"))
    await store.close_account("u-ada", NOW_MS)
    assert await store.auto_plan("u-ada") == AutoPlan("u-ada")
    assert await store.decisions("u-ada", 9) == []
    assert len(await store.decisions("u-bob", 9)) == 1
