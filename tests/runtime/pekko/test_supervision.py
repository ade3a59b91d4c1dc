"""Pekko's SupervisorSpec, SupervisorHierarchySpec, SupervisorTreeSpec, SupervisorMiscSpec and RestartStrategySpec."""

import pytest
import trio

from actors.runtime import (
    ActorDead,
    ActorFailed,
    AlreadyStarted,
    ChildSpec,
    SupervisorSpec,
    Terminated,
    open_supervisor,
)
from actors.runtime.testing import Add, Cast, Fail, GetSum, Probe, Summer
from tests.runtime.suite import counts, incarnations, settle, states

GROUPS = [
    ("one_for_one", {"1": 1, "2": 2, "3": 1}),
    ("one_for_all", {"1": 2, "2": 2, "3": 2}),
]


def top(strategy, *children, intensity=3, period_s=5.0):
    return SupervisorSpec("top", strategy, children, intensity=intensity, period_s=period_s)


def summers(probe, *ids, **keywords):
    return tuple(ChildSpec(key, Summer(probe), **keywords) for key in ids)


async def ping(sup, *ids):
    for key in ids:
        assert await sup.ref(key).ask(GetSum(), timeout_s=1) == 0


async def kill(sup, key):
    with pytest.raises(ActorFailed):
        await sup.ref(key).ask(Fail(), timeout_s=1)
    await settle()


async def test_no_restart_is_allowed_where_the_intensity_is_zero(autojump_clock):
    """SupervisorSpec: not restart child more times than permitted"""
    probe, seen = Probe(), []
    async with open_supervisor(top("one_for_one", *summers(probe, "1"), intensity=0), report=probe.report) as sup:
        sup.watch("1", seen.append)
        sup.ref("1").tell(Fail())
        await sup.wait()
        await trio.sleep(1)
    assert [terminated.id for terminated in seen] == ["1"]
    assert probe.said("init") == ["1"]


async def test_a_temporary_actor_is_not_restarted(autojump_clock):
    """SupervisorSpec: not restart temporary actor"""
    probe = Probe()
    children = summers(probe, "1", restart="temporary")
    async with open_supervisor(top("one_for_all", *children), report=probe.report) as sup:
        ref = sup.ref("1")
        await kill(sup, "1")
        await trio.sleep(1)
        assert (probe.said("init"), states(sup), ref.alive) == (["1"], {}, False)


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_a_single_actor_answers_fails_and_answers_again(autojump_clock, strategy):
    """SupervisorSpec: kill single actor OneForOne
    SupervisorSpec: call-kill-call single actor OneForOne
    SupervisorSpec: kill single actor AllForOne
    SupervisorSpec: call-kill-call single actor AllForOne
    """
    probe = Probe()
    async with open_supervisor(top(strategy, *summers(probe, "1")), report=probe.report) as sup:
        await ping(sup, "1")
        await kill(sup, "1")
        await ping(sup, "1")
        assert incarnations(sup) == {"1": 2}


@pytest.mark.parametrize(("strategy", "expected"), GROUPS)
async def test_of_three_actors_those_are_restarted_that_the_strategy_names(autojump_clock, strategy, expected):
    """SupervisorSpec: kill multiple actors OneForOne 1
    SupervisorSpec: kill multiple actors OneForOne 2
    SupervisorSpec: call-kill-call multiple actors OneForOne
    SupervisorSpec: kill multiple actors AllForOne
    SupervisorSpec: call-kill-call multiple actors AllForOne
    """
    probe = Probe()
    async with open_supervisor(top(strategy, *summers(probe, "1", "2", "3")), report=probe.report) as sup:
        await ping(sup, "1", "2", "3")
        await kill(sup, "2")
        assert incarnations(sup) == expected
        await ping(sup, "1", "2", "3")


@pytest.mark.parametrize("what", ["nothing", "an actor below"])
async def test_a_nested_hierarchy_starts_and_restarts_where_it_should(autojump_clock, what):
    """SupervisorSpec: start server for nested supervisor hierarchy
    SupervisorSpec: restart killed actors in nested supervisor hierarchy
    """
    probe = Probe()
    middle = SupervisorSpec("middle", "one_for_all", summers(probe, "2", "3"), intensity=3)
    spec = top("one_for_all", *summers(probe, "1"), ChildSpec("middle", middle, type="supervisor"))
    async with open_supervisor(spec, report=probe.report) as sup:
        below = sup.child("middle")
        if what == "an actor below":
            await kill(below, "2")
            assert incarnations(below) == {"2": 2, "3": 2}
        await ping(sup, "1")
        await ping(below, "2", "3")
        assert incarnations(sup) == {"1": 1, "middle": 1}


async def test_messages_and_watches_outlast_a_failure_of_the_supervisor_above(autojump_clock):
    """SupervisorSpec: not lose system messages when a NonFatal exception occurs when processing a system message"""
    probe, seen = Probe(), []
    inner = SupervisorSpec("inner", "one_for_one", summers(probe, "child"), intensity=0)
    spec = top("one_for_one", ChildSpec("parent", inner, type="supervisor"))
    async with open_supervisor(spec, report=probe.report) as sup:
        below = sup.child("parent")
        below.watch("child", seen.append)
        for message in (Fail(), Add(1)):
            below.ref("child").tell(message)
        await below.wait()
        await settle()
        assert [(type(notice), notice.id) for notice in seen] == [(Terminated, "child")]
        assert [letter.message for letter in below.dead_letters()] == [Fail(), Add(1)]
        with pytest.raises(ActorDead):
            below.ref("child").tell(Add(1))
        await ping(sup.child("parent"), "child")


