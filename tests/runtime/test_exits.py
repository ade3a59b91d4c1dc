"""Each exit says which it was, and no error is lost, not even under cancellation."""

import pytest
import trio

from actors.runtime import ChildSpec, Running, SpecError, SupervisorSpec, Terminated, open_supervisor
from actors.runtime.testing import Cast, Oops


async def settle():
    await trio.testing.wait_all_tasks_blocked()


async def exit_of(start, act, **keywords):
    """Run one child, do something to it, and return its Exit with the reports."""
    seen = []
    probe = Cast().probe
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", start, restart="temporary", **keywords),))
    async with open_supervisor(spec, report=probe.report) as sup:
        sup.watch("a", seen.append)
        await act(sup)
        await settle()
    (terminated,) = seen
    assert isinstance(terminated, Terminated)
    return terminated.exit, probe.reports


async def leave(sup):
    await trio.sleep(1)


async def terminate(sup):
    await sup.terminate_child("a")


async def kill(sup):
    sup.kill("a")
    await settle()


async def wait_ten(sup):
    await trio.sleep(10)


class Leaving:
    """An async context manager that does one thing on its way out."""

    def __init__(self, leave):
        self._leave = leave

    async def __aenter__(self):
        await trio.lowlevel.checkpoint()
        return self

    def __aexit__(self, *_error):
        return self._leave()


async def forever(ctx):
    ctx.ready()
    await trio.sleep_forever()


def raises(error):
    async def start(ctx):
        ctx.ready()
        await trio.sleep(0.5)
        raise error

    return start


async def test_a_return_is_normal_and_silent(autojump_clock):
    async def start(ctx):
        ctx.ready()
        await trio.sleep(0.5)

    end, reports = await exit_of(start, leave)
    assert (end.kind, end.leaves, reports) == ("normal", (), [])


async def test_a_stop_is_stopped_and_silent(autojump_clock):
    end, reports = await exit_of(forever, terminate)
    assert (end.kind, end.leaves, reports) == ("stopped", (), [])


async def test_a_group_is_taken_apart_into_its_leaves(autojump_clock):
    group = BaseExceptionGroup("two", [Oops("1"), ExceptionGroup("more", [ValueError("2")])])
    end, reports = await exit_of(raises(group), leave)
    assert end.kind == "failed"
    assert [repr(leaf) for leaf in end.leaves] == ["Oops('1')", "ValueError('2')"]
    assert len(reports) == 1


async def test_an_error_during_a_stop_is_told(autojump_clock):
    async def start(ctx):
        try:
            await forever(ctx)
        finally:
            raise Oops("while stopping")

    end, reports = await exit_of(start, terminate)
    assert end.kind == "failed_while_stopping"
    assert [str(leaf) for leaf in end.leaves] == ["while stopping"]
    assert [report.kind for report in reports] == ["failed_while_stopping"]


async def test_an_error_that_a_checkpoint_in_finally_covers_up_is_found(autojump_clock):
    async def start(ctx):
        async with Leaving(trio.lowlevel.checkpoint):
            try:
                await forever(ctx)
            finally:
                raise Oops("covered")

    end, _ = await exit_of(start, terminate)
    assert end.kind == "failed_while_stopping"
    assert [str(leaf) for leaf in end.leaves] == ["covered"]


async def test_an_error_of_a_background_task_is_found_beside_the_cancellation(autojump_clock):
    async def breaks_when_cancelled():
        try:
            await trio.sleep_forever()
        finally:
            raise Oops("background")

    async def start(ctx):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(breaks_when_cancelled)
            await forever(ctx)

    end, _ = await exit_of(start, terminate)
    assert end.kind == "failed_while_stopping"
    assert [str(leaf) for leaf in end.leaves] == ["background"]


async def test_a_stray_cancelled_of_somebody_elses_scope_is_an_exit_and_not_silence(autojump_clock):
    stray = None

    async def leaks(ctx):
        nonlocal stray
        ctx.ready()
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as caught:
                stray = caught
                raise
        await trio.sleep(0.5)
        raise stray

    end, reports = await exit_of(leaks, leave)
    assert end.kind == "cancelled"
    assert [report.kind for report in reports] == ["cancelled"]


