"""Elixir's dynamic_supervisor_test: children that are started on demand, bounded in number, and stopped side by side."""

import pytest
import trio

from actors.runtime import (
    ChildSpec,
    Ignore,
    InitFailed,
    MaxChildren,
    NotFound,
    Shutdown,
    SpecError,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.testing import Cast, Oops
from tests.runtime.suite import Gate, counts, end_child, incarnations, scripted, settle, states


def pool(**keywords):
    return SupervisorSpec("pool", "dynamic", budget="shared", **keywords)


async def test_it_is_a_child_like_any_other(autojump_clock):
    """DynamicSupervisorTest: can be supervised directly
    DynamicSupervisorTest: multiple supervisors can be supervised and identified with simple child spec
    """
    children = tuple(ChildSpec(key, SupervisorSpec(key, "dynamic"), type="supervisor") for key in "ab")
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)) as sup:
        assert [sup.child(key).which_children() for key in "ab"] == [(), ()]
        assert [sup.child(key).path for key in "ab"] == ["top/a", "top/b"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("strategy", "unknown"),
        ("intensity", -1),
        ("period_s", 0),
        ("max_children", -1),
        ("auto_shutdown", "any_significant"),
    ],
)
def test_bad_flags_are_refused(field, value):
    """DynamicSupervisorTest: start_link/3 with non-ok init"""
    with pytest.raises(SpecError) as caught:
        SupervisorSpec(**({"name": "pool", "strategy": "dynamic"} | {field: value}))
    assert (caught.value.field, caught.value.value) == (field, value)


async def test_bad_flags_are_refused_while_it_runs_and_good_ones_hold_at_once(autojump_clock):
    """DynamicSupervisorTest: code_change/3 with non-ok init
    DynamicSupervisorTest: code_change/3 with ok init
    """
    cast = Cast()
    async with open_supervisor(pool()) as sup:
        await sup.start_child(ChildSpec("a", cast.steady))
        with pytest.raises(SpecError, match="max_children"):
            await sup.reload(pool(max_children=-1))
        with pytest.raises(SpecError, match="strategy"):
            await sup.reload(SupervisorSpec("pool", "one_for_one"))
        await sup.reload(pool(max_children=1))
        assert counts(sup) == (1, 1, 0, 1)
        with pytest.raises(MaxChildren):
            await sup.start_child(ChildSpec("b", cast.steady))


async def test_a_child_is_started_from_its_spec(autojump_clock):
    """DynamicSupervisorTest: start_child/2 supports new child spec"""
    cast = Cast()
    async with open_supervisor(pool()) as sup:
        assert await sup.start_child(ChildSpec("task", cast.steady)) == "task"
        assert states(sup) == {"task": "running"}


async def test_a_templates_child_gets_its_arguments_and_gets_them_again(autojump_clock):
    """DynamicSupervisorTest: start_child/2 supports extra arguments
    DynamicSupervisorTest: start_child/2 restarting a child with extra_arguments successfully restarts child
    """
    cast, seen = Cast(), []

    async def start(ctx):
        seen.append(ctx.args)
        await cast.steady(ctx)

    template = ChildSpec("template", start, restart="transient")
    async with open_supervisor(SupervisorSpec("pool", "simple_one_for_one", (template,))) as sup:
        await sup.start_child("a", "from child")
        await end_child(sup, cast, "a", "abnormal")
        assert (seen, counts(sup)) == ([("from child",)] * 2, (1, 1, 0, 1))


async def test_a_spec_that_is_none_is_refused(autojump_clock):
    """DynamicSupervisorTest: start_child/2 with invalid child spec
    DynamicSupervisorTest: start_child/2 with invalid valid shutdown
    """
    cast = Cast()
    with pytest.raises(SpecError, match="start"):
        ChildSpec("1", 2)
    with pytest.raises(SpecError, match="shutdown_ms"):
        ChildSpec("1", cast.steady, shutdown_ms=-1)
    async with open_supervisor(pool()) as sup:
        with pytest.raises(SpecError, match="takes a ChildSpec"):
            await sup.start_child({})
        with pytest.raises(SpecError, match="significant"):
            await sup.start_child(ChildSpec("1", cast.steady, restart="temporary", significant=True))
        assert sup.which_children() == ()


async def test_each_outcome_of_a_start_is_told(autojump_clock):
    """DynamicSupervisorTest: start_child/2 with different returns
    DynamicSupervisorTest: start_child/2 with throw/error/exit
    """
    cast = Cast()
    async with open_supervisor(pool(), report=cast.probe.report) as sup:
        assert await sup.start_child(ChildSpec("runs", cast.steady)) == "runs"
        assert await sup.start_child(ChildSpec("ignores", cast.ignores)) is None
        for outcome, cause in ((Oops("found"), Oops), (Shutdown("oops"), Shutdown), ("unknown", type(None))):
            with pytest.raises(InitFailed) as caught:
                await sup.start_child(ChildSpec("fails", scripted(cast, outcome)))
            assert type(caught.value.cause) is cause
        assert states(sup) == {"runs": "running"}


