"""The bot archives its database's log while it trades; its disk is lost, and the archive has every trade up to its end."""

from __future__ import annotations

import shutil
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest

from tests.backup.test_real_backup import follows_the_chain, key_file, sent_again_of_before
from tests.whole.real import BOT, FAST, POLL_S, ROOT, UNTIL_WITHIN_S, RealBot, clean_environment, real_bot
from tests.whole.real_directory import data_directory
from tests.whole.real_evidence import Row, rows_of_running
from tests.whole.test_real_standby import running_chain

TRADES = "select * from trades order by intent_id, side"
RECOVERED_WITHIN_S = 240.0  # a loaded machine is slow; a server is made from its files here
NOW_IN = "select pg_walfile_name(pg_current_wal_insert_lsn()) as segment"


@pytest.mark.slow
def test_a_lost_disk_loses_nothing_that_the_archive_has_and_nothing_is_sent_again() -> None:
    """Slow: a chain, two lives of a bot, and three PostgreSQL servers that are made anew."""
    with data_directory() as home, running_chain(home):
        key = key_file(home, "backup-1")
        away = home / "off-site"
        away.mkdir()
        offsite = home / "bring"
        offsite.write_text(f'#!/bin/sh\ncp "$1" "{away}/"\n')
        offsite.chmod(0o700)
        settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
        settings += f'[backup]\nkey_file = "{key}"\nfolder = "{home / "kept"}"\noffsite = "{offsite}"\n'
        settings += "archive = true\narchive_every_s = 2\n"
        with real_bot(settings) as first, real_bot(settings) as second:
            first.start()
            first.until_logged("base_backup", within_s=RECOVERED_WITHIN_S)
            first.until("a trade", lambda status: (status["trades_today"]["sells"] or 0) >= 1)
            trades = archived_trades(first, away)
            first.kill()
            (first.directory / "postgres").rename(home / "lost")  # its server may still be ending

            [base] = (home / "kept").glob("*.base")
            config = ("--config", str(second.directory / "bot.toml"))
            shutil.copy(first.directory / "master.key", second.directory / "master.key")
            proved = patient(second, "backup", "verify", *config)
            assert proved.returncode == 0 and "2 wallets, 2 opened" in proved.stdout, proved.stderr
            done = patient(second, "backup", "restore", str(base), *config)
            assert done.returncode == 0, done.stderr
            assert "a bot on them starts halted" in done.stdout
            second.start()
            status = second.until("halted, and books that follow the chain", partial(follows_the_chain, second, home))
            assert status["halt"]["cause"] == "restored" and status["level"] == 3
            kept = rows_of_running(second.directory, TRADES)
            assert [row for row in trades if row not in kept] == []
            assert sent_again_of_before(second) == []
            made = [e["side"] for e in second.this_life() if e["event"] in {"intent_planned", "attempt_signed"}]
            assert "buy" not in made
            second.until_logged("base_backup", within_s=RECOVERED_WITHIN_S)
            assert second.command("rearm").returncode == 0
            second.until("no halt", lambda status: status["halt"] is None)
            second.stop()


def archived_trades(bot: RealBot, away: Path) -> list[Row]:
    """The trades that are written down now, once the segment that they end in was brought away."""
    trades = rows_of_running(bot.directory, TRADES)
    [row] = rows_of_running(bot.directory, NOW_IN)
    deadline_s = time.monotonic() + UNTIL_WITHIN_S
    while not (away / f"{row['segment']}.sealed").exists():
        assert time.monotonic() < deadline_s, f"{row['segment']} was not brought away\n{bot.told()}"
        time.sleep(POLL_S)
    return trades


def patient(bot: RealBot, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that may make a whole server, to its end."""
    return subprocess.run(
        [*BOT, *arguments, "--data-dir", str(bot.directory)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RECOVERED_WITHIN_S,
        check=False,
    )
