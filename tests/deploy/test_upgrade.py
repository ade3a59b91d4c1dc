"""The upgrade script from its first line to its last, before a service manager and releases that are played by shell scripts."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "deploy" / "upgrade.sh"
WITHIN_S = 30
PROGRAMS = ("sh", "flock", "readlink", "cmp", "install", "ln", "mv", "find", "grep", "head", "date", "timeout", "cat")

SYSTEMCTL = """\
echo "systemctl $*" >> calls
case "$*" in
    *MainPID*) cat pid ;;
    *ActiveState*) cat state ;;
    *ActiveEnterTimestamp*) echo @4000000000 ;;
    *vault*) exit 3 ;;
    is-active*) [ "$(cat state)" = active ] ;;
    restart*) readlink opt/trading-bot >> calls; . ./on_restart ;;
esac
"""
BOT = """\
cd "{machine}"
echo "bot $*" >> calls
case "$*" in
    hand-over) . ./on_hand_over ;;
    "doctor --help") echo --start ;;
    "status --json") cat status.json ;;
    status) echo OPEN ;;
esac
"""
TAKES_OVER = "echo 2 > pid"
REFUSES = "echo bot: the new program refuses to start >&2; exit 1"
ENDS = "echo 2 > pid; exit 1"
STOPPED = "echo inactive > state; echo 0 > pid; exit 3"
STARTS = "echo 3 > pid; echo active > state"


@dataclass(frozen=True, slots=True)
class Machine:
    """A folder that stands for the root of a machine on which release `old` runs as process 1, and `new` is built."""

    folder: Path

    def plays(self, name: str, text: str) -> None:
        """What happens at a hand-over, at a restart, or in each second of waiting."""
        (self.folder / name).write_text(text + "\n")

    def upgrade(self, version: str = "new", **streams: int) -> subprocess.CompletedProcess[str]:
        chosen = streams or {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run(
            ["sh", "upgrade.sh", version],
            cwd=self.folder,
            env={"PATH": str(self.folder / "bin")},
            text=True,
            timeout=WITHIN_S,
            check=False,
            **chosen,
        )

    @property
    def link(self) -> str:
        return (self.folder / "opt" / "trading-bot").readlink().name

    @property
    def restarts(self) -> list[str]:
        """The release that was linked at each restart of the bot."""
        calls = (self.folder / "calls").read_text().splitlines()
        return [Path(into).name for call, into in itertools.pairwise(calls) if "l restart" in call]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    text = SCRIPT.read_text(encoding="utf-8")
    for folder in ("opt", "etc", "var"):
        text = text.replace(f"/{folder}/", f"{tmp_path}/{folder}/")
        (tmp_path / folder).mkdir()
    (tmp_path / "upgrade.sh").write_text(text)
    (tmp_path / "etc" / "systemd" / "system").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in PROGRAMS:
        found = next(place for place in (Path("/usr/bin") / name, Path("/bin") / name) if place.exists())
        (tmp_path / "bin" / name).symlink_to(found)
    make(tmp_path / "bin" / "systemctl", f'cd "{tmp_path}"\n{SYSTEMCTL}')
    make(tmp_path / "bin" / "id", "echo 0")
    make(tmp_path / "bin" / "git", 'v=${4%^*}; case $v in old | new) echo "$v" ;; *) exit 1 ;; esac')
    make(tmp_path / "bin" / "journalctl", "echo its last words")
    make(tmp_path / "bin" / "sleep", f'cd "{tmp_path}"\n. ./on_sleep')
    for name in ("old", "new"):
        release = tmp_path / "opt" / "trading-bot-releases" / name
        for folder in ("deploy", "bot/storage/migrations", ".venv/bin"):
            (release / folder).mkdir(parents=True)
        (release / "deploy" / "trading-bot.service").write_text("[Service]\n")
        (release / "bot" / "storage" / "migrations" / "0001_first.sql").touch()
        (release / "bot" / "hand_over.py").touch()
        make(release / ".venv" / "bin" / "bot", BOT.format(machine=tmp_path))
        make(release / ".venv" / "bin" / "python", "")
        make(release / "deploy" / "as-unit.sh", "exit 1")
    (tmp_path / "etc" / "systemd" / "system" / "trading-bot.service").write_text("[Service]\n")
    (tmp_path / "opt" / "trading-bot").symlink_to(tmp_path / "opt" / "trading-bot-releases" / "old")
    (tmp_path / "pid").write_text("1\n")
    (tmp_path / "state").write_text("active\n")
    (tmp_path / "status.json").write_text('{\n  "state": "OPEN"\n}\n')
    played = Machine(tmp_path)
    for name, text in (("on_hand_over", TAKES_OVER), ("on_restart", STARTS), ("on_sleep", "")):
        played.plays(name, text)
    yield played


def make(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_version_that_takes_over_and_stays_is_what_runs(machine: Machine) -> None:
    done = machine.upgrade()
    assert (done.returncode, done.stderr, machine.link, machine.restarts) == (0, "", "new", [])
    assert done.stdout.splitlines()[-2:] == ["upgrade: new runs", "OPEN"]


def test_a_version_that_does_not_get_ready_leaves_the_old_one_alone(machine: Machine) -> None:
    machine.plays("on_hand_over", REFUSES)
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (1, "old", [])
    assert done.stderr.endswith(f"new did not become ready; {releases(machine)}/old was not stopped and runs on\n")


def test_a_version_that_ends_after_it_took_over_is_taken_back(machine: Machine) -> None:
    machine.plays("on_hand_over", ENDS)
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (1, "old", ["old"])
    assert "new does not watch positions; going back" in done.stderr and "old runs again" in done.stderr
    assert "positions were unwatched for at most " in done.stdout


@pytest.mark.parametrize("by_restart", [False, True])
def test_a_version_that_dies_some_seconds_after_it_was_ready_is_taken_back(
    machine: Machine, *, by_restart: bool
) -> None:
    if by_restart:
        (releases(machine) / "old" / "bot" / "hand_over.py").unlink()
        make(releases(machine) / "new" / "deploy" / "as-unit.sh", "")
    machine.plays("on_sleep", '[ "$(cat pid)" = 1 ] || echo 9 > pid')
    done = machine.upgrade()
    assert (done.returncode, machine.link) == (1, "old")
    assert machine.restarts == (["new", "old"] if by_restart else ["old"])
    assert "new ended within 10 s" in done.stderr and "old runs again" in done.stderr


def test_a_schema_that_the_old_version_does_not_know_keeps_the_new_one(machine: Machine) -> None:
    (releases(machine) / "new" / "bot" / "storage" / "migrations" / "0002_next.sql").touch()
    machine.plays("on_hand_over", ENDS)
    machine.plays("on_restart", f"case $(readlink opt/trading-bot) in */old) exit 1 ;; *) {STARTS} ;; esac")
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (1, "new", ["old", "new"])
    assert "once it has led, the way back to" in done.stdout
    assert done.stderr.endswith("old does not start on the schema of new, which runs again\n")


def test_a_bot_that_somebody_stops_meanwhile_stays_stopped(machine: Machine) -> None:
    machine.plays("on_hand_over", STOPPED)
    done = machine.upgrade()
    assert (done.returncode, machine.restarts) == (1, [])
    assert "the bot was stopped meanwhile, and nobody watches" in done.stderr


def test_a_second_upgrade_at_the_same_time_is_refused(machine: Machine) -> None:
    machine.plays("on_hand_over", f"{TAKES_OVER}; sh upgrade.sh old 2> second || :")
    assert machine.upgrade().returncode == 0
    assert (machine.folder / "second").read_text() == "upgrade: another upgrade is under way; wait for its end\n"


def test_signals_and_a_terminal_that_goes_away_do_not_end_it_half_way(machine: Machine) -> None:
    machine.plays("on_hand_over", f"for signal in INT HUP TERM PIPE; do kill -$signal $PPID; done; {TAKES_OVER}")
    reads, writes = os.pipe()
    os.close(reads)
    try:
        assert machine.upgrade(stdout=writes, stderr=writes).returncode == 0
    finally:
        os.close(writes)
    assert (machine.link, machine.restarts) == ("new", [])


def test_an_upgrade_that_was_killed_half_way_is_done_again(machine: Machine) -> None:
    old = releases(machine) / "old"
    with subprocess.Popen(["/bin/sleep", str(WITHIN_S)], cwd=old) as runs:
        try:
            (machine.folder / "pid").write_text(f"{runs.pid}\n")
            (machine.folder / "opt" / "trading-bot").unlink()
            (machine.folder / "opt" / "trading-bot").symlink_to(old.with_name("new"))
            assert machine.upgrade("old").stderr == "upgrade: old is what runs\n"
            assert machine.link == "old", "what runs is what the next start runs"
            (machine.folder / "opt" / "trading-bot").unlink()
            (machine.folder / "opt" / "trading-bot").symlink_to(old.with_name("new"))
            done = machine.upgrade()
        finally:
            runs.kill()
    assert (done.returncode, machine.link, machine.restarts) == (0, "new", [])


def test_a_disk_without_room_for_the_units_stops_nothing(machine: Machine) -> None:
    (releases(machine) / "new" / "deploy" / "trading-bot-web.service").write_text("[Unit]\n")
    (machine.folder / "bin" / "install").unlink()
    make(machine.folder / "bin" / "install", "echo install: No space left on device >&2; exit 1")
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (1, "old", [])
    assert "could not be installed; nothing was stopped" in done.stderr
    assert "bot hand-over" not in (machine.folder / "calls").read_text()


def test_a_standby_is_restarted_because_it_watches_nothing(machine: Machine) -> None:
    (machine.folder / "status.json").write_text('{\n  "state": "STARTING"\n}\n')
    make(releases(machine) / "new" / "deploy" / "as-unit.sh", "")
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (0, "new", ["new"])
    assert "by a restart, because it does not lead" in done.stdout


def test_a_version_that_would_refuse_a_start_is_not_restarted_into(machine: Machine) -> None:
    (releases(machine) / "new" / "deploy" / "trading-bot.service").write_text("[Unit]\n")
    done = machine.upgrade()
    assert (done.returncode, machine.link, machine.restarts) == (1, "old", [])
    assert "by a restart, because its unit is another one" in done.stdout
    assert done.stderr == "upgrade: new would not start; nothing was stopped\n"
    assert (machine.folder / "etc" / "systemd" / "system" / "trading-bot.service").read_text() == "[Service]\n"


def releases(machine: Machine) -> Path:
    return machine.folder / "opt" / "trading-bot-releases"
