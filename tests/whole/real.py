"""The real bot on a data directory of its own: started as anybody starts it, watched through its doors, stopped, killed.

Nothing here waits for a length of time. A condition is asked for again and again until it holds, and a deadline only
ends a test that has failed already.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot import control
from bot.paths import control_socket
from tests.whole.real_directory import data_directory
from tests.whole.real_evidence import rows_of_running

ROOT = Path(__file__).parents[2]
BOT = (sys.executable, "-m", "bot")
# What the machine may say in its environment is not for a bot under test.
OURS = (
    "BOT_",
    "DATABASE_URL",
    "STATE_DIRECTORY",
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_",
    "PG",
)

PROGRAMS = ("python", "unshare", "postgres", "bot")

POLL_S = 0.05
STOP_WITHIN_S = 10.0  # the contract of an orderly stop
UNTIL_WITHIN_S = 60.0  # a loaded machine is slow; a condition that never comes is what this ends
COMMAND_WITHIN_S = 60.0

FAST = """\
[trading]
observe_s = 3
confirm_interval_s = 0.05
resend_interval_s = 0.3
audit_interval_s = 0.5
probe_interval_s = 0.1
[localnet]
slot_ms = 50
[demo]
max_hold_s = 2
"""

SHIPPED = ROOT / "supervision.toml"


def supervision_file(*, dwell_s: float, **services: dict[str, float | str]) -> str:
    """The shipped supervision.toml with this dwell time and these other keys of [dependency.NAME] in profile local."""
    general, _, _ = SHIPPED.read_text().partition("[profile.")
    keys: dict[str, dict[str, float | str]] = {
        "rpc": {"critical_after_s": 30},
        "database": {},
        "stream": {},
        "telegram": {},
    }
    lines = [general]
    for name, defaults in keys.items():
        values = {"dwell_s": dwell_s, **defaults, **services.get(name, {})}
        lines += [f"[profile.local.dependency.{name}]", *(f"{key} = {value!r}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


SOON_OPEN = supervision_file(dwell_s=0.2)

Status = dict[str, Any]
Event = dict[str, Any]


@dataclass(slots=True)
class RealBot:
    """One data directory and the bot that runs on it, if any.

    `settings` becomes its bot.toml, `supervision` the supervision.toml beside it, with which it is started.
    """

    directory: Path
    settings: str = FAST
    supervision: str = SOON_OPEN
    crashes_are_meant: bool = False  # while somebody makes actors crash; `forgive` ends it
    process: subprocess.Popen[bytes] | None = None
    _log_inode: int = 0
    _log_offset: int = 0
    _events: list[Event] = field(default_factory=list)
    _life_began: int = 0

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700, exist_ok=True)
        (self.directory / "bot.toml").write_text(self.settings)
        self.supervision_file.write_text(self.supervision)

    @property
    def supervision_file(self) -> Path:
        """What its tree and its outages follow; a test may write another one for the next life, or for a reload."""
        return self.directory / "supervision.toml"

    # --------------------------------------------------------------------------------------------------------- a life

    def start(self, *arguments: str, environment: dict[str, str] | None = None, program: Sequence[str] = BOT) -> None:
        """`bot run` with these further arguments; returns as soon as the process is there. `program` stands for `bot`."""
        assert self.process is None, "it runs already"
        self._life_began = len(self.log())
        with (self.directory / "console").open("ab") as console:
            self.process = subprocess.Popen(
                [
                    *program,
                    "run",
                    "--data-dir",
                    str(self.directory),
                    "--supervision",
                    str(self.supervision_file),
                    *arguments,
                ],
                cwd=ROOT,
                env=clean_environment() | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """A signal; the bot ends with exit code 0 within 10 s and leaves no process behind. No actor had crashed."""
        self._check_alive()
        assert self.process is not None
        started_s = time.monotonic()
        self.process.send_signal(by)
        try:
            code = self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not stop within {STOP_WITHIN_S:.0f} s\n{self.told()}") from None
        self.process = None
        assert code == 0, f"it ended with exit code {code}\n{self.told()}"
        left = processes_of(self.directory)
        assert not left, f"left running {time.monotonic() - started_s:.1f} s after {by.name}: {left}"

    def ended_by_itself(self, *, within_s: float) -> int | None:
        """Wait for the process to end; its exit code, negative for a signal, or None when it still runs after that."""
        assert self.process is not None
        try:
            code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL to a bot that runs, as the kernel ends a process that has no say in it."""
        self._check_alive()
        self._end()

    def _end(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_WITHIN_S)
        self.process = None

    def clear_away(self) -> None:
        """End whatever still runs on the directory, after a test that failed; no grace, nothing left."""
        if self.process is not None:
            self._end()
        deadline_s = time.monotonic() + STOP_WITHIN_S
        while left := processes_of(self.directory):
            assert time.monotonic() < deadline_s, f"cannot be ended: {left}"
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(POLL_S)

    # ------------------------------------------------------------------------------------------------------- watching

    def status(self) -> Status:
        """What `bot status --json` prints; raises control.NotRunning while nobody answers."""
        return control.ask(control_socket(self.directory), {"verb": "status"})

    def until(self, wanted: str, holds: Callable[[Status], Any], *, within_s: float = UNTIL_WITHIN_S) -> Status:
        """Ask for the status until `holds` says yes; the status that it said yes to. `wanted` is told on failure."""
        deadline_s = time.monotonic() + within_s
        status: Status = {}
        while time.monotonic() < deadline_s:
            self._check_alive()
            try:
                status = self.status()
            except control.NotRunning:
                status = {}
            if status and holds(status):
                self._keep(json.dumps(status))
                return status
            time.sleep(POLL_S)
        raise AssertionError(f"{wanted}: not within {within_s:.0f} s\n{json.dumps(status, indent=1)}\n{self.told()}")

    def until_open(self) -> Status:
        """Wait until entries are open for everybody."""
        return self.until(
            "open for entries",
            lambda status: status["state"] == "OPEN" and status["reconciled"] and not status["causes"],
        )

    def until_flat(self, *, within_s: float = UNTIL_WITHIN_S) -> Status:
        """Wait until no position is open, no order is on its way and no snipe run is without its end."""
        return self.until(
            "every position closed",
            lambda status: (
                status["positions"]["open"] == 0
                and not self.unresolved_intents()
                and not rows_of_running(self.directory, UNFINISHED_RUNS)
            ),
            within_s=within_s,
        )

    def until_logged(self, event: str, count: int = 1, *, within_s: float = UNTIL_WITHIN_S) -> None:
        """Wait until this life has logged `count` such events."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            if sum(one["event"] == event for one in self.this_life()) >= count:
                return
            self._check_alive()
            time.sleep(POLL_S / 10)
        raise AssertionError(f"{count} times {event} in the log: not within {within_s:.0f} s\n{self.told()}")

    def log(self) -> list[Event]:
        """Every event of the log so far, of all lives; a file that was set aside in between is read to its end first."""
        path = self.directory / "bot.log"
        if path.exists():
            inode = path.stat().st_ino
            if self._log_inode not in {0, inode}:
                self._read_events(path.with_name("bot.log.1"))
                self._log_offset = 0
            self._log_inode = inode
            self._read_events(path)
        return self._events

    def _read_events(self, path: Path) -> None:
        with path.open("rb") as file:
            file.seek(self._log_offset)
            for line in file.read().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    self._log_offset += len(line)
                    self._events.append(json.loads(line))

    def this_life(self) -> list[Event]:
        """The events of the life that runs, or that ended last."""
        return self.log()[self._life_began :]

    def unresolved_intents(self) -> dict[str, str]:
        """Intents of this life, adopted ones too, whose end the log does not tell yet, each with its last step.

        An order that one endpoint has landed may be told as sent a little later, when the other endpoint has answered.
        """
        steps: dict[str, str] = {}
        ended: set[str] = set()
        for event in self.this_life():
            if event["event"] in STEPS:
                steps[event["intent"]] = STEPS[event["event"]]
            elif event["event"] in ENDS:
                ended.add(event["intent"])
        return {intent: step for intent, step in steps.items() if intent not in ended}

    def told(self) -> str:
        """The end of the console and of the log, for the text of a failure."""
        parts = []
        for name in ("console", "bot.log"):
            path = self.directory / name
            lines = path.read_text(errors="replace").splitlines()[-15:] if path.exists() else ["(none)"]
            parts.append(f"--- {path}\n" + "\n".join(line[:500] for line in lines))
        return "\n".join(parts)

    def _check_alive(self) -> None:
        """The process runs, and no actor of the tree crashed: what these tests do to a bot is no reason to."""
        assert self.process is not None, "it does not run"
        assert self.process.poll() is None, f"it ended with {self.process.returncode}\n{self.told()}"
        for event in [] if self.crashes_are_meant else self.this_life():
            crashed = event["event"] == "supervision" and event["path"].startswith("root/")
            assert not crashed, f"{event['path']} {event['kind']}: {event['reason']}\n{self.told()}"

    def forgive(self) -> None:
        """What crashed so far was meant to; from here on no crash is, and what is asked of this life begins here."""
        self.crashes_are_meant = False
        self._life_began = len(self.log())

    # ---------------------------------------------------------------------------------------------------------- doors

    def command(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """`bot` with these arguments and this data directory, `text` on its standard input."""
        done = command(*arguments, "--data-dir", str(self.directory), text=text)
        self._keep(done.stdout + done.stderr)
        return done

    def _keep(self, said: str) -> None:
        """What its doors have said is looked through for secrets with everything else in the directory."""
        with (self.directory / "doors").open("a") as doors:
            doors.write(f"{said}\n")

    def say(self, speaker: str, *lines: str) -> list[str]:
        """Commands on the pipe of one `bot chat`; what came back, line by line."""
        done = self.command("chat", "--as", speaker, text="".join(f"{line}\n" for line in lines))
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def snipers_off(self) -> None:
        """Switch every demo user's sniper off through the chat."""
        for handle in ("demo-1", "demo-2"):
            assert self.say(handle, "/snipe_disable")[-1].startswith("The sniper is off")
        self.until("snipers off", lambda status: status["snipers"] == 0)


