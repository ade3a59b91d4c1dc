"""The gate: what it refuses and why, that it never stops a sale, and that admitted buys always leave the exits paid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.intent import Context, Side
from bot.trading.limits import Ceilings, UserSettings, effective
from bot.trading.risk_gate import (
    ENTRY_OVERHEAD_LAMPORTS,
    EXIT_RESERVE_LAMPORTS,
    FROZEN,
    Admitted,
    Refused,
    RiskSnapshot,
    admit,
    entry_checks,
    kept_for_exits,
)
from bot.trading.roles import RoleLimits
from bot.trading.trading_state import OUTFLOW
from bot.trading.units import LAMPORTS_PER_SOL
from tests.trading.trading_samples import facts, request

SOL = LAMPORTS_PER_SOL
TENTH = SOL // 10

amounts = st.integers(0, 20 * SOL)
counts = st.integers(0, 60)
any_settings = st.builds(
    UserSettings,
    max_trade_lamports=amounts,
    max_position_lamports=amounts,
    daily_loss_limit_lamports=amounts,
    snipe_max_daily=counts,
)
any_facts = st.builds(
    RiskSnapshot,
    pause_causes=st.lists(st.sampled_from(["rpc", "database", "operator"]), max_size=2).map(tuple),
    settings=any_settings,
    ceilings=st.builds(Ceilings, amounts, amounts, counts),
    wallet_lamports=amounts,
    reserved_lamports=amounts,
    open_positions=counts,
    mint_cost_lamports=amounts,
    exposure_lamports=amounts,
    mint_in_flight=st.integers(0, 2),
    mint_sells_in_flight=st.integers(0, 1),
    mint_held_raw=st.integers(0, 10**15),
    loss_today_lamports=amounts,
    snipes_today=counts,
    user_positions=counts,
    strategy_positions=counts,
    strategy_spent_lamports=amounts,
)


NARROW = RoleLimits(max_position_lamports=SOL // 2, max_daily_loss_lamports=SOL // 2)
WIDE = (RoleLimits(), RoleLimits(), RoleLimits())
BY_ROLE = Ceilings(roles=(RoleLimits(max_trade_lamports=TENTH - 1), *WIDE))


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("in_flight", {"mint_in_flight": 1}),
        ("paused", {"pause_causes": ("rpc",)}),
        ("trade_floor", {"ceilings": Ceilings(min_trade_lamports=TENTH + 1)}),
        ("trade_size", {"settings": UserSettings(max_trade_lamports=TENTH - 1)}),
        ("trade_size", {"ceilings": Ceilings(max_trade_lamports=TENTH - 1)}),
        ("position_size", {"settings": UserSettings(max_position_lamports=TENTH - 1)}),
        ("position_size", {"ceilings": Ceilings(max_position_lamports=TENTH - 1)}),
        ("position_size", {"mint_cost_lamports": SOL - TENTH + 1}),
        ("trade_size", {"ceilings": BY_ROLE}),
        ("position_size", {"mint_cost_lamports": SOL // 2, "ceilings": replace(BY_ROLE, roles=(NARROW, *WIDE))}),
        ("exposure", {"exposure_lamports": 100 * SOL - TENTH + 1}),
        ("daily_loss", {"loss_today_lamports": 5 * SOL}),
        ("daily_loss", {"loss_today_lamports": SOL // 2, "ceilings": replace(BY_ROLE, roles=(NARROW, *WIDE))}),
        ("daily_loss", {"loss_today_lamports": SOL, "ceilings": Ceilings(max_daily_loss_lamports=SOL)}),
        ("daily_loss", {"loss_today_lamports": SOL, "settings": UserSettings(daily_loss_limit_lamports=SOL)}),
        ("snipes_today", {"snipes_today": 10}),
        ("open_positions", {"user_positions": 50}),
        ("open_positions", {"user_positions": 3, "settings": UserSettings(max_positions=3)}),
        ("open_positions", {"user_positions": 50, "settings": UserSettings(max_positions=90)}),
        ("strategy_positions", {"strategy_positions": 2, "settings": UserSettings(sniper_max_positions=2)}),
        (
            "strategy_spend",
            {
                "strategy_spent_lamports": SOL - TENTH + 1,
                "settings": UserSettings(sniper_daily_spend_lamports=SOL),
            },
        ),
        ("funds", {"wallet_lamports": 0}),
        ("funds", {"reserved_lamports": 10 * SOL}),
    ],
)
def test_each_rule_refuses_a_buy_with_its_own_code_and_a_reason(code: str, changed: dict[str, Any]) -> None:
    refused = admit(request(), facts(**changed))
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert refused.reason


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"settings": UserSettings(max_trade_lamports=TENTH, max_position_lamports=TENTH)},
        {"ceilings": Ceilings(max_trade_lamports=TENTH, max_position_lamports=TENTH)},
        {"mint_cost_lamports": SOL - TENTH},
        {"exposure_lamports": 100 * SOL - TENTH},
        {"exposure_lamports": 1_000 * SOL - TENTH, "settings": UserSettings(role="premium")},
        {"ceilings": BY_ROLE, "settings": UserSettings(role="premium")},
        {"loss_today_lamports": 5 * SOL - 1},
        {"snipes_today": 9},
        {"user_positions": 49},
        {"user_positions": 2, "settings": UserSettings(max_positions=3)},
        {"strategy_positions": 1, "settings": UserSettings(sniper_max_positions=2)},
        {"strategy_spent_lamports": SOL - TENTH, "settings": UserSettings(sniper_daily_spend_lamports=SOL)},
    ],
)
def test_a_buy_at_the_very_limit_is_admitted(changed: dict[str, Any]) -> None:
    assert admit(request(), facts(**changed)) == Admitted(TENTH + ENTRY_OVERHEAD_LAMPORTS)


def test_the_last_lamport_that_may_be_spent_is_exact() -> None:
    needed = TENTH + ENTRY_OVERHEAD_LAMPORTS + kept_for_exits(3) + 7
    known = facts(wallet_lamports=needed, open_positions=2, reserved_lamports=7)
    assert isinstance(admit(request(), known), Admitted)
    assert isinstance(admit(request(), replace(known, wallet_lamports=needed - 1)), Refused)


TIGHT = UserSettings(
    manual_max_trade_lamports=TENTH - 1,
    manual_max_positions=1,
    manual_daily_spend_lamports=TENTH - 1,
)


@pytest.mark.parametrize(
    ("context", "code"),
    [
        (Context.MANUAL_COMMAND, "trade_size"),
        (Context.SNIPER, None),
        (Context.AUTOMATED, None),
        (Context.COPY_TRADE, None),
    ],
)
def test_the_limits_of_a_strategy_bind_that_strategy_alone(context: Context, code: str | None) -> None:
    verdict = admit(request(context=context), facts(settings=TIGHT, strategy_positions=1))
    assert (verdict.code if isinstance(verdict, Refused) else None) == code
    looser = replace(TIGHT, manual_max_trade_lamports=None)
    verdict = admit(request(context=context), facts(settings=looser, strategy_positions=1))
    assert isinstance(verdict, Refused) == (context is Context.MANUAL_COMMAND)


def test_a_refusal_of_a_strategy_names_its_limit_and_how_to_change_it() -> None:
    by_hand = request(context=Context.MANUAL_COMMAND)
    reasons = []
    for settings in (
        UserSettings(manual_max_trade_lamports=TENTH - 1),
        UserSettings(manual_max_positions=1),
        UserSettings(manual_daily_spend_lamports=TENTH),
    ):
        refused = admit(by_hand, facts(settings=settings, strategy_positions=1, strategy_spent_lamports=1))
        assert isinstance(refused, Refused)
        reasons.append(refused.reason)
    assert reasons == [
        "0.1 SOL is above your limit per trade by hand of 0.099999999 SOL; give a smaller amount",
        "1 position bought by hand open, your limit is 1 (/settings manual_positions); sell something first",
        "0.100000001 SOL would be spent by hand today, above your limit of 0.1 SOL (/settings manual_spend); it opens again"
        " on your next day",
    ]


def test_the_number_of_snipes_limits_snipers_alone() -> None:
    assert isinstance(admit(request(context=Context.MANUAL_COMMAND), facts(snipes_today=99)), Admitted)


def test_a_refusal_names_whose_limit_it_was() -> None:
    mine = admit(request(), facts(settings=UserSettings(max_trade_lamports=1)))
    theirs = admit(request(), facts(ceilings=Ceilings(max_trade_lamports=1)))
    assert isinstance(mine, Refused)
    assert isinstance(theirs, Refused)
    assert "your limit per trade" in mine.reason
    assert "the operator's limit per trade" in theirs.reason
    his = admit(request(), facts(ceilings=BY_ROLE))
    assert isinstance(his, Refused)
    assert "your role's limit per trade (basic)" in his.reason


@given(user=amounts, ceiling=amounts, by_role=amounts | st.none())
def test_the_effective_limit_is_the_least(user: int, ceiling: int, by_role: int | None) -> None:
    limit = effective(user, ceiling, "limit", by_role=by_role)
    assert limit.value == min(user, ceiling, ceiling if by_role is None else by_role)
    assert limit.rule.startswith("your limit") is (limit.value == user)


@given(known=any_facts, share_bps=st.integers(1, 10_000))
def test_no_pause_and_no_limit_ever_stops_a_sale(known: RiskSnapshot, share_bps: int) -> None:
    verdict = admit(request(Side.SELL, share_bps=share_bps), known)
    if known.mint_sells_in_flight:
        assert isinstance(verdict, Refused)
        assert verdict.code == "in_flight"
    elif known.mint_held_raw == 0:
        assert isinstance(verdict, Refused)
        assert verdict.code == "nothing_to_sell"
    else:
        assert verdict == Admitted(0)


@given(known=any_facts, side=st.sampled_from((Side.BUY, Side.SELL)))
def test_a_frozen_wallet_neither_buys_nor_sells(known: RiskSnapshot, side: Side) -> None:
    verdict = admit(request(side), replace(known, pause_causes=(*known.pause_causes, OUTFLOW)))
    assert isinstance(verdict, Refused)
    assert verdict.code == FROZEN


@given(known=any_facts, spend=st.integers(1, 20 * SOL))
def test_the_gates_with_their_numbers_refuse_what_the_gate_refuses(known: RiskSnapshot, spend: int) -> None:
    known = replace(known, mint_in_flight=0, mint_sells_in_flight=0)
    looks = entry_checks(request(spend_lamports=spend), known)
    first = next((look.refused for look in looks if look.refused), None)
    verdict = admit(request(spend_lamports=spend), known)
    assert (first or verdict) == verdict
    for look in looks:
        if look.limit is None:
            assert look.refused is None
            continue
        below = look.gate == "least of a trade"
        at_limit = look.gate in {"loss today", "snipes today", "open positions", "positions by this way"}
        too_much = look.number >= look.limit if at_limit else look.number > look.limit
        fails = look.number < look.limit if below else too_much
        assert fails is (look.refused is not None) or look.gate == "snipes today", look


@given(known=any_facts, spend=st.integers(1, 20 * SOL))
def test_an_admitted_buy_keeps_every_limit(known: RiskSnapshot, spend: int) -> None:
    verdict = admit(request(spend_lamports=spend), known)
    if isinstance(verdict, Refused):
        return
    assert not known.pause_causes
    assert not known.mint_in_flight
    assert spend <= min(known.settings.max_trade_lamports, known.ceilings.max_trade_lamports)
    most = min(known.settings.max_position_lamports, known.ceilings.max_position_lamports)
    assert known.mint_cost_lamports + spend <= most
    assert known.exposure_lamports + spend <= 100 * SOL
    assert known.loss_today_lamports < known.settings.daily_loss_limit_lamports
    assert known.snipes_today < known.settings.snipe_max_daily
    assert known.open_positions < known.ceilings.max_open_positions
    exits = kept_for_exits(known.open_positions + 1)
    assert known.wallet_lamports - known.reserved_lamports - verdict.reserved_lamports >= exits


@given(known=any_facts, cause=st.sampled_from(["rpc", "operator"]))
def test_one_more_cause_never_opens_what_was_closed(known: RiskSnapshot, cause: str) -> None:
    paused = replace(known, pause_causes=(*known.pause_causes, cause))
    assert isinstance(admit(request(), paused), Refused)


@dataclass
class Wallet:
    """The books that the gate's facts are read from: money, buys on their way, and positions."""

    lamports: int
    moving: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def facts(self, mint: str) -> RiskSnapshot:
        return facts(
            settings=UserSettings(max_trade_lamports=20 * SOL, max_position_lamports=20 * SOL, snipe_max_daily=1_000),
            ceilings=Ceilings(max_trade_lamports=20 * SOL, max_position_lamports=20 * SOL),
            wallet_lamports=self.lamports,
            reserved_lamports=sum(self.moving.values()),
            open_positions=len(self.held | set(self.moving)),
            mint_in_flight=int(mint in self.moving),
        )


