"""What an operator does with each page, on a bot that trades: the fault, what he sees, what he types, and what good is.

Commands are read from the page; only what a page says in prose is said here once more. Pages whose fault this machine cannot
bring are named in `ELSEWHERE` with the tests that bring it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.runbooks.papers import RUNBOOKS, Typed, commands, try_it
from tests.whole.real import FAST, RealBot, Status, command, processes_of, supervision_file

HEARTBEAT = "heartbeat.url"
SETTINGS = FAST.replace(
    "[localnet]", '[vault]\nrun = "child"\n[model]\nfolder = "no-such-model"\n[localnet]\ndemo_fund_sol = 1000'
).replace("[demo]", "[demo]\nsnipe_sol = 0.02\nsnipe_max_daily = 1000000")
SUPERVISION = supervision_file(dwell_s=0.01)  # the least that is taken; it doubles with each relapse within an hour
SEEN_WITHIN_S = 90.0
GOOD_WITHIN_S = 150.0
POLL_S = 0.05
STALL_S = 4.0

# Pages that no walk is for, with what tries them.
ELSEWHERE = {
    "README": "tests/runbooks/test_runbook_commands.py",
    "emergency": "tests/whole/test_real_faults.py",
    "contacts": "tests/runbooks/test_runbook_commands.py",
    "daily": "tests/runbooks/test_runbook_commands.py",
    "weekly": "tests/runbooks/test_runbook_commands.py",
    "monthly": "tests/runbooks/test_runbook_commands.py",
    "quarterly": "tests/runbooks/test_runbook_commands.py",
    "backup": "tests/backup/test_real_backup.py",
    "crashed": "tests/service/test_troubles.py",
    "day-loss": "tests/whole/test_breaker.py",
    "exit-fees": "tests/whole/test_operator_alerts.py",
    "exits": "tests/whole/test_every_position_is_watched.py",
    "frozen": "tests/whole/test_real_chat.py",
    "going-live": "tests/profiles/test_live_gates.py",
    "jupiter": "tests/whole/test_routed_positions.py",
    "ledger": "tests/whole/test_outside_trades.py",
    "protocol-drift": "tests/whole/test_protocol_drift.py",
    "quarantined": "tests/whole/test_supervision_by_hand.py",
    "standby": "tests/whole/test_real_standby.py",
    "telegram": "tests/whole/test_real_telegram.py",
    "watching": "tests/service/test_heartbeat.py",
}

Seen = Callable[[Status], Any]


@dataclass(slots=True)
class Walker:
    """One page and the bot that it is tried on."""

    bot: RealBot
    page: str
    typed: int = 0
    told: str = "no alert belongs to it"
    _since: int = field(init=False)

    def __post_init__(self) -> None:
        self._since = len(self.bot.log())

    def type(self, typed: Typed) -> str:
        """The command as the page has it; what it printed. It ends well."""
        done = command("--data-dir", str(self.bot.directory), *typed.words)
        self.typed += 1
        assert done.returncode == 0, f"{typed}: exit code {done.returncode}: {done.stderr.strip()}"
        return done.stdout

    def what_you_do(self) -> None:
        """Every command on a line of its own before the page's "Try it" that only asks, in order."""
        page = RUNBOOKS / f"{self.page}.md"
        text = page.read_text("utf-8")
        end = text[: text.index("## Try it")].count("\n") if "## Try it" in text else len(text)
        for typed in commands(page):
            asks = typed.words[0] in {"status", "top"} or typed.words[:2] in {
                ("supervisor", "status"),
                ("localnet", "status"),
                ("config", "get"),
            }
            if typed.whole and typed.line <= end and asks and not {"--watch", "top"} & set(typed.words):
                self.type(typed)

    def trial(self) -> Iterable[Typed]:
        """The commands of "Try it"."""
        return try_it(f"{self.page}.md")

    def see(self, wanted: str, seen: Seen) -> Status:
        """What the page says one sees."""
        return self.bot.until(wanted, seen, within_s=SEEN_WITHIN_S)

    def alert(self, words: str = "") -> None:
        """An alert of this page, with these words, has come since the walk began."""
        deadline_s = time.monotonic() + SEEN_WITHIN_S
        while time.monotonic() < deadline_s:
            for event in self.bot.log()[self._since :]:
                if (
                    event["event"] == "operator_alert"
                    and event["page"] == f"runbooks/{self.page}.md"
                    and words in event["text"]
                ):
                    self.told = f"told “{' '.join(event['text'].split())[:70]}”"
                    return
            time.sleep(POLL_S)
        raise AssertionError(f"no alert with {words!r} that names runbooks/{self.page}.md within {SEEN_WITHIN_S:.0f} s")

    def clear(self) -> None:
        """End every fault, as the page says."""
        assert self.bot.command("localnet", "clear").returncode == 0
        self.typed += 1

    def good(self) -> None:
        """What every page of an outage calls good."""
        self.bot.until(
            "OPEN, level 1, without causes, nothing unproven",
            lambda status: status["state"] == "OPEN" and not status["causes"] and not status["positions"]["unknown"],
            within_s=GOOD_WITHIN_S,
        )
        deadline_s = time.monotonic() + SEEN_WITHIN_S
        while not (told := self.bot.command("supervisor", "status").stdout).startswith("Everything runs"):
            assert time.monotonic() < deadline_s, told.splitlines()[0]


