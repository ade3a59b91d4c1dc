"""A bot under a played systemd hands over to another start of the installed program, twice, while positions are open."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import trio

from bot.hand_over_cli import GAP_WITHIN_S, LEADS_WITHIN_S, READY_WITHIN_S
from bot.standby import RESIGN_WITHIN_S
from bot.storage.address import DatabaseAddress
from tests.storage.server_thread import run_sql, running_server
from tests.whole.audit import findings
from tests.whole.real import FAST, POLL_S, STOP_WITHIN_S, UNTIL_WITHIN_S, Event, RealBot, command, real_bot
from tests.whole.real_directory import data_directory
from tests.whole.real_evidence import read_books_at, read_evidence
from tests.whole.test_real_service import PlayedSystemd, played_systemd
from tests.whole.test_real_standby import running_chain

WATCHDOG_USEC = "3000000"
LAUNCHES = 2_000  # there are some to buy for a quarter of an hour, on a machine with much else to do
HANDS_OVER_WITHIN_S = READY_WITHIN_S + LEADS_WITHIN_S + GAP_WITHIN_S  # the verb's own patience
SLACK_S = 1.0  # of the question for the lease
TOLD = re.compile(r"process (\d+) leads; positions were unwatched for: ([0-9.]+) s; watched before: (\d+), now: (\d+)")


@dataclass(frozen=True, slots=True)
class Gap:
    """When the old one stopped its monitors and when the new one had the lease, in seconds since 1970."""

    let_go_s: float
    led_s: float


@dataclass(slots=True)
class Adopted:
    """A process that is not ours: what `RealBot` asks of one. Its exit code is nobody's to know here."""

    pid: int

    def poll(self) -> int | None:
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return 0
        return 0 if state == "Z" else None

    def wait(self, within_s: float) -> int:
        until_s = time.monotonic() + within_s
        while self.poll() is None:
            assert time.monotonic() < until_s, f"process {self.pid} did not end within {within_s:.0f} s"
            time.sleep(POLL_S)
        return 0

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def hand_over(bot: RealBot) -> subprocess.CompletedProcess[str]:
    """The verb, which has more patience than others."""
    return command("hand-over", "--data-dir", str(bot.directory), within_s=HANDS_OVER_WITHIN_S)


def handed_over(bot: RealBot, systemd: PlayedSystemd) -> Gap:
    """Hand over to another process, which is the bot's from then on, and hold what was printed against the log of both."""
    before, heard = bot.process, len(bot.log())
    assert before is not None
    done = hand_over(bot)
    told = TOLD.search(done.stdout)
    assert (done.returncode, told is not None) == (0, True), (done, bot.told())
    assert told is not None
    assert before.wait(STOP_WITHIN_S) == 1 or isinstance(before, Adopted), "a failure, where systemd knows of no other"
    process = int(told[1])
    bot.process = Adopted(process)  # type: ignore[assignment]
    print(f"positions were unwatched for {told[2]} s")
    told_at = systemd.fields.index(f"MAINPID={process}")
    systemd.until_heard("the new one", lambda _: "STATUS=starting" in systemd.fields[told_at:])
    systemd.until_heard("its sign of life", lambda _: "WATCHDOG=1" in systemd.fields[told_at + 2 :])
    gap = true_gap(bot.log()[heard:], float(told[2]))
    bot.forgive()  # what the old one's stop had to cut on a machine with much else to do is no crash of the new one
    return gap


def true_gap(events: list[Event], printed_s: float) -> Gap:
    """The printed seconds held against when the old one let its positions go and the new one said that it has them.

    The new one counts from before it asked for the lease, and the old one's last question takes a moment too.
    """
    at_s = {event["event"]: moment_s(event) for event in events}
    let_go_s = next(moment_s(event) for event in events if event.get("phase") == "monitors")
    least_s, most_s = at_s["positions_unwatched"] - let_go_s, at_s["positions_unwatched"] - at_s["handing_over"]
    assert least_s - RESIGN_WITHIN_S <= printed_s <= most_s + SLACK_S, (printed_s, least_s, most_s)
    in_between = [event for event in events if let_go_s < moment_s(event) < at_s["lease_taken"]]
    assert not [event for event in in_between if event["event"] == "attempt_signed"]
    return Gap(let_go_s, at_s["lease_taken"])


def moment_s(event: Event) -> float:
    """Seconds since 1970 of an event of the log."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def open_across(database: DatabaseAddress, gap: Gap) -> int:
    """How many positions somebody had before a gap and somebody else has sold after it."""
    asked = "select id from positions where opened_at < to_timestamp({}) and closed_at > to_timestamp({})"
    return len(trio.run(run_sql, database, asked.format(gap.let_go_s, gap.led_s)))


def until_holding(bot: RealBot) -> None:
    """A start is waited for, and a purchase behind it."""
    bot.until("an open position", lambda status: status["positions"]["open"], within_s=2 * UNTIL_WITHIN_S)


@pytest.mark.slow
def test_another_process_takes_the_place_of_a_bot_with_open_positions_and_one_that_does_not_start_leaves_it_alone() -> (
    None
):
    """Slow: three starts of the bot, one of which comes to nothing, and the books of all held against the chain."""
    with data_directory() as home:
        with running_server(home / "pg") as database, running_chain(home, LAUNCHES):
            settings = FAST.replace("[localnet]\n", f'[localnet]\ndirectory = "{home / "localnet"}"\n')
            settings = settings.replace("max_hold_s = 2", "max_hold_s = 5")  # some are open whenever it is handed over
            with real_bot(settings) as bot, played_systemd(bot) as systemd:
                unit = {
                    "NOTIFY_SOCKET": str(systemd.path),
                    "WATCHDOG_USEC": WATCHDOG_USEC,
                    "DATABASE_URL": database.dsn,
                }
                bot.start(environment=unit)
                until_holding(bot)

                (bot.directory / "bot.toml").write_text(settings + "[no_such_section]\n")
                refused = hand_over(bot)
                (bot.directory / "bot.toml").write_text(settings)
                assert refused.returncode == 1
                assert refused.stderr.startswith("bot: the new program refuses to start: "), refused
                assert "no_such_section" in refused.stderr and refused.stderr.endswith("; this bot goes on\n")
                assert not [field for field in systemd.fields if field.startswith("MAINPID=")]
                assert bot.status()["state"] == "OPEN"

                gaps = []
                for _ in range(2):
                    until_holding(bot)
                    gaps.append(handed_over(bot, systemd))
                    bot.until("compared books", lambda status: status["reconciled"])
                assert "STOPPING=1" not in systemd.fields  # of those who handed over; systemd would end the unit

                bot.snipers_off()
                bot.until("flat", lambda status: status["positions"]["open"] == 0)
                assert all(open_across(database, gap) for gap in gaps)
                bot.stop()
                systemd.until_heard("stopping", lambda field: field == "STOPPING=1")
                books = trio.run(read_books_at, database)
        assert findings(books, read_evidence(home, [row["address"] for row in books.wallets])) == []
