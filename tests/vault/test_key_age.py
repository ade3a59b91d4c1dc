"""The age of the master key: noted on the first day, told by `bot keys`, and a quarter later once a week to operators."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bot.clock import day_start_ms, virtual_clock
from bot.errors import StartupError
from bot.execution.alerts import Alert
from bot.key_age import KEYS_FILE, KeyAge, keep_reminding
from bot.trading.runbooks import VAULT
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.vault.vault_samples import guard

DAY_MS = 86_400_000
EPOCH_MS = day_start_ms("2026-11-18")


def age_on(directory: Path, day: int) -> KeyAge:
    return KeyAge(directory, virtual_clock(lambda: 0.0, epoch_ms=EPOCH_MS + day * DAY_MS, seed=1))


def test_a_key_is_as_old_as_the_day_on_which_it_was_first_met(tmp_path: Path) -> None:
    assert age_on(tmp_path, 0).days("prod-1") == 0
    assert age_on(tmp_path, 89).days("prod-1") == 89
    assert not age_on(tmp_path, 89).is_old("prod-1")
    assert age_on(tmp_path, 90).is_old("prod-1")
    assert age_on(tmp_path, 90).days("prod-2") == 0
    assert not age_on(tmp_path, 90).is_old("prod-2")
    assert age_on(tmp_path, 90).since("prod-1") == date(2026, 11, 18)


def test_a_key_of_profile_local_guards_play_money_and_is_never_old(tmp_path: Path) -> None:
    age_on(tmp_path, 0).since("local-ab12")
    assert not age_on(tmp_path, 900).is_old("local-ab12")


def test_days_that_cannot_be_read_are_named_with_their_file(tmp_path: Path) -> None:
    (tmp_path / KEYS_FILE).write_text("{")
    with pytest.raises(StartupError, match=r"master_keys\.json: cannot be read as the days of master keys"):
        age_on(tmp_path, 0).since("prod-1")


async def test_operators_hear_of_an_old_key_once_a_week_and_not_again_after_it_was_changed(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    age = KeyAge(tmp_path, clock)
    told: list[tuple[int, Alert]] = []

    def hear(alert: Alert) -> None:
        told.append(((clock.now_ms() - EPOCH_MS) // DAY_MS, alert))

    with trio.move_on_after(100 * 86_400):
        await keep_reminding(age, LocalVault(MasterKey("prod-1", bytes(32)), guard()), hear)
    assert [day for day, _ in told] == [90, 97]
    assert {(alert.page, alert.urgent) for _, alert in told} == {(VAULT, False)}
    assert "Master key prod-1 has been in use since 2026-11-18, 90 days" in told[0][1].text
    with trio.move_on_after(30 * 86_400):
        await keep_reminding(age, LocalVault(MasterKey("prod-2", bytes(32)), guard()), hear)
    assert len(told) == 2
