"""one_for_all and rest_for_one: who stops with whom, in which order, and how a failed group start is retried."""

import pytest
import trio

from actors.runtime import Backoff, ChildInfo, ChildSpec, SpecError, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast, Oops


async def settle():
    await trio.testing.wait_all_tasks_blocked()


def group(cast, strategy, ids="abc", intensity=5, **keywords):
    return SupervisorSpec(
        "top", strategy, tuple(ChildSpec(key, cast.steady, **keywords) for key in ids), intensity=intensity
    )


def states(sup):
    return {child.id: child.state for child in sup.which_children()}


@pytest.mark.parametrize(
    ("strategy", "story"),
    [
        ("one_for_one", ["end b", "ready b"]),
        ("rest_for_one", ["end b", "end c", "ready b", "ready c"]),
        ("one_for_all", ["end b", "end c", "end a", "ready a", "ready b", "ready c"]),
    ],
)
async def test_the_strategy_decides_who_is_restarted(autojump_clock, strategy, story):
    cast = Cast()
    async with open_supervisor(group(cast, strategy)) as sup:
        cast.probe.clear()
        cast.crash("b")
        await settle()
        assert cast.probe.story() == story
        assert set(states(sup).values()) == {"running"}


async def test_a_group_restart_counts_once_even_when_members_crash_together(autojump_clock):
    cast = Cast()
    async with open_supervisor(group(cast, "one_for_all"), report=cast.probe.report) as sup:
        for key in "abc":
            cast.crash(key)
        await settle()
        assert (sup.statistics().restarts, sup.statistics().budget_left) == (1, 4)
        assert set(states(sup).values()) == {"running"}
    assert cast.probe.kinds() == ["failed", "failed", "failed"]


async def test_members_are_stopped_one_by_one_and_no_two_incarnations_overlap(autojump_clock):
    cast = Cast()
    spec = SupervisorSpec(
        "top",
        "one_for_all",
        (ChildSpec("a", cast.steady), *(ChildSpec(key, cast.slow_stop(1)) for key in "bc")),
        intensity=5,
    )
    async with open_supervisor(spec) as sup:
        cast.probe.clear()
        cast.crash("a")
        await trio.sleep(0.5)
        assert states(sup) == {"a": "restarting", "b": "restarting", "c": "restarting"}
        await trio.sleep(5)
        assert cast.probe.story() == ["end a", "end c", "clean c", "end b", "clean b", "ready a", "ready b", "ready c"]


async def test_the_group_shares_one_delay(autojump_clock):
    cast = Cast()
    async with open_supervisor(group(cast, "one_for_all", backoff=Backoff(2, 2))):
        cast.probe.clear()
        cast.crash("b")
        await trio.sleep(10)
        assert [(at, what) for at, what, _ in cast.probe.events] == [(0, "end")] * 3 + [(2, "ready")] * 3


@pytest.mark.parametrize(
    ("strategy", "story"),
    [
        ("rest_for_one", ["end a", "end c", "ready a", "init b", "init b", "ready b", "ready c"]),
        ("one_for_all", ["end a", "end c", "ready a", "init b", "end a", "ready a", "init b", "ready b", "ready c"]),
    ],
)
async def test_a_failed_start_in_a_group_is_retried(autojump_clock, strategy, story):
    cast = Cast()
    rounds = iter([False, True, False, False, False])

    async def start(ctx):
        cast.probe.note("init", ctx)
        await trio.lowlevel.checkpoint()
        if next(rounds):
            raise Oops("start")
        await cast.steady(ctx)

    children = (ChildSpec("a", cast.steady), ChildSpec("b", start), ChildSpec("c", cast.steady))
    async with open_supervisor(SupervisorSpec("top", strategy, children, intensity=5), report=cast.probe.report) as sup:
        cast.probe.clear()
        cast.crash("a")
        await settle()
        assert [line for line in cast.probe.story() if line != "end b"] == story
        assert sup.statistics().budget_left == 3
    assert cast.probe.kinds() == ["failed", "init_failed"]


async def test_group_retries_use_the_budget_up(autojump_clock):
    cast = Cast()
    first = True

    async def start(ctx):
        nonlocal first
        await trio.lowlevel.checkpoint()
        if not first:
            raise Oops("start")
        first = False
        await cast.steady(ctx)

    children = (ChildSpec("a", cast.steady), ChildSpec("b", start))
    async with open_supervisor(
        SupervisorSpec("top", "one_for_all", children, intensity=3), report=cast.probe.report
    ) as sup:
        cast.crash("a")
        assert (await sup.wait()).reason == "exhausted"
    assert cast.probe.kinds() == ["failed", "init_failed", "init_failed", "init_failed", "exhausted"]


async def test_a_temporary_member_is_not_started_again_and_a_terminated_one_is_as_in_otp(autojump_clock):
    cast = Cast()
    children = (
        ChildSpec("a", cast.steady),
        ChildSpec("once", cast.steady, restart="temporary"),
        ChildSpec("by hand", cast.steady),
    )
    async with open_supervisor(SupervisorSpec("top", "one_for_all", children)) as sup:
        await sup.terminate_child("by hand")
        cast.crash("a")
        await settle()
        assert states(sup) == {"a": "running", "by hand": "running"}