async def test_none_may_be_the_most(autojump_clock):
    """DynamicSupervisorTest: start_child/2 with max_children"""
    async with open_supervisor(pool(max_children=0)) as sup:
        with pytest.raises(MaxChildren):
            await sup.start_child(ChildSpec("a", Cast().steady))


@pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
async def test_the_restart_type_decides(autojump_clock, restart):
    """DynamicSupervisorTest: start_child/2 temporary child is not restarted regardless of reason
    DynamicSupervisorTest: start_child/2 transient child is restarted unless normal/shutdown/{shutdown, _}
    DynamicSupervisorTest: start_child/2 permanent child is restarted regardless of reason
    """
    cast = Cast()
    async with open_supervisor(pool(intensity=100_000), report=cast.probe.report) as sup:
        left = 0
        for how in ("shutdown", "shutdown with a reason", "abnormal"):
            await sup.start_child(ChildSpec(how, cast.steady, restart=restart))
            await end_child(sup, cast, how, how)
            left += restart == "permanent" or (restart == "transient" and how == "abnormal")
            assert counts(sup) == (left, left, 0, left)


async def test_each_outcome_of_a_restart_has_its_own_end(autojump_clock):
    """DynamicSupervisorTest: start_child/2 child is restarted with different values"""
    cast = Cast()
    gate = Gate(cast, seconds=1)
    async with open_supervisor(pool(intensity=100_000, period_s=1.5), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("runs", cast.steady))
        await end_child(sup, cast, "runs", "shutdown")
        assert incarnations(sup) == {"runs": 2}
        await sup.start_child(ChildSpec("ignores", scripted(cast, True, Ignore)))
        await end_child(sup, cast, "ignores", "shutdown")
        assert states(sup) == {"runs": "running"}
        await sup.start_child(ChildSpec("fails", gate))
        gate.is_open = False
        await end_child(sup, cast, "fails", "shutdown")
        assert (states(sup), counts(sup)) == ({"runs": "running", "fails": "restarting"}, (2, 1, 0, 2))