@pytest.mark.parametrize("period_s", [10.0, 30 * 86400.0, 1e12])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_the_intensity_holds_for_periods_of_any_length(autojump_clock, strategy, period_s):
    """SupervisorSpec: treats maxNrOfRetries = -1 as maxNrOfRetries = 1 if withinTimeRange is non-infinite Duration
    SupervisorSpec: treats withinTimeRange = Duration.Inf as a single infinite restart window
    SupervisorSpec: respects maxNrOfRetries with withinTimeRange whose toMillis exceeds Int.MaxValue (OneForOneStrategy)
    SupervisorSpec: respects maxNrOfRetries with withinTimeRange whose toMillis exceeds Int.MaxValue (AllForOneStrategy)
    RestartStrategySpec: ensure that employee is not restarted after max retries
    RestartStrategySpec: ensure that employee stays dead after max restarts within time range
    RestartStrategySpec: ensure that employee is not restarted within time range
    SupervisorHierarchySpec: send notification to supervisor when permanent failure
    """
    probe, seen = Probe(), []
    spec = top(strategy, *summers(probe, "1"), intensity=2, period_s=period_s)
    async with open_supervisor(spec, report=probe.report) as sup:
        sup.watch("1", seen.append)
        ref = sup.ref("1")
        for _ in range(2):
            await ping(sup, "1")
            await kill(sup, "1")
            await trio.sleep(period_s / 4)
        assert seen == []
        ref.tell(Fail())
        assert (await sup.wait()).reason == "exhausted"
        assert (len(seen), ref.alive, probe.said("init")) == (1, False, ["1"] * 3)


async def test_a_great_intensity_is_immortality(autojump_clock):
    """SupervisorSpec: restarts a child infinitely if maxNrOfRetries = -1 and withinTimeRange = Duration.Inf
    RestartStrategySpec: ensure that employee is immortal without max restarts and time range
    """
    probe = Probe()
    spec = top("one_for_one", *summers(probe, "1"), intensity=1_000_000)
    async with open_supervisor(spec, report=probe.report) as sup:
        for _ in range(100):
            sup.ref("1").tell(Fail())
        await ping(sup, "1")
        assert incarnations(sup) == {"1": 101}


async def test_crashes_outside_the_period_are_forgotten(autojump_clock):
    """RestartStrategySpec: ensure that employee restarts after number of crashes not within time range"""
    probe = Probe()
    spec = top("one_for_one", *summers(probe, "1"), intensity=2, period_s=0.5)
    async with open_supervisor(spec, report=probe.report) as sup:
        for pause in (0, 0.7, 0):
            await kill(sup, "1")
            await trio.sleep(pause)
        await ping(sup, "1")
        assert incarnations(sup) == {"1": 4}


async def test_a_middle_supervisor_that_dies_comes_back_with_everybody_below_it(autojump_clock):
    """SupervisorTreeSpec: be able to kill the middle actor and see itself and its child restarted
    SupervisorHierarchySpec: restart manager and workers in AllForOne
    SupervisorMiscSpec: be able to create named children in its constructor
    """
    cast = Cast()
    workers = tuple(ChildSpec(key, cast.steady) for key in "abc")
    manager = SupervisorSpec("manager", "one_for_all", workers, intensity=0)
    async with open_supervisor(top("one_for_one", ChildSpec("manager", manager, type="supervisor"))) as sup:
        for end in (lambda: cast.crash("a"), lambda: sup.kill("manager")):
            cast.probe.clear()
            end()
            await settle()
            assert cast.probe.said("ready") == ["a", "b", "c"]
        assert (incarnations(sup), counts(sup.child("manager"))) == ({"manager": 3}, (3, 3, 0, 3))


async def test_many_actors_that_crash_in_one_moment_all_come_back(autojump_clock):
    """SupervisorMiscSpec: restart a crashing actor and its dispatcher for any dispatcher"""
    cast = Cast()
    children = tuple(ChildSpec(key, cast.steady) for key in "1234")
    async with open_supervisor(top("one_for_one", *children, intensity=4)) as sup:
        for key in "1234":
            sup.kill(key)
        await settle()
        assert incarnations(sup) == dict.fromkeys("1234", 2)


async def test_an_id_is_free_when_its_child_is_gone_and_not_before(autojump_clock):
    """SupervisorMiscSpec: be able to recreate child when old child is Terminated
    SupervisorMiscSpec: not be able to recreate child when old child is alive
    SupervisorMiscSpec: be able to create a similar kid in the fault handling strategy
    """
    cast = Cast()
    child = ChildSpec("kid", cast.slow_stop(2), restart="temporary")
    async with open_supervisor(SupervisorSpec("top", "dynamic")) as sup, trio.open_nursery() as nursery:
        await sup.start_child(child)
        sup.watch("kid", lambda _: nursery.start_soon(sup.start_child, child))
        nursery.start_soon(sup.terminate_child, "kid")
        await trio.sleep(1)
        with pytest.raises(AlreadyStarted):
            await sup.start_child(child)
        await trio.sleep(2)
        assert (states(sup), cast.probe.said("ready")) == ({"kid": "running"}, ["kid", "kid"])


async def test_a_report_names_the_child_that_failed(autojump_clock):
    """SupervisorMiscSpec: have access to the failing child's reference in supervisorStrategy"""
    probe = Probe()
    async with open_supervisor(top("one_for_one", *summers(probe, "child")), report=probe.report) as sup:
        sup.kill("child")
        await settle()
    assert [(report.path, report.kind) for report in probe.reports] == [("top/child", "killed")]