async def test_a_crash_of_an_earlier_member_widens_a_restart_that_is_under_way(autojump_clock):
    cast = Cast()
    children = (ChildSpec("a", cast.steady), ChildSpec("b", cast.steady), ChildSpec("c", cast.slow_start(10)))
    async with open_supervisor(SupervisorSpec("top", "rest_for_one", children, intensity=5)) as sup:
        cast.probe.clear()
        cast.crash("b")
        await trio.sleep(5)
        assert states(sup) == {"a": "running", "b": "running", "c": "restarting"}
        cast.crash("a")
        await trio.sleep(20)
        assert states(sup) == {"a": "running", "b": "running", "c": "running"}
        assert cast.probe.story() == [
            *("end b", "end c", "ready b", "init c"),
            *("end a", "end b", "ready a", "ready b", "init c", "ready c"),
        ]


async def test_a_child_added_during_a_group_restart_and_crashing_leaves_no_member_behind(autojump_clock):
    cast = Cast()
    children = (ChildSpec("a", cast.steady), ChildSpec("b", cast.slow_start(10)), ChildSpec("c", cast.steady))
    async with open_supervisor(SupervisorSpec("top", "rest_for_one", children, intensity=5)) as sup:
        cast.crash("a")
        await trio.sleep(5)
        await sup.start_child(ChildSpec("late", cast.steady))
        cast.crash("late")
        await trio.sleep(60)
        assert states(sup) == {"a": "running", "b": "running", "c": "running", "late": "running"}


async def test_a_member_terminated_while_the_group_restarts_stays_stopped(autojump_clock):
    cast = Cast()
    children = (ChildSpec("a", cast.slow_start(5)), ChildSpec("b", cast.steady))
    async with open_supervisor(SupervisorSpec("top", "one_for_all", children, intensity=5)) as sup:
        cast.crash("a")
        await trio.sleep(1)
        await sup.terminate_child("b")
        await trio.sleep(30)
        assert states(sup) == {"a": "running", "b": "undefined"}


async def test_leaving_while_a_group_restarts_waits_for_nobody(autojump_clock):
    cast = Cast()
    async with open_supervisor(group(cast, "one_for_all", backoff=Backoff(60, 60))) as sup:
        cast.crash("a")
        await settle()
    assert trio.current_time() == 0
    assert set(states(sup).values()) == {"undefined"}


@pytest.mark.parametrize(
    ("auto_shutdown", "ended", "kind"),
    [
        ("any_significant", ["a"], "shutdown"),
        ("all_significant", ["a", "b"], "shutdown"),
        ("all_significant", ["a"], None),
    ],
)
async def test_significant_children_that_end_by_themselves_end_the_supervisor(
    autojump_clock, auto_shutdown, ended, kind
):
    cast = Cast()
    children = tuple(ChildSpec(key, cast.steady, restart="transient", significant=True) for key in "ab")
    spec = SupervisorSpec("top", "one_for_one", (*children, ChildSpec("c", cast.steady)), auto_shutdown=auto_shutdown)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for key in ended:
            cast.end(key)
        if kind is None:
            await settle()
            assert states(sup) == {"a": "undefined", "b": "running", "c": "running"}
        else:
            end = await sup.wait()
            assert (end.kind, end.reason) == ("shutdown", "auto_shutdown")
    assert cast.probe.reports == []


async def test_a_crash_or_a_stop_by_hand_of_a_significant_child_ends_nothing(autojump_clock):
    cast = Cast()
    children = tuple(ChildSpec(key, cast.steady, restart="transient", significant=True) for key in "ab")
    spec = SupervisorSpec("top", "one_for_one", children, auto_shutdown="any_significant")
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        cast.crash("a")
        await settle()
        await sup.terminate_child("b")
        assert states(sup) == {"a": "running", "b": "undefined"}


async def test_a_parent_does_not_restart_a_transient_supervisor_that_shut_itself_down(autojump_clock):
    cast = Cast()
    worker = ChildSpec("a", cast.steady, restart="temporary", significant=True)
    inner = SupervisorSpec("inner", "one_for_one", (worker,), auto_shutdown="all_significant")
    outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("in", inner, type="supervisor", restart="transient"),))
    async with open_supervisor(outer) as sup:
        cast.end("a")
        await settle()
        assert sup.which_children() == (ChildInfo("in", "undefined", "supervisor", 1),)


def test_significance_needs_an_auto_shutdown_and_a_child_that_may_end():
    async def start(ctx):
        pass

    with pytest.raises(SpecError, match="significant"):
        ChildSpec("a", start, significant=True)
    with pytest.raises(SpecError, match="auto_shutdown"):
        SupervisorSpec("top", "one_for_one", (ChildSpec("a", start, restart="transient", significant=True),))
