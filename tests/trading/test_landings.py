"""Which records of a landed transaction agree, and what one endpoint alone may settle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.chain.evidence import agreed_on
from bot.execution.landings import LONE_READS, UNDENIED_READS, is_enough_alone
from bot.trading.fill import LandedTransaction, TradeEvidence

BOUGHT = LandedTransaction(
    signature="s",
    slot=100,
    block_time_s=1_000,
    error=None,
    program_error=None,
    network_fee_lamports=5_000,
    wallet_delta_lamports=-1_015_000,
    token_delta_raw=500,
    rent_delta_lamports=0,
    trade=TradeEvidence(True, 500, 1_000_000, 9_000, 1_000),
    compute_units=70_000,
)
FAILED = replace(BOUGHT, error="{}", wallet_delta_lamports=-5_000, token_delta_raw=0, trade=None)


def test_records_agree_though_one_lacks_time_units_or_events() -> None:
    poor = replace(BOUGHT, block_time_s=0, compute_units=None, trade=None)
    assert agreed_on(poor, BOUGHT) == replace(BOUGHT)
    assert agreed_on(BOUGHT, poor) == BOUGHT


@pytest.mark.parametrize(
    "other",
    [
        FAILED,
        replace(BOUGHT, slot=101),
        replace(BOUGHT, token_delta_raw=250),
        replace(BOUGHT, wallet_delta_lamports=-1),
        replace(BOUGHT, rent_delta_lamports=1),
        replace(BOUGHT, trade=TradeEvidence(True, 500, 900_000, 9_000, 1_000)),
    ],
)
def test_records_of_another_slot_outcome_or_balance_contradict_each_other(other: LandedTransaction) -> None:
    assert agreed_on(BOUGHT, other) is None
    assert agreed_on(other, BOUGHT) is None


def test_events_that_do_not_explain_the_balances_of_both_do_not_count() -> None:
    silent = replace(BOUGHT, trade=None)
    told = replace(BOUGHT, trade=TradeEvidence(True, 499, 1_000_000, 9_000, 1_000))
    assert agreed_on(silent, told) is None


def test_one_endpoint_alone_settles_a_sale_at_once_a_buy_later_and_never_fails_a_buy() -> None:
    assert is_enough_alone(BOUGHT, is_buy=False, reads=1)
    assert not is_enough_alone(replace(BOUGHT, denied=True), is_buy=False, reads=1)
    assert not is_enough_alone(FAILED, is_buy=False, reads=1)
    assert is_enough_alone(FAILED, is_buy=False, reads=LONE_READS)
    assert not is_enough_alone(BOUGHT, is_buy=True, reads=1)
    assert is_enough_alone(BOUGHT, is_buy=True, reads=UNDENIED_READS)
    assert not is_enough_alone(replace(BOUGHT, denied=True), is_buy=True, reads=UNDENIED_READS)
    assert is_enough_alone(replace(BOUGHT, denied=True), is_buy=True, reads=LONE_READS)
    assert not is_enough_alone(FAILED, is_buy=True, reads=10 * LONE_READS)
