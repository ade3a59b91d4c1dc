"""The gates of profile live: each fails alone, is named, and says its cure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.drills.records import KILL_SWITCH, RESTORE
from bot.live_gates import CONFIRMATION, LiveFacts, gates
from bot.profiles import MAINNET
from bot.trading.units import LAMPORTS_PER_SOL

TODAY = date(2026, 11, 21)
READY = LiveFacts(
    is_root=False,
    master_key_id="live-1",
    key_trouble="",
    hosts=frozenset({"one.example", "two.example"}),
    genesis_hash=MAINNET,
    genesis_trouble="",
    allowed=(77,),
    has_telegram=True,
    largest_lamports=LAMPORTS_PER_SOL,
    drilled_on={KILL_SWITCH: date(2026, 10, 22), RESTORE: TODAY},
    today=TODAY,
    began=None,
    confirmation=CONFIRMATION,
    has_signing_policy=True,
)


def test_where_everything_is_there_every_gate_holds() -> None:
    assert [gate.name for gate in gates(READY) if not gate.holds] == []


@pytest.mark.parametrize(
    ("name", "changed", "cure"),
    [
        ("root", {"is_root": True}, "user of its own"),
        ("master_key", {"master_key_id": None, "key_trouble": "no master key"}, "wallets.master_key_file"),
        ("own_key", {"master_key_id": "local-ab12"}, "make another key"),
        ("signing_policy", {"has_signing_policy": False}, "child or outside"),
        ("endpoints", {"hosts": frozenset({"one.example"})}, "two different hosts"),
        ("genesis", {"genesis_hash": "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"}, "endpoints of mainnet"),
        ("genesis", {"genesis_hash": None, "genesis_trouble": "nobody answers"}, "endpoints of mainnet"),
        ("allowlist", {"allowed": ()}, "live.allowed_telegram_ids"),
        ("telegram", {"has_telegram": False}, "telegram.token_file"),
        ("ceilings", {"largest_lamports": LAMPORTS_PER_SOL + 1}, "trading.max_trade_sol"),
        ("restore_drill", {"drilled_on": {KILL_SWITCH: TODAY, RESTORE: None}}, "bot drill restore --profile live"),
        (
            "kill_switch_drill",
            {"drilled_on": {KILL_SWITCH: None, RESTORE: TODAY}},
            "bot drill kill-switch --profile live",
        ),
        ("kill_switch_drill", {"drilled_on": {KILL_SWITCH: date(2026, 10, 21), RESTORE: TODAY}}, "counts for 30 days"),
        ("restore_drill", {"drilled_on": {KILL_SWITCH: TODAY, RESTORE: date(2026, 11, 22)}}, "bot drill restore"),
        ("confirmation", {"confirmation": "yes"}, CONFIRMATION),
    ],
)
def test_each_gate_fails_alone_and_names_its_cure(name: str, changed: dict[str, Any], cure: str) -> None:
    (failed,) = [gate for gate in gates(replace(READY, **changed)) if not gate.holds]
    assert failed.name == name
    assert failed.line.startswith(f"gate {name}: does not hold, ")
    assert cure in failed.line
    assert "\n" not in failed.line


def test_a_master_key_that_a_vault_by_itself_holds_is_not_looked_for_here() -> None:
    found = gates(replace(READY, master_key_id=None, key_is_outside=True))
    assert all(gate.holds for gate in found)
    (key,) = [gate for gate in found if gate.name == "master_key"]
    assert "a vault that runs by itself has it" in key.line


@pytest.mark.parametrize("drilled_on", [None, date(2026, 10, 1)])
def test_a_bot_that_ran_live_before_is_not_kept_from_its_positions_by_an_old_drill(drilled_on: date | None) -> None:
    old = {KILL_SWITCH: drilled_on, RESTORE: drilled_on}
    found = gates(replace(READY, drilled_on=old, began=date(2026, 11, 1)))
    assert all(gate.holds for gate in found)
    told = [gate for gate in found if gate.name.endswith("_drill")]
    assert len(told) == 2
    assert all("for each step of the ramp" in gate.line for gate in told)
