"""Drills leave records; profile live takes no step of its ramp without fresh ones, and starts all the same."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bot.cli import main
from bot.clock import Clock, day_of, virtual_clock
from bot.drills.records import FAILOVER, KILL_SWITCH, RESTORE, Drill, Step, keep, kept, last_passed, missing
from bot.execution.alerts import Alert
from bot.live_gates import policy_of
from bot.ramp import LIVE_FILE, LiveFile
from bot.ramp_news import RampNews, keep_telling
from bot.start import read_options
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.real_directory import data_directory

AT = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
STEPS = (Step("bot flatten --yes", "the halt is latched", 210),)


def drill(kind: str, *, profile: str = "live", days_ago: int = 0, trouble: str = "") -> Drill:
    return Drill(kind, profile, AT - timedelta(days=days_ago), 41_200, STEPS, trouble)


def test_records_are_kept_by_their_day_and_what_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    file = keep(tmp_path, drill(KILL_SWITCH, days_ago=40))
    keep(tmp_path, drill(KILL_SWITCH, days_ago=31))
    keep(tmp_path, drill(KILL_SWITCH, trouble="it was sold by nobody"))
    keep(tmp_path, drill(KILL_SWITCH, profile="local", days_ago=1))
    assert file.name == "20261013T101500Z-kill-switch.json"
    (tmp_path / "drills" / "20261122T101500Z-restore.json").write_text('{"kind": "restore"')
    (tmp_path / "drills" / "20261121T101500Z-restore.json").write_text(
        json.dumps(
            {
                "kind": "restore",
                "profile": "live",
                "at": "2026-11-21T10:15:00",
                "took_ms": 1,
                "steps": [],
                "trouble": "",
            }
        )
    )
    drills = kept(tmp_path)
    assert [one.at for one in drills] == sorted((one.at for one in drills), reverse=True)
    assert (len(drills), last_passed(drills, KILL_SWITCH, "live")) == (4, date(2026, 10, 22))
    assert last_passed(drills, RESTORE, "live") is None
    lacking = missing(tmp_path, "live", AT.date())
    assert lacking == [
        "no kill-switch drill in the last 30 days (the last was passed on 2026-10-22), run bot drill kill-switch --profile live",
        "no restore drill in the last 30 days (none is recorded), run bot drill restore --profile live",
    ]
    keep(tmp_path, drill(KILL_SWITCH, days_ago=30))
    keep(tmp_path, drill(RESTORE))
    assert missing(tmp_path, "live", AT.date()) == []


def started(directory: Path, day: int) -> tuple[int, list[str]]:
    """A start of profile live on this day of its life: the most of a trade, in lamports, and what is said."""
    clock: Clock = virtual_clock(lambda: 0.0, epoch_ms=round((AT + timedelta(days=day)).timestamp() * 1000), seed=1)
    file = directory / "given.toml"
    file.write_text('[trading]\nmax_trade_sol = "1"\n[rpc]\nurls = ["http://127.0.0.1:1", "http://localhost:1"]\n')
    asked = argparse.Namespace(config=str(file), supervision=None, market=None, profile="live", speed=1.0)
    said: list[str] = []
    return policy_of(read_options(asked, directory), clock, said.append).ceilings.max_trade_lamports, said


def test_a_step_of_the_ramp_without_drills_is_refused_with_what_to_run_and_the_bot_starts_on_its_old_share(
    tmp_path: Path,
) -> None:
    assert started(tmp_path, 0)[0] == LAMPORTS_PER_SOL // 10
    keep(tmp_path, drill(KILL_SWITCH, days_ago=-5))
    most, said = started(tmp_path, 7)
    assert most == LAMPORTS_PER_SOL // 10
    assert said[-1] == (
        "the step to 35 % is refused: no restore drill in the last 30 days (none is recorded), run bot drill restore --profile"
        " live; then start again"
    )
    keep(tmp_path, drill(RESTORE, days_ago=-7))
    most, said = started(tmp_path, 7)
    assert (most, len(said)) == (LAMPORTS_PER_SOL * 35 // 100, 1)


async def test_operators_hear_that_a_step_is_refused_once_a_week_and_that_it_may_be_taken(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """A bot that goes on running comes to its second week without a start."""
    began_ms = round(AT.timestamp() * 1000)
    clock = virtual_clock(trio.current_time, epoch_ms=began_ms, seed=1)
    LiveFile(tmp_path / LIVE_FILE).climb(AT.date(), may_step=True)
    keep(tmp_path, drill(KILL_SWITCH, days_ago=-5))
    heard: list[tuple[int, Alert]] = []

    def hear(alert: Alert) -> None:
        heard.append(((clock.now_ms() - began_ms) // 86_400_000, alert))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_telling, RampNews(tmp_path, clock), hear)
        await trio.sleep(15 * 86_400)
        [(first, alert), (again, _)] = heard
        assert (first, again) == (6, 13), "a step is due by the date, which turns at midnight"
        assert alert.text.startswith(
            "The step to 35 % of the ceilings is refused: no restore drill in the last 30 days (none is recorded), run bot drill"
            " restore --profile live. Nothing is paused; "
        )
        assert alert.page == "runbooks/drills.md"
        keep(tmp_path, drill(RESTORE, days_ago=-15))
        await trio.sleep(2 * 3_600)
        assert heard[-1][1].text == (
            "The drills are passed: the next start, or change of settings, takes the step to 35 % of the ceilings."
        )
        LiveFile(tmp_path / LIVE_FILE).climb(date.fromisoformat(day_of(clock.now_ms())), may_step=True)
        await trio.sleep(5 * 86_400)
        assert len(heard) == 3
        nursery.cancel_scope.cancel()


def test_a_restore_drill_of_a_bot_that_makes_no_backups_is_not_passed_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    file = tmp_path / "given.toml"
    file.write_text('[rpc]\nurls = ["http://127.0.0.1:1", "http://localhost:1"]\n')
    tmp_path.chmod(0o700)
    given = ["--profile", "live", "--config", str(file), "--data-dir", str(tmp_path)]
    assert main(["drill", "restore", *given]) == 1
    assert "not passed: backup.key_file names no key" in capsys.readouterr().out
    assert list(scratch.iterdir()) == [], "nothing was left that somebody could look at"
    assert main(["drill", "--json", *given]) == 0
    [record] = json.loads(capsys.readouterr().out)["drills"]
    assert (record["kind"], record["steps"][0]["saw"][:15], bool(record["trouble"])) == (
        "restore",
        "backup.key_file",
        True,
    )
    assert main(["drill", *given]) == 0
    listed = capsys.readouterr().out
    assert all(
        f"{kind} was never passed: bot drill {kind} --profile live" in listed
        for kind in (KILL_SWITCH, RESTORE, FAILOVER)
    )


@pytest.mark.slow
def test_the_kill_switch_is_rehearsed_on_a_scratch_bot_that_leaves_nothing_but_its_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow: two lives of a real bot on a chain of its own, which has to hold something first."""
    with data_directory() as home:
        scratch = home / "scratch"
        scratch.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(scratch))
        code = main(["drill", "kill-switch", "--data-dir", str(home)])
        told = capsys.readouterr().out
        assert code == 0, told
        assert "refused: [live] Not done: entries are paused (halt)" in told
        [passed] = kept(home)
        assert passed.passed and len(passed.steps) == 6
        assert list(scratch.iterdir()) == []