async def test_cleanup_within_its_time_is_a_stop_and_beyond_it_a_kill(autojump_clock):
    cast = Cast()
    end, reports = await exit_of(cast.slow_stop(1.9), terminate, shutdown_ms=2000)
    assert (end.kind, reports) == ("stopped", [])
    assert trio.current_time() == 1.9
    end, reports = await exit_of(cast.slow_stop(10), terminate, shutdown_ms=2000)
    assert (end.kind, [report.kind for report in reports]) == ("killed", ["killed"])
    assert trio.current_time() == 1.9 + 2


async def test_brutal_kill_gives_no_time_at_all(autojump_clock):
    cast = Cast()
    end, _ = await exit_of(cast.slow_stop(10), terminate, shutdown_ms="brutal_kill")
    assert end.kind == "killed"
    assert trio.current_time() == 0
    assert cast.probe.said("clean") == []


async def test_infinity_waits_for_as_long_as_it_takes(autojump_clock):
    cast = Cast()
    end, _ = await exit_of(cast.slow_stop(86400), terminate, shutdown_ms="infinity")
    assert end.kind == "stopped"
    assert trio.current_time() == 86400


async def test_kill_cuts_a_cleanup_short_that_is_already_running(autojump_clock):
    cast = Cast()

    async def stop_then_kill(sup):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sup.terminate_child, "a")
            await trio.sleep(1)
            sup.kill("a")

    end, _ = await exit_of(cast.slow_stop(60), stop_then_kill, shutdown_ms=5000)
    assert end.kind == "killed"
    assert trio.current_time() == 1


async def test_a_crashed_childs_cleanup_has_its_time_too_and_keeps_the_error(autojump_clock):
    async def clean(ctx):
        with ctx.cleanup():
            await trio.sleep(60)

    async def start(ctx):
        ctx.ready()
        await trio.sleep(0.5)
        async with Leaving(lambda: clean(ctx)):
            raise Oops("first")

    end, _ = await exit_of(start, wait_ten, shutdown_ms=3000)
    assert (end.kind, end.reason) == ("failed", "Oops: first")


async def test_a_child_that_shields_itself_is_unkillable_at_the_deadline(autojump_clock):
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.shielded(60), shutdown_ms=2000),))
    ended_at = []

    async def waits(wait):
        end = await wait()
        ended_at.append((trio.current_time(), end.kind))

    async with trio.open_nursery() as nursery:
        async with open_supervisor(spec, report=cast.probe.report) as sup:
            wait = sup.wait
            nursery.start_soon(waits, wait)
            await trio.sleep(1)
        # Only the block waits for the task itself.
        assert trio.current_time() == 61
    assert ended_at == [(3, "unkillable")]
    assert cast.probe.kinds() == ["unkillable"]


def graceful(cast, shield_s, **keywords):
    """One child that ignores its cancellation for so long, beside a steady one, in a tree of 5 s of grace."""
    child = ChildSpec("a", cast.shielded(shield_s), shutdown_ms=2000)
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("b", cast.steady), child), **keywords)
    return open_supervisor(spec, report=cast.probe.report, kill_grace_s=5)


async def test_a_child_that_ends_within_the_grace_was_killed_and_can_be_started_again(autojump_clock):
    cast = Cast()
    async with graceful(cast, 4.5) as sup, trio.open_nursery() as nursery:
        nursery.start_soon(sup.terminate_child, "a")
        await trio.sleep(4)
        assert sup.statistics_of("a").ending_s == 4
        assert sup.statistics_of("b").ending_s is None
        with pytest.raises(Running):
            await sup.restart_child("a")
        await trio.sleep(2.5)
        assert [(child.id, child.state) for child in sup.which_children()] == [("b", "running"), ("a", "undefined")]
        assert sup.statistics_of("a").ending_s is None
        assert await sup.restart_child("a") == "a"
        sup.kill("a")
        await trio.sleep(6.5)
        assert [child.state for child in sup.which_children()] == ["running", "running"]
        assert cast.probe.kinds() == ["killed", "killed"]


async def test_a_child_that_outlasts_the_grace_too_is_unkillable(autojump_clock):
    cast = Cast()
    async with graceful(cast, 60) as sup:
        await sup.terminate_child("a")
        assert trio.current_time() == 7
        assert (await sup.wait()).kind == "unkillable"
        assert sup.statistics_of("a").ending_s == 7
    assert cast.probe.kinds() == ["unkillable"]