def paused_by(cause: str) -> Seen:
    return lambda status: any(one["cause"] == cause for one in status["causes"])


def endpoint(name_end: str, state: str) -> Seen:
    """The endpoint that the chain calls rpc-N is the Nth in the list."""
    number = int(name_end.rpartition("-")[2]) - 1
    return lambda status: status["services"]["rpc"]["endpoints"][number]["state"] == state


def no_rpc(walk: Walker) -> None:
    one_away, _, all_away, *_ = walk.trial()
    walk.type(one_away)
    walk.see(
        "OPEN with one of two endpoints", lambda s: s["state"] == "OPEN" and "1 of 2" in s["services"]["rpc"]["detail"]
    )
    walk.type(all_away)
    walk.see("PAUSED by rpc", lambda s: s["state"] == "PAUSED" and paused_by("rpc")(s))
    walk.alert("paused by rpc")
    walk.what_you_do()
    walk.clear()


def stream(walk: Walker) -> None:
    walk.type(next(iter(walk.trial())))
    walk.see("PAUSED by stream", paused_by("stream"))
    walk.alert("paused by stream")
    walk.what_you_do()
    walk.clear()


def database(walk: Walker) -> None:
    for typed in walk.trial():
        if typed.words[:2] == ("localnet", "fault"):
            walk.type(typed)
            walk.see("PAUSED by database", lambda s: s["state"] == "PAUSED" and paused_by("database")(s))
            walk.what_you_do()
            walk.clear()
            walk.good()
    walk.alert("paused by database")


def endpoints(walk: Walker) -> None:
    for typed, state in zip(
        (typed for typed in walk.trial() if typed.words[:2] == ("localnet", "fault")),
        ("blind", "refused", "behind"),
        strict=True,
    ):
        walk.type(typed)
        walk.see(f"rpc-2 {state}", endpoint("rpc-2", state))
        walk.clear()
        walk.see("rpc-2 up", endpoint("rpc-2", "up"))
    walk.alert()


def block_engine(walk: Walker) -> None:
    walk.type(next(iter(walk.trial())))
    walk.see("engine down, OPEN", lambda s: s["services"]["engine"]["health"] == "down" and s["state"] == "OPEN")
    walk.alert("No block engine answers")
    walk.clear()
    walk.alert("The block engine answers again")