async def test_a_child_that_restarts_still_has_its_place(autojump_clock):
    """DynamicSupervisorTest: start_child/2 restarting on init children counted in max_children
    DynamicSupervisorTest: start_child/2 restarting on exit children counted in max_children
    """
    cast = Cast()
    gate = Gate(cast, seconds=1)
    async with open_supervisor(pool(max_children=1, intensity=100_000), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", gate))
        for is_open, active in ((True, 1), (False, 0)):
            gate.is_open = is_open
            await end_child(sup, cast, "a", "shutdown")
            assert counts(sup) == (1, active, 0, 1)
            with pytest.raises(MaxChildren):
                await sup.start_child(ChildSpec("b", cast.steady))


async def test_a_failed_restart_is_tried_again(autojump_clock):
    """DynamicSupervisorTest: start_child/2 child is restarted when trying again"""
    cast = Cast()
    async with open_supervisor(pool(intensity=2), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", scripted(cast, True, Oops("try again"), True)))
        await end_child(sup, cast, "a", "shutdown")
        assert (incarnations(sup), counts(sup)) == ({"a": 3}, (1, 1, 0, 1))


@pytest.mark.parametrize("intensity", [1, 10])
async def test_a_restart_that_fails_too_often_uses_it_up(autojump_clock, intensity):
    """DynamicSupervisorTest: start_child/2 child triggers maximum restarts
    DynamicSupervisorTest: start_child/2 child triggers maximum intensity when trying again
    """
    cast = Cast()
    async with open_supervisor(pool(intensity=intensity), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", scripted(cast, True, Oops("error"))))
        cast.crash("a", Shutdown())
        end = await sup.wait()
        assert (end.kind, end.reason) == ("shutdown", "exhausted")
    assert cast.probe.kinds() == [*["init_failed"] * intensity, "exhausted"]


@pytest.mark.parametrize("shutdown_ms", [0, 1])
async def test_the_shortest_times_are_times_too(autojump_clock, shutdown_ms):
    """DynamicSupervisorTest: start_child/2 with valid shutdown"""
    cast = Cast()
    async with open_supervisor(pool(intensity=5)) as sup:
        await sup.start_child(ChildSpec("a", cast.steady, shutdown_ms=shutdown_ms))
        await end_child(sup, cast, "a", "shutdown")
        assert incarnations(sup) == {"a": 2}


def says(reason):
    """A child that ends with a reason of its own when it is told to stop."""

    async def start(ctx):
        ctx.ready()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            raise reason from None

    return start


async def exits_at_the_end(*children):
    """Start these children below one pool, leave it, and return the kinds of their exits and how long it took."""
    exits = {}
    async with open_supervisor(pool(), report=lambda _: None) as sup:
        for child in children:
            await sup.start_child(child)
            sup.watch(child.id, lambda terminated: exits.setdefault(terminated.id, terminated.exit))
        await settle()
        begin = trio.current_time()
    return [exits[child.id].kind for child in children], trio.current_time() - begin


@pytest.mark.parametrize("shutdown_ms", ["brutal_kill", "infinity", 1000])
async def test_three_children_end_within_the_time_they_have(autojump_clock, shutdown_ms):
    """DynamicSupervisorTest: terminate/2 terminates children with brutal kill
    DynamicSupervisorTest: terminate/2 terminates children with infinity shutdown
    DynamicSupervisorTest: terminate/2 terminates children with integer shutdown
    """
    children = [ChildSpec(key, Cast().slow_stop(0.5), shutdown_ms=shutdown_ms) for key in "abc"]
    expected = (["killed"] * 3, 0) if shutdown_ms == "brutal_kill" else (["stopped"] * 3, 0.5)
    assert await exits_at_the_end(*children) == expected


@pytest.mark.parametrize("shutdown_ms", ["infinity", 1000])
async def test_children_may_end_with_reasons_of_their_own(autojump_clock, shutdown_ms):
    """DynamicSupervisorTest: terminate/2 terminates children with infinity shutdown and abnormal reason
    DynamicSupervisorTest: terminate/2 terminates children with integer shutdown and abnormal reason
    """
    children = [ChildSpec(key, says(Shutdown("oops")), shutdown_ms=shutdown_ms) for key in "abc"]
    assert await exits_at_the_end(*children) == (["stopped"] * 3, 0)
    children = [ChildSpec(key, says(Oops("oops")), shutdown_ms=shutdown_ms) for key in "abc"]
    assert await exits_at_the_end(*children) == (["failed_while_stopping"] * 3, 0)


async def test_a_child_that_is_late_is_killed_and_its_siblings_are_not(autojump_clock):
    """DynamicSupervisorTest: terminate/2 terminates children with expired integer shutdown"""
    cast = Cast()
    starts = {"a": cast.steady, "b": cast.slow_stop(60), "c": cast.steady}
    children = [ChildSpec(key, start, shutdown_ms=1) for key, start in starts.items()]
    assert await exits_at_the_end(*children) == (["stopped", "killed", "stopped"], 0.001)


async def test_a_permanent_child_that_returns_at_the_stop_is_not_restarted(autojump_clock):
    """DynamicSupervisorTest: terminate/2 terminates children with permanent restart and normal reason"""
    cast = Cast()

    async def start(ctx):
        try:
            await cast.steady(ctx)
        except trio.Cancelled:
            cast.probe.note("stop", ctx)
            raise

    children = [ChildSpec(key, start, shutdown_ms="infinity") for key in "abc"]
    assert await exits_at_the_end(*children) == (["stopped"] * 3, 0)
    assert (sorted(cast.probe.said("stop")), sorted(cast.probe.said("ready"))) == (["a", "b", "c"], ["a", "b", "c"])


async def test_each_child_has_its_own_time(autojump_clock):
    """DynamicSupervisorTest: terminate/2 terminates with mixed children"""
    start = Cast().slow_stop(2)
    children = [ChildSpec(key, start, shutdown_ms=key) for key in ("infinity", "brutal_kill")]
    assert await exits_at_the_end(*children) == (["stopped", "killed"], 2)


@pytest.mark.parametrize(("shutdown_ms", "kind"), [("brutal_kill", "killed"), (1000, "stopped")])
async def test_a_child_that_was_stopped_by_hand_is_gone(autojump_clock, shutdown_ms, kind):
    """DynamicSupervisorTest: terminate_child/2 terminates child with brutal kill
    DynamicSupervisorTest: terminate_child/2 terminates child with integer shutdown
    """
    exits = []
    async with open_supervisor(pool(), report=lambda _: None) as sup:
        await sup.start_child(ChildSpec("a", Cast().steady, shutdown_ms=shutdown_ms))
        sup.watch("a", exits.append)
        await sup.terminate_child("a")
        assert [terminated.exit.kind for terminated in exits] == [kind]
        with pytest.raises(NotFound):
            await sup.terminate_child("a")
        assert counts(sup) == (0, 0, 0, 0)


async def test_a_child_that_restarts_can_be_stopped_by_hand(autojump_clock):
    """DynamicSupervisorTest: terminate_child/2 terminates restarting child"""
    cast = Cast()
    gate = Gate(cast, seconds=1)
    async with open_supervisor(pool(intensity=100_000), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", gate))
        gate.is_open = False
        await end_child(sup, cast, "a", "shutdown")
        await sup.terminate_child("a")
        with pytest.raises(NotFound):
            await sup.terminate_child("a")
        assert counts(sup) == (0, 0, 0, 0)