async def test_a_supervisor_that_is_used_up_waits_for_a_child_within_the_grace(autojump_clock):
    cast = Cast()
    inner = SupervisorSpec(
        "inner", "one_for_one", (ChildSpec("b", cast.steady), ChildSpec("a", cast.shielded(5.5))), intensity=0
    )
    child = ChildSpec("in", inner, type="supervisor", shutdown_ms=1000)
    async with open_supervisor(
        SupervisorSpec("top", "one_for_one", (child,)), report=cast.probe.report, kill_grace_s=5
    ) as sup:
        cast.crash("b")
        await trio.sleep(6.5)
        assert sup.child("in").statistics().incarnation == 2
    assert "unkillable" not in cast.probe.kinds()


@pytest.mark.parametrize("grace", [-1, float("inf"), float("nan")])
def test_a_grace_that_is_no_time_is_refused(grace):
    with pytest.raises(SpecError, match="kill_grace_s"):
        open_supervisor(SupervisorSpec("top", "one_for_one"), kill_grace_s=grace)


async def test_an_unkillable_child_takes_its_supervisors_with_it_and_is_never_started_beside_itself(autojump_clock):
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("a", cast.shielded(60), shutdown_ms=2000),))
    outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("in", inner, type="supervisor"),), intensity=10)
    async with open_supervisor(outer, report=cast.probe.report) as sup:
        sup.kill("in")
        assert (await sup.wait()).kind == "unkillable"
        assert cast.probe.said("ready") == ["a"]
    assert [(report.path, report.kind) for report in cast.probe.reports] == [
        ("outer/in/a", "unkillable"),
        ("outer/in", "unkillable"),
    ]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError()])
async def test_a_fatal_error_is_never_restarted_and_ends_the_tree_in_order(autojump_clock, error):
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("a", cast.steady), ChildSpec("b", cast.steady)))
    children = (ChildSpec("first", cast.steady), ChildSpec("in", inner, type="supervisor"))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children), report=cast.probe.report) as sup:
        cast.probe.clear()
        cast.crash("b", error)
        end = await sup.wait()
    assert (end.kind, end.leaves) == ("fatal", (error,))
    assert cast.probe.story() == ["end b", "end a", "end first"]
    assert set(cast.probe.kinds()) == {"fatal"}


async def test_resources_that_a_child_entered_are_left_in_reverse_with_time_to_do_so(autojump_clock):
    events = []

    async def leave(name):
        await trio.sleep(1)
        events.append((trio.current_time(), name))

    async def start(ctx):
        await ctx.enter(Leaving(lambda: leave("first")))
        await ctx.enter(Leaving(lambda: leave("second")))
        await forever(ctx)

    end, _ = await exit_of(start, terminate)
    assert end.kind == "stopped"
    assert events == [(1, "second"), (2, "first")]
    end, _ = await exit_of(start, terminate, shutdown_ms=1500)
    assert end.kind == "killed"
    assert events[2:] == [(3, "second")]


async def test_a_nursery_may_be_entered_and_its_error_is_the_childs(autojump_clock):
    async def breaks():
        await trio.sleep(1)
        raise Oops("in the background")

    async def start(ctx):
        nursery = await ctx.enter(trio.open_nursery())
        nursery.start_soon(breaks)
        await forever(ctx)

    end, _ = await exit_of(start, wait_ten)
    assert (end.kind, end.reason) == ("failed", "Oops: in the background")
    end, _ = await exit_of(start, terminate)
    assert end.kind == "stopped"


async def test_a_report_function_or_watcher_that_raises_is_logged_and_changes_nothing(autojump_clock, caplog):
    cast = Cast()

    def broken(_):
        raise Oops("in the report")

    async with open_supervisor(
        SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady),)), report=broken
    ) as sup:
        sup.watch("a", broken)
        cast.crash("a")
        await settle()
        assert sup.which_children()[0].state == "running"
        await sup.terminate_child("a")
    assert [record.getMessage() for record in caplog.records] == [
        "the report function raised",
        "a watcher of top/a raised",
    ]


async def test_without_a_report_function_the_log_has_it(autojump_clock, caplog):
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady),))):
        cast.crash("a")
        await settle()
    assert "top/a failed: Oops: a" in caplog.text
