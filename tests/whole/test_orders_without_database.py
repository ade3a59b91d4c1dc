"""What operators and users order while the database is away holds at once, and the answer says where it is kept."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from bot.localnet.inprocess import InProcessChain
from bot.trading.risk_gate import Refused
from bot.trading.trading_state import GLOBAL, State
from tests.whole.crowd import Crowd
from tests.whole.test_exits_without_database import KEEPS, Scene, scene
from tests.whole.test_levels import with_position
from tests.whole.test_operator_flattens import operator_of
from tests.whole.virtual import World, closed, living_bot, make_world, open_for_entries, pausing, running_bot, until

DISK_ALONE = "this is on this disk alone until that answers, and a standby that takes over before then does not know it"
MEMORY_ALONE = "It holds in this process alone"


async def text(here: Scene, **request: object) -> str:
    answer = await operator_of(here.bot).answer(dict(request))
    return str(answer["text"])


def owner(bot_causes: object, name: str, scope: str = GLOBAL) -> list[str]:
    return [cause.by for cause in bot_causes if (cause.name, cause.scope) == (name, scope)]  # type: ignore[attr-defined]


async def ends_restarted(world: World, name: str) -> None:
    """A later life of the bot, with the database back, still has the pause, and so has the database."""
    world.database.is_away = False
    async with running_bot(world) as bot:
        await until(lambda: name in pausing(bot), within_s=20)
        assert [cause.name for cause in await world.store.causes()] == [name]


async def test_an_operators_pause_without_the_database_holds_and_outlives_the_process(
    autojump_clock: MockClock,
) -> None:
    async with scene(KEEPS) as here:
        await here.database_goes()
        told = await text(here, verb="pause", why="a look")
        assert "entries are paused for everybody" in told
        assert DISK_ALONE in told
        assert owner(here.bot.guard.causes(), "operator") == ["operator"]
    await ends_restarted(here.world, "operator")


async def test_a_pause_that_no_disk_takes_holds_in_memory_until_one_does(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.database_goes()
        here.world.journal.full = True
        told = await text(here, verb="pause", why="a look")
        assert MEMORY_ALONE in told
        assert isinstance(await here.buys("again"), Refused)
        here.world.journal.full = False
        await until(lambda: bool(here.world.journal.data), within_s=10)
        assert here.bot.guard.owed == []
    await ends_restarted(here.world, "operator")


async def test_an_operators_flatten_of_a_user_without_the_database_says_what_was_done(
    autojump_clock: MockClock,
) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        await here.database_goes()
        told = await text(here, verb="flatten", user="demo-1", why="he asked for it")
        assert "demo-1: entries paused, 1 position to sell; bot resume ends both." in told
        assert DISK_ALONE in told
        await here.until_sold_on_the_chain()
        refused = await operator_of(here.bot).answer({"verb": "resume"})
        assert refused["error"].startswith("what you ordered stands; give bot resume again when the database answers")
        await here.database_comes()
        await until(lambda: any(one.action == "flatten" for one in here.world.store.audited), within_s=10)
        assert "entries are open" in await ended(here)


async def ended(here: Scene) -> str:
    """The answer to bot resume once nothing else pauses."""
    await until(lambda: pausing(here.bot) == {"operator", "flatten"}, within_s=60)
    return await text(here, verb="resume")


async def test_a_pause_that_is_ended_as_the_database_comes_back_does_not_come_back_with_a_restart(
    autojump_clock: MockClock,
) -> None:
    async with scene(KEEPS) as here:
        await here.database_goes()
        await text(here, verb="pause", why="a look")
        assert await here.bot.guard.pause_user(here.user.id)
        here.world.database.is_away = False
        early = await operator_of(here.bot).answer({"verb": "resume"})
        assert early.get("error", "").startswith("what you ordered stands"), early
        await until(lambda: not here.waits(), within_s=10)
        assert "over: operator's pause" in await text(here, verb="resume")
        assert await here.bot.guard.resume_user(here.user.id)
        assert {cause.name for cause in await here.world.store.causes()} <= {"database"}


async def test_a_pause_that_nobody_could_store_stands_after_a_vain_attempt_to_end_it(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.database_goes()
        here.world.journal.full = True
        assert MEMORY_ALONE in await text(here, verb="pause", why="a look")
        assert "error" in await operator_of(here.bot).answer({"verb": "resume"})
        assert [cause.name for cause in here.bot.guard.owed] == ["operator"]
        here.world.journal.full = False
        await until(lambda: bool(here.world.journal.data), within_s=10)
    await ends_restarted(here.world, "operator")


async def test_a_halt_without_the_database_says_that_it_is_on_this_disk_alone(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.database_goes()
        assert DISK_ALONE in await text(here, verb="flatten", why="rug")
        await here.database_comes()


async def test_a_halt_that_the_database_has_says_nothing_of_disks(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        assert DISK_ALONE not in await text(here, verb="flatten", why="rug")
        assert await here.world.store.halt() is not None


async def test_resume_while_a_halt_stands_says_so(autojump_clock: MockClock) -> None:
    async with scene(KEEPS) as here:
        await here.holds()
        assert "bot resume ends it" in await text(here, verb="pause", why="a look")
        await text(here, verb="flatten", why="rug")
        told = await text(here, verb="resume")
        assert told == "over: operator's pause; the halt stands (FLATTENING): nothing is bought until bot rearm."
        await until(lambda: here.bot.guard.state is State.HALTED, within_s=30)


async def test_a_users_panic_beside_an_operators_flatten_is_his_own_and_only_his_to_end(
    autojump_clock: MockClock,
) -> None:
    world = make_world(InProcessChain(seed=1))
    crowd = Crowd(world.chain)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.chain.run)
        async with living_bot(world) as bot:
            await open_for_entries(bot)
            await with_position(world, bot, crowd, "demo-1", KEEPS)
            [user] = await world.store.users()
            operator = operator_of(bot)
            await operator.answer({"verb": "flatten", "user": "demo-1", "why": "a complaint"})
            await bot.panic(user.id)
            await closed(world, 1)
            told = await operator.answer({"verb": "resume"})
            assert (
                told["text"] == "over: operator's pause of demo-1, flatten of demo-1; still pausing: panic of demo-1."
            )
            assert bot.guard.panics(user.id)
            assert bot.guard.panics_himself(user.id)
        async with living_bot(world) as bot:
            await until(lambda: bot.guard.panics(user.id), within_s=20)
            assert await bot.guard.resume_user(user.id)
            assert not bot.guard.panics(user.id)
        nursery.cancel_scope.cancel()