UNFINISHED_RUNS = "select id from snipe_runs where status in ('ANALYZED', 'MONITORING', 'EXECUTING', 'UNKNOWN')"
STEPS = {
    "intent_adopted": "adopted",
    "intent_planned": "planned",
    "attempt_signed": "signed",
    "attempt_sent": "sent",
    "send_failed": "sent",
    "intent_unknown": "unknown",
}
ENDS = (
    "snipe_filled",
    "buy_filled",
    "sell_filled",
    "intent_failed",
    "intent_expired",
    "intent_given_up",
    "intent_moved_on",
)


def clean_environment() -> dict[str, str]:
    """This process's environment without whatever would configure a bot."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def command(
    *arguments: str,
    text: str | None = None,
    environment: dict[str, str] | None = None,
    within_s: float = COMMAND_WITHIN_S,
) -> subprocess.CompletedProcess[str]:
    """One call of the command line, to its end."""
    return subprocess.run(
        [*BOT, *arguments],
        cwd=ROOT,
        env=clean_environment() | (environment or {}),
        input=text or "",
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )


def processes_of(directory: Path) -> dict[int, str]:
    """The bot, chain and database servers that run on a data directory, by process id, with how they were called.

    A server's own children rewrite their command line; they are known by the folder in which they work. Whoever merely
    looks at the directory, an editor or a shell, is none of them.
    """
    data = directory / "postgres" / "data"
    places = {os.fsencode(place) for place in (directory, directory / "localnet", data)}
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            called = (entry / "cmdline").read_bytes().split(b"\0")
            program = (entry / "comm").read_text()
            inside = (entry / "cwd").readlink() == data
        except OSError:
            continue
        if program.startswith(PROGRAMS) and (inside or not places.isdisjoint(called)):
            found[int(entry.name)] = os.fsdecode(b" ".join(called))[:200]
    return found


@contextmanager
def real_bot(settings: str = FAST, supervision: str = SOON_OPEN) -> Iterator[RealBot]:
    """A bot that is not started yet, on a directory of its own; whatever still runs there at the end is ended."""
    with data_directory() as directory:
        bot = RealBot(directory, settings, supervision)
        try:
            yield bot
        finally:
            bot.clear_away()
