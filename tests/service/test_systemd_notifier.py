"""What systemd is told, in virtual time: ready when it is, alive while everything moves, stopping when it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from actors.runtime import ChildSpec, Supervisor, SupervisorSpec, open_supervisor
from actors.systemd_notifier import BOOT_PATIENCE_S, SystemdNotifier

WATCHDOG_S = 30.0


@dataclass(slots=True)
class Unit:
    """Systemd's side of the socket, and what the bot would say of itself."""

    line: str = "OPEN, level 1"
    booted: bool = True
    hung: list[str] = field(default_factory=list)
    deaf: bool = False
    stopping: trio.Event = field(default_factory=trio.Event)
    heard: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def tell(self, *fields: str) -> None:
        if self.deaf:
            raise BlockingIOError("its queue is full")
        self.heard.append((trio.current_time(), fields))

    def times(self, wanted: str) -> list[float]:
        """When a field that begins like this was heard."""
        return [at_s for at_s, fields in self.heard if any(one.startswith(wanted) for one in fields)]

    def lines(self) -> list[str]:
        """The status lines in their order."""
        return [one.removeprefix("STATUS=") for _, fields in self.heard for one in fields if one.startswith("STATUS=")]

    @asynccontextmanager
    async def told(self, watchdog_s: float | None = WATCHDOG_S) -> AsyncIterator[Supervisor]:
        """A notifier that runs under a supervisor."""
        notifier = SystemdNotifier(
            tell=self.tell,
            line=lambda: self.line,
            booted=lambda: self.booted,
            hung=lambda: self.hung,
            stopping=self.stopping,
            watchdog_s=watchdog_s,
        )
        spec = SupervisorSpec("ops", "one_for_one", (ChildSpec("systemd_notifier", notifier.run),))
        async with open_supervisor(spec) as sup:
            yield sup


async def test_ready_once_booted_with_the_status_beside_it(autojump_clock: MockClock) -> None:
    unit = Unit(booted=False, line="STARTING, level 1")
    async with unit.told():
        await trio.sleep(5)
        assert unit.times("READY=1") == []
        unit.booted, unit.line = True, "OPEN, level 1"
        await trio.sleep(1)
    assert [fields for _, fields in unit.heard if "READY=1" in fields] == [("READY=1", "STATUS=OPEN, level 1")]


async def test_boot_that_takes_long_asks_for_time_and_is_ready_in_the_end(autojump_clock: MockClock) -> None:
    unit = Unit(booted=False, line="PAUSED, level 2; paused by reconcile")
    async with unit.told():
        await trio.sleep(2 * BOOT_PATIENCE_S)
    assert unit.times("READY=1") == [BOOT_PATIENCE_S]
    asked = [at_s for at_s in unit.times("EXTEND_TIMEOUT_USEC=15000000") if at_s <= BOOT_PATIENCE_S]
    assert len(asked) > BOOT_PATIENCE_S / 15
    assert unit.lines()[0] == "PAUSED, level 2; paused by reconcile"


async def test_sign_of_life_three_times_per_deadline_while_all_is_green(autojump_clock: MockClock) -> None:
    unit = Unit()
    async with unit.told():
        await trio.sleep(60.5)
    assert unit.times("WATCHDOG=1") == [0, 10, 20, 30, 40, 50, 60]


async def test_no_sign_of_life_while_something_hangs_and_the_log_says_what(autojump_clock: MockClock) -> None:
    unit = Unit()
    with capture_logs() as logs:
        async with unit.told():
            await trio.sleep(5)
            unit.hung = ["root/hunt/snipers/u1"]
            await trio.sleep(40.5)
            assert unit.times("WATCHDOG=1") == [0]
            unit.hung = []
            await trio.sleep(1)
            assert unit.times("WATCHDOG=1") == [0, 46]
    told = [(event["event"], event.get("hung", event.get("was"))) for event in logs]
    assert ("watchdog_not_petted", ("root/hunt/snipers/u1",)) in told
    assert ("watchdog_petted_again", ("root/hunt/snipers/u1",)) in told


async def test_no_sign_of_life_where_none_is_wanted(autojump_clock: MockClock) -> None:
    unit = Unit()
    async with unit.told(watchdog_s=None):
        await trio.sleep(600)
    assert unit.times("WATCHDOG=1") == []
    assert unit.times("READY=1") == [0]


async def test_status_line_is_told_when_it_changes_and_not_otherwise(autojump_clock: MockClock) -> None:
    unit = Unit()
    async with unit.told():
        await trio.sleep(100)
        unit.line = "PAUSED, level 2; paused by rpc"
        await trio.sleep(100)
    assert unit.lines() == ["OPEN, level 1", "PAUSED, level 2; paused by rpc"]


async def test_stop_is_told_at_once_with_its_phases_and_asks_for_time(autojump_clock: MockClock) -> None:
    unit = Unit()
    async with unit.told():
        await trio.sleep(3.3)
        unit.line = "stopping: in flight, 1 orders on their way"
        unit.stopping.set()
        await trio.sleep(1)
        unit.line = "stopping: ops"
        await trio.sleep(1)
    assert unit.times("STOPPING=1") == [3.3]
    assert len(unit.times("EXTEND_TIMEOUT_USEC=")) >= 4
    assert unit.lines()[-2:] == ["stopping: in flight, 1 orders on their way", "stopping: ops"]


async def test_stop_before_the_boot_is_over_never_says_ready(autojump_clock: MockClock) -> None:
    unit = Unit(booted=False)
    async with unit.told():
        await trio.sleep(1.1)
        unit.stopping.set()
        await trio.sleep(1)
    assert unit.times("READY=1") == []
    assert unit.times("STOPPING=1") == [1.1]


async def test_systemd_that_does_not_listen_is_told_again_and_stops_nobody(autojump_clock: MockClock) -> None:
    unit = Unit(deaf=True)
    with capture_logs() as logs:
        async with unit.told() as sup:
            await trio.sleep(9.9)
            unit.deaf = False
            await trio.sleep(9)
            assert [child.incarnation for child in sup.which_children()] == [1]
    assert unit.times("READY=1") == [10]
    assert unit.times("WATCHDOG=1") == [10]
    assert [event["event"] for event in logs].count("systemd_not_told") == 1


async def test_notifier_that_crashed_tells_everything_again(autojump_clock: MockClock) -> None:
    unit = Unit()
    async with unit.told() as sup:
        await trio.sleep(2.5)
        sup.kill("systemd_notifier")
        await trio.sleep(2.5)
    assert unit.times("READY=1") == [0, 2.5]
    assert unit.lines() == ["OPEN, level 1", "OPEN, level 1"]


async def test_without_systemd_there_is_no_notifier(autojump_clock: MockClock) -> None:
    notifier = SystemdNotifier(
        tell=None, line=str, booted=lambda: True, hung=tuple, stopping=trio.Event(), watchdog_s=None
    )
    spec = SupervisorSpec("ops", "one_for_one", (ChildSpec("systemd_notifier", notifier.run),))
    async with open_supervisor(spec) as sup:
        assert [child.state for child in sup.which_children()] == ["undefined"]
