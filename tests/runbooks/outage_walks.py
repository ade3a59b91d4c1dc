"""What an operator does when a service is away: the fault on the local chain, what he sees, what he types, and what good is.

Commands are read from the page; only what a page says in prose is said here once more.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.runbooks.papers import RUNBOOKS, Typed, commands
from tests.runbooks.walker import GOOD_WITHIN_S, Seen, Walker, paused_by
from tests.whole.real import processes_of

STALL_S = 4.0


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
            walk.alert("paused by database")  # which a second's pause is not worth
            walk.what_you_do()
            walk.clear()
            walk.good()


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
    walk.until("a stall in the log", lambda: any(event.get("kind") == "loop_stall" for event in walk.events()))
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
    walk.since = 0
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


def protocol_drift(walk: Walker) -> None:
    """The launchpad's own account reads as of another layout; what is held can be sold meanwhile."""
    fault, status, _ = walk.trial()
    walk.type(fault)
    walk.see("the cause drift, OPEN", lambda s: s["state"] == "OPEN" and paused_by("drift")(s))
    walk.alert("The program pumpfun is not as it was")
    assert "drift of program pumpfun" in walk.type(status)
    walk.clear()
    walk.alert("The program pumpfun is as it was", within_s=GOOD_WITHIN_S)