def halted(walk: Walker) -> None:
    flatten, status, rearm = walk.trial()
    walk.type(flatten)
    walk.see("HALTED", lambda s: s["state"] == "HALTED")
    walk.alert()
    assert "HALTED, level 3" in walk.type(status)
    walk.what_you_do()
    walk.type(rearm)
    walk.good()
    assert not (walk.bot.directory / "halt.json").exists()


def operator(walk: Walker) -> None:
    """The first page: an operator's pause."""
    pause, resume = [
        typed for typed in commands(RUNBOOKS / "README.md") if typed.whole and typed.words[0] in {"pause", "resume"}
    ]
    walk.type(pause)
    walk.see("PAUSED by operator", paused_by("operator"))
    walk.type(resume)


def finality(walk: Walker) -> None:
    walk.bot.until_logged("buy_filled" if not walk.bot.status()["snipers"] else "snipe_filled")
    done = walk.bot.command("localnet", "fault", "fork", "--slots", "32", "--lost-percent", "100")
    assert done.returncode == 0, done.stderr
    walk.alert("taken back by the network")
    walk.what_you_do()


def loop_stalled(walk: Walker) -> None:
    """A process that gets no processor: the kernel is asked to hold it, and to let it go."""
    assert walk.bot.process is not None
    pid = walk.bot.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(STALL_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    deadline_s = time.monotonic() + SEEN_WITHIN_S
    while not any(event.get("kind") == "loop_stall" for event in walk.bot.log()[walk._since :]):
        assert time.monotonic() < deadline_s, "the log tells of no stall"
        time.sleep(POLL_S)
    walk.told = "the log has it"


def vault(walk: Walker) -> None:
    """The process that signs stands still, and is ended then."""
    [pid] = [pid for pid, called in processes_of(walk.bot.directory).items() if " vault " in called]
    os.kill(pid, signal.SIGSTOP)
    walk.see("PAUSED by vault", paused_by("vault"))
    walk.alert()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def settings_file(walk: Walker) -> None:
    file = walk.bot.directory / "bot.toml"
    good = file.read_text()
    file.write_text(good + "\n[trading]\nnonsense = 1\n")
    try:
        walk.alert("is not taken")
        walk.what_you_do()
    finally:
        file.write_text(good)
    walk.alert("taken")


def recording(walk: Walker) -> None:
    """The folder of the recording is no folder any more."""
    folder, kept = walk.bot.directory / "recordings", walk.bot.directory / "recordings.kept"
    folder.rename(kept)
    folder.write_text("")
    try:
        walk.alert("does not go on")
    finally:
        folder.unlink()
        kept.rename(folder)
    walk.alert("goes on")


def model(walk: Walker) -> None:
    """The bot was started with a model that is not there."""
    walk._since = 0
    walk.alert("The model of entries is not used")


def supervision(walk: Walker) -> None:
    """Every verb of the page, on a copy of the shipped file."""
    other = Path("other.toml")
    copy = walk.bot.directory / other
    copy.write_text(walk.bot.supervision_file.read_text())
    for typed in commands(RUNBOOKS / "supervision.md"):
        if not typed.whole or "--watch" in typed.words or "--replay" in typed.words:
            continue
        words = tuple(str(copy) if word == other.name else word.replace("HANDLE", "demo-1") for word in typed.words)
        if words[1] == "release":
            continue  # nobody is quarantined
        walk.type(Typed(typed.paper, typed.line, words, whole=True))


# In this order, because an alert about one thing is told once a minute: without the chain the stream is away as well.
WALKS: dict[str, Callable[[Walker], None]] = {
    "model": model,
    "README-pause": operator,
    "stream": stream,
    "no-rpc": no_rpc,
    "database": database,
    "endpoints": endpoints,
    "block-engine": block_engine,
    "finality": finality,
    "vault": vault,
    "loop-stalled": loop_stalled,
    "settings-file": settings_file,
    "recording": recording,
    "supervision": supervision,
    "halted": halted,
}
WALKED = {"README" if page == "README-pause" else page for page in WALKS}
