"""A small share of `make fuzz-vault` in every run of the suite, and the proof that it finds what it looks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from bot.trading.intent import Side
from bot.vault import guard, policy, withdrawals
from bot.vault.day_book import DayBook
from bot.vault.exports import Exports
from tests.vault.fuzz.robbery import Robbed, rob

REQUESTS = 2_000  # its wallet is frozen for the last 200
FOUND_WITHIN = 3_000


async def test_requests_of_somebody_who_holds_the_socket_move_no_value_outside_the_policy(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    seen = await rob(20_261_121, REQUESTS, tmp_path)
    assert seen["signed, and lands"] > 100, "else nothing was tried"
    assert seen["refused by policy"] > REQUESTS // 4
    assert min(seen["refused by key"], seen["refused by epoch"]) > 0
    assert seen["a Transfer that is answered"] > 0
    assert seen["a Sweep refused by policy"] > 0
    assert min(seen[f"a Transfer refused by {kind}"] for kind in ("key", "policy", "code")) > 0


@pytest.mark.parametrize("hole", ["_read_transfer", "_read_token_call", "_read_opening", "launchpad_trade"])
async def test_a_policy_with_a_hole_is_robbed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hole: str
) -> None:
    monkeypatch.setattr(policy, hole, lambda *_: (Side.SELL, 0))
    with pytest.RaisesGroup(Robbed, flatten_subgroups=True):
        await rob(1, FOUND_WITHIN, tmp_path)


async def test_a_vault_that_counts_no_fees_of_sweeps_is_robbed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard.SigningGuard, "charge_sweep", guard.SigningGuard.charge_withdrawal)
    with pytest.RaisesGroup(pytest.RaisesExc(Robbed, match="the sweeps of a day pay"), flatten_subgroups=True):
        await rob(1, REQUESTS, tmp_path)


async def test_a_vault_that_does_not_look_at_sweeps_is_robbed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outlay = policy.Outlay(policy.Kind.WITHDRAW, "", 0, 0)
    monkeypatch.setattr(withdrawals, "judge_sweep", lambda *_: outlay)
    with pytest.RaisesGroup(pytest.RaisesExc(Robbed, match="a sweep brings|rights to"), flatten_subgroups=True):
        await rob(1, 2 * FOUND_WITHIN, tmp_path)


async def test_a_vault_that_does_not_ask_when_a_key_was_wanted_is_robbed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Exports, "judge", lambda *_: None)
    with pytest.RaisesGroup(pytest.RaisesExc(Robbed, match="a key is handed out"), flatten_subgroups=True):
        await rob(1, 4 * FOUND_WITHIN, tmp_path)


async def test_a_vault_that_forgets_what_its_days_took_is_robbed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever can have it started again has a day's allowance each time."""
    monkeypatch.setattr(guard, "DayBook", lambda bounds, clock, path: DayBook(bounds, clock))
    with pytest.RaisesGroup(pytest.RaisesExc(Robbed, match="a day takes"), flatten_subgroups=True):
        await rob(1, FOUND_WITHIN, tmp_path)
