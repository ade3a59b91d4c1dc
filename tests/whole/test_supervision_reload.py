"""Another supervision.toml for the whole bot while it runs, in virtual time: whole or not at all."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from actors.executor import Executor
from actors.runtime import Change, Supervision, SupervisorStatistics
from actors.sniper import Sniper
from bot.chain.breaker import BreakerRule
from bot.localnet.inprocess import InProcessChain
from bot.refusal import CannotError
from bot.supervision.reload import SupervisionReload
from bot.supervision.sections import SHIPPED, breaker_rule, read
from bot.supervision.shape import MESSAGES, STATIC
from bot.trading.limits import UserSettings
from bot.trading.outage import OutageRule
from bot.trading.trading_state import State
from bot.tree import TradingBot
from tests.whole.outages import crash_until_given_up, incarnations, state_of
from tests.whole.virtual import World, make_world, open_for_entries, pausing, running_bot, until

TEXT = SHIPPED.read_text(encoding="utf-8")
SNIPES = UserSettings(snipe_enabled=True, max_hold_s=None)
NAME = "edited.toml"


@dataclass(slots=True)
class Scene:
    """A bot with one sniper, and what its endpoints were told of their breakers."""

    world: World
    bot: TradingBot
    user_id: str
    breakers: list[BreakerRule] = field(default_factory=list)

    @property
    def files(self) -> SupervisionReload:
        return SupervisionReload(self.bot, "local", self.breakers.append)

    async def reload(self, text: str) -> tuple[Change, ...]:
        other, changes = self.files.diff(NAME, text)
        await self.files.apply(other, changes)
        return changes

    def in_force(self) -> tuple[object, ...]:
        """Everything that a reload may change."""
        assert self.bot.root is not None
        return (
            self.bot.supervision,
            self.bot.care.supervision,
            dict(self.bot.guard.rules),
            tuple(self.breakers),
            self.bot.root.spec,
            [supervisor.spec for supervisor in map(self.bot.supervisor, ("ops", "links", "guard", "money", "hunt"))],
            self.bot.supervisor("hunt", "snipers").get_childspec(self.user_id),
        )


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    world = make_world(InProcessChain(seed=1))
    user, _ = await world.user("demo-1", SNIPES)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        yield Scene(world, bot, user.id)


def edited(*edits: tuple[str, str]) -> str:
    text = TEXT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


async def test_what_can_be_applied_live_is_applied_and_nobody_is_restarted(autojump_clock: MockClock) -> None:
    async with scene() as here:
        before = incarnations(here.bot)
        changes = await here.reload(
            edited(
                ("critical_after_s = 1800", "critical_after_s = 60"),
                ("max_failures = 2", "max_failures = 5"),
                ("[actor.sniper]\n", '[actor.sniper]\nrestart = "transient"\n'),
                ('template = "sniper"\nintensity = 3', 'template = "sniper"\nintensity = 0'),
            )
        )
        assert [str(change) for change in changes] == [
            "[supervisor.snipers] intensity: 3 -> 0, at once",
            '[actor.sniper] restart: (default) -> "transient", at once',
            "[dependency.rpc] breaker: { max_failures = 2, reset_s = 1, reset_max_s = 8 } ->"
            " { max_failures = 5, reset_s = 1, reset_max_s = 8 }, at once",
            "[dependency.database] critical_after_s: 1800 -> 60, at once",
        ]
        assert here.bot.guard.rules["database"] == OutageRule(15_000, 60_000)
        assert here.breakers == [BreakerRule(5, 1, 8)]
        snipers = here.bot.supervisor("hunt", "snipers")
        assert snipers.get_childspec(here.user_id).restart == "transient"
        assert incarnations(here.bot) == before
        snipers.kill(here.user_id)
        await until(lambda: state_of(snipers, here.user_id) == "quarantined", within_s=5)


async def test_an_actor_follows_its_new_mailbox_from_its_next_start(autojump_clock: MockClock) -> None:
    async with scene() as here:
        snipers = here.bot.supervisor("hunt", "snipers")

        def capacity() -> int:
            node = snipers.statistics_of(here.user_id)
            assert not isinstance(node, SupervisorStatistics)
            assert node.mailbox is not None
            return node.mailbox.capacity

        sniper = re.search(r"^\[actor\.sniper\]\n(.+\n)+", TEXT, re.MULTILINE)
        assert sniper is not None
        [change] = await here.reload(edited((sniper[0], sniper[0].replace("capacity = 256", "capacity = 9"))))
        assert change.when == "at its next start"
        assert capacity() == 256
        snipers.kill(here.user_id)
        await until(lambda: capacity() == 9, within_s=10)
        other, _ = await here.world.user("demo-2", SNIPES)
        await here.bot.hunt.sniper_changed(other.id)
        assert snipers.get_childspec(other.id).mailbox.capacity == 9  # type: ignore[union-attr]


async def test_a_longer_dwell_or_patience_counts_for_the_outage_that_lasts(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.world.database.is_away = True
        await until(lambda: "database" in pausing(here.bot), within_s=20)
        await here.reload(edited(("[dependency.database]\n", "[dependency.database]\npauses_after_s = 500\n")))
        await trio.sleep(5)
        assert "database" in pausing(here.bot)  # it pauses until it ends, and it does end
        here.world.database.is_away = False
        await until(lambda: here.bot.guard.state is State.OPEN, within_s=60)
        here.world.database.is_away = True
        await trio.sleep(60)
        assert "database" not in pausing(here.bot)


async def test_a_shorter_patience_makes_a_long_outage_critical_at_once(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.world.database.is_away = True
        await trio.sleep(100)
        assert here.bot.guard.level == 2
        await here.reload(edited(("critical_after_s = 1800", "critical_after_s = 60")))
        await until(lambda: here.bot.guard.level == 3, within_s=1)


MOVED = (
    ('"database_link", "rpc_pool"', '"rpc_pool"'),
    ('"account_closer", "records"]', '"account_closer", "records", "database_link"]'),
)
SWAPPED = (
    ('template = "sniper"', 'template = "wallet"'),
    ('template = "wallet_scanner"', 'template = "sniper"'),
    ('template = "wallet"', 'template = "wallet_scanner"'),
)
MISSPELT = (("[actor.price_poller]", "[actor.price_pollr]"),)


@pytest.mark.parametrize(
    ("edits", "line"),
    [
        (MOVED, "[supervisor.links] children: "),
        (SWAPPED, "snipers is dynamic, of the template 'sniper'"),
        (MISSPELT, f"{NAME}:"),
    ],
)
async def test_what_cannot_be_applied_live_refuses_the_whole_file(
    autojump_clock: MockClock, edits: tuple[tuple[str, str], ...], line: str
) -> None:
    async with scene() as here:
        before = here.in_force()
        with pytest.raises(CannotError, match=re.escape(line)):
            await here.reload(edited(("critical_after_s = 1800", "critical_after_s = 60"), *edits))
        assert here.in_force() == before


async def test_the_check_knows_the_actors_of_the_bot_and_who_takes_messages(autojump_clock: MockClock) -> None:
    async with scene() as here:
        assert set(here.bot.starts) == set(STATIC)
        takers = {name for name, start in here.bot.starts.items() if getattr(start, "takes_messages", False)}
        assert takers == MESSAGES & set(STATIC)
        assert all(actor.takes_messages for actor in (Executor, Sniper))


async def test_another_order_of_children_is_no_move(autojump_clock: MockClock) -> None:
    async with scene() as here:
        [change] = await here.reload(edited(('"launch_stream", "price_poller"', '"price_poller", "launch_stream"')))
        assert change.when == "at once"
        assert [child.id for child in here.bot.supervisor("links").which_children()][-1] == "launch_stream"


async def test_a_reload_during_a_halt_counts_for_money_when_it_is_back(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.world.chain.set_fault("rpc-down", for_s=40)
        await until(lambda: here.bot.guard.state is State.HALTED, within_s=120)
        await here.reload(edited(("[actor.reconciler]\nshutdown_ms = 800", "[actor.reconciler]\nshutdown_ms = 444")))
        await here.bot.guard.rearm("operator")
        await until(lambda: here.bot.guard.state is State.OPEN and here.bot.reconciler.reconciled, within_s=60)
        assert here.bot.supervisor("money").get_childspec("reconciler").shutdown_ms == 444


LINES = TEXT.splitlines(keepends=True)
VALUES = st.sampled_from(
    ["1", "7", "60", "800", "-1", "0.5", "'never'", "'degraded'", "'transient'", "'dynamic'", "true", "[]", "{}"]
)
EDITS = st.lists(
    st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from(["value", "drop", "twice", "typo"]), VALUES),
    min_size=1,
    max_size=3,
)


def random_edit(edits: list[tuple[int, str, str]]) -> str:
    lines = list(LINES)
    for number, kind, value in edits:
        key, separator, _ = lines[number].partition(" = ")
        if kind == "value" and separator and not key.startswith("#"):
            lines[number] = f"{key} = {value}\n"
        elif kind == "drop":
            lines[number] = ""
        elif kind == "twice":
            lines[number] *= 2
        elif kind == "typo":
            lines[number] = lines[number].replace("e", "", 1)
    return "".join(lines)


async def test_random_edits_apply_whole_or_change_nothing(autojump_clock: MockClock) -> None:
    tried: list[str] = []

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(edits=EDITS)
    def collect(edits: list[tuple[int, str, str]]) -> None:
        tried.append(random_edit(edits))

    collect()
    applied = 0
    async with scene() as here:
        before = incarnations(here.bot)
        for text in tried:
            kept = here.in_force()
            try:
                changes = await here.reload(text)
            except CannotError as refused:
                assert here.in_force() == kept, text
                assert all(line.strip() for line in str(refused).splitlines())
                continue
            applied += bool(changes)
            assert here.bot.supervision == here.bot.care.supervision == as_read(text)
            assert here.files.diff(NAME, text)[1] == ()
            assert here.breakers[-1] == breaker_rule(as_read(text))
            # Intensities of 0 and the like are in force now; the next text is held against a good tree again.
            await here.reload(TEXT)
        assert incarnations(here.bot) == before
        assert here.world.reports == []
    assert applied > 0


def as_read(text: str) -> Supervision:
    return read(NAME, text, "local")


async def test_a_quarantined_child_keeps_its_place_over_a_reload(autojump_clock: MockClock) -> None:
    async with scene() as here:
        snipers = here.bot.supervisor("hunt", "snipers")
        await crash_until_given_up(snipers, here.user_id)
        await here.reload(edited(("capacity = 256", "capacity = 9")))
        assert state_of(snipers, here.user_id) == "quarantined"
        assert snipers.get_childspec(here.user_id).mailbox.capacity == 9  # type: ignore[union-attr]