MINTS = st.sampled_from([f"mint-{number}" for number in range(8)])
steps = st.lists(st.tuples(st.sampled_from(["buy", "fill", "fail"]), MINTS, st.integers(1, 4 * SOL)), max_size=60)


@given(start=st.integers(0, 20 * SOL), steps=steps)
def test_whatever_was_admitted_the_wallet_can_pay_for_every_exit(start: int, steps: list[tuple[str, str, int]]) -> None:
    wallet = Wallet(start)
    for step, mint, spend in steps:
        if step == "buy":
            verdict = admit(request(mint=mint, spend_lamports=spend), wallet.facts(mint))
            if isinstance(verdict, Admitted):
                wallet.moving[mint] = verdict.reserved_lamports
        elif mint in wallet.moving:
            # At worst a buy takes everything that was reserved for it.
            reserved = wallet.moving.pop(mint)
            if step == "fill":
                wallet.lamports -= reserved
                wallet.held.add(mint)
        positions = len(wallet.held | set(wallet.moving))
        assert wallet.lamports - sum(wallet.moving.values()) >= positions * EXIT_RESERVE_LAMPORTS


def test_an_unproven_buy_does_not_keep_its_token_from_being_sold() -> None:
    known = facts(mint_in_flight=1, mint_held_raw=5)
    assert admit(request(Side.SELL, share_bps=10_000), known) == Admitted(0)
    assert isinstance(admit(request(), known), Refused)
