"""The admin calls with OTP's outcomes, and that no slow child holds them up."""

import pytest
import trio

from actors.runtime import (
    AlreadyPresent,
    AlreadyStarted,
    Backoff,
    ChildInfo,
    ChildSpec,
    Counts,
    InitFailed,
    NoProc,
    NotFound,
    Restarting,
    Running,
    SpecError,
    SupervisorError,
    SupervisorSpec,
    Terminated,
    open_supervisor,
)
from actors.runtime.testing import Cast, Summer


async def settle():
    await trio.testing.wait_all_tasks_blocked()


def top(cast, *ids, **keywords):
    return SupervisorSpec("top", "one_for_one", tuple(ChildSpec(key, cast.steady) for key in ids), **keywords)


async def test_start_child_returns_the_id_and_appends_to_the_order(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        assert await sup.start_child(ChildSpec("b", cast.steady)) == "b"
        assert sup.which_children() == (ChildInfo("a", "running", "worker", 1), ChildInfo("b", "running", "worker", 1))
        assert (sup.ids(), sup.ids("running"), sup.ids("quarantined")) == (("a", "b"), ("a", "b"), ())
        cast.probe.clear()
    assert cast.probe.story() == ["end b", "end a"]


async def test_start_child_refuses_an_id_that_is_taken(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        with pytest.raises(AlreadyStarted):
            await sup.start_child(ChildSpec("a", cast.steady))
        await sup.terminate_child("a")
        with pytest.raises(AlreadyPresent):
            await sup.start_child(ChildSpec("a", cast.steady))


async def test_a_start_child_that_fails_leaves_nothing_behind(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        with pytest.raises(InitFailed):
            await sup.start_child(ChildSpec("bad", cast.fails_to_start(1)))
        assert [child.id for child in sup.which_children()] == ["a"]
        assert sup.statistics().budget_left == 1


async def test_start_child_that_is_ignored_returns_none_and_keeps_the_spec(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast)) as sup:
        assert await sup.start_child(ChildSpec("idle", cast.ignores)) is None
        assert await sup.start_child(ChildSpec("gone", cast.ignores, restart="temporary")) is None
        assert sup.which_children() == (ChildInfo("idle", "undefined", "worker", 1),)
        assert await sup.restart_child("idle") is None


async def test_terminate_restart_and_delete_by_hand(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        with pytest.raises(Running):
            await sup.restart_child("a")
        with pytest.raises(Running):
            await sup.delete_child("a")
        await sup.terminate_child("a")
        await sup.terminate_child("a")
        assert sup.count_children() == Counts(specs=1, active=0, supervisors=0, workers=1)
        assert await sup.restart_child("a") == "a"
        await sup.terminate_child("a")
        await sup.delete_child("a")
        for call in (sup.terminate_child, sup.restart_child, sup.delete_child):
            with pytest.raises(NotFound):
                await call("a")
        for look in (sup.kill, sup.get_childspec, sup.child, sup.ref):
            with pytest.raises(NotFound):
                look("a")


async def test_a_child_in_its_backoff_is_restarting_for_every_call(autojump_clock):
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady, backoff=Backoff(9, 9)),), intensity=5)
    async with open_supervisor(spec) as sup:
        cast.crash("a")
        await settle()
        for call in (sup.restart_child, sup.delete_child):
            with pytest.raises(Restarting):
                await call("a")
        with pytest.raises(AlreadyPresent):
            await sup.start_child(ChildSpec("a", cast.steady))
        assert sup.count_children() == Counts(specs=1, active=0, supervisors=0, workers=1)


async def test_a_manual_restart_that_fails_is_not_tried_again(autojump_clock):
    cast = Cast()
    failing = cast.fails_to_start(0)
    async with open_supervisor(top(cast)) as sup:
        await sup.start_child(ChildSpec("a", failing))
        await sup.terminate_child("a")
        failing = cast.fails_to_start(5)
        await sup.delete_child("a")
        with pytest.raises(InitFailed):
            await sup.start_child(ChildSpec("a", failing))
        assert sup.which_children() == ()


async def test_restart_child_that_fails_leaves_undefined(autojump_clock):
    cast = Cast()
    healthy = True

    async def start(ctx):
        if not healthy:
            raise OSError("away")
        await cast.steady(ctx)

    async with open_supervisor(SupervisorSpec("top", "one_for_one", (ChildSpec("a", start),)), report=print) as sup:
        await sup.terminate_child("a")
        healthy = False
        with pytest.raises(InitFailed, match="away"):
            await sup.restart_child("a")
        await trio.sleep(60)
        assert sup.which_children() == (ChildInfo("a", "undefined", "worker", 2),)


async def test_get_childspec_shows_the_resolved_shutdown(autojump_clock):
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one")
    children = (ChildSpec("w", cast.steady), ChildSpec("s", inner, type="supervisor"))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)) as sup:
        assert sup.get_childspec("w").shutdown_ms == 5000
        assert sup.get_childspec("s").shutdown_ms == "infinity"
        assert sup.count_children() == Counts(specs=2, active=2, supervisors=1, workers=1)
        assert sup.child("s").which_children() == ()


async def test_the_siblings_and_the_admin_calls_go_on_while_children_start_and_stop_slowly(autojump_clock):
    cast = Cast()
    spec = top(cast, "a", intensity=10)
    async with open_supervisor(spec) as sup, trio.open_nursery() as nursery:
        await sup.start_child(ChildSpec("slow stop", cast.slow_stop(100), shutdown_ms="infinity"))
        nursery.start_soon(sup.start_child, ChildSpec("slow start", cast.slow_start(100)))
        nursery.start_soon(sup.terminate_child, "slow stop")
        await settle()
        await sup.start_child(ChildSpec("b", cast.steady))
        cast.crash("a")
        await settle()
        await sup.terminate_child("b")
        await sup.restart_child("b")
        assert [(child.id, child.state) for child in sup.which_children()] == [
            ("a", "running"),
            ("slow stop", "running"),
            ("slow start", "undefined"),
            ("b", "running"),
        ]
        assert trio.current_time() == 0
    assert trio.current_time() == 100


async def test_a_caller_who_is_cancelled_leaves_the_starting_child_to_the_supervisor(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast)) as sup:
        with trio.move_on_after(1) as scope:
            await sup.start_child(ChildSpec("slow", cast.slow_start(5)))
        assert scope.cancelled_caught
        await trio.sleep(10)
        assert [(child.id, child.state) for child in sup.which_children()] == [("slow", "running")]


async def test_terminate_child_stops_a_child_that_still_starts(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast)) as sup, trio.open_nursery() as nursery:

        async def starts():
            with pytest.raises(InitFailed):
                await sup.start_child(ChildSpec("slow", cast.slow_start(50)))

        nursery.start_soon(starts)
        await settle()
        with pytest.raises(AlreadyStarted):
            await sup.start_child(ChildSpec("slow", cast.steady))
        await sup.terminate_child("slow")
        assert trio.current_time() == 0


async def test_after_its_end_a_supervisor_still_answers_but_starts_nothing(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        pass
    assert sup.which_children() == (ChildInfo("a", "undefined", "worker", 1),)
    assert sup.statistics().state == "undefined"
    with pytest.raises(SupervisorError, match="has ended"):
        await sup.start_child(ChildSpec("b", cast.steady))
    with pytest.raises(SupervisorError, match="has ended"):
        await sup.restart_child("a")


async def test_watch_fires_once_at_the_end_and_not_at_a_restart(autojump_clock):
    cast = Cast()
    seen = []
    async with open_supervisor(top(cast, "a", intensity=5)) as sup:
        sup.watch("a", seen.append)
        unwatch = sup.watch("a", lambda _: pytest.fail("taken back"))
        unwatch()
        unwatch()
        cast.crash("a")
        await settle()
        assert seen == []
        await sup.terminate_child("a")
        await sup.restart_child("a")
        await sup.terminate_child("a")
        (terminated,) = seen
        assert (terminated.id, terminated.incarnation, terminated.exit.kind) == ("a", 2, "stopped")
        sup.watch("a", seen.append)
        assert seen[1] == Terminated("a", 3, seen[1].exit)
        sup.watch("never there", seen.append)
        assert (seen[2].id, seen[2].exit.reason) == ("never there", "noproc")


async def test_watchers_hear_of_the_end_of_the_whole_supervisor(autojump_clock):
    cast = Cast()
    seen = []
    async with open_supervisor(top(cast, "a")) as sup:
        sup.watch("a", seen.append)
    assert [terminated.exit.kind for terminated in seen] == ["stopped"]


async def test_statistics_show_the_whole_tree(autojump_clock):
    cast = Cast()
    inner = SupervisorSpec("inner", "dynamic", on_exhausted="degraded")
    children = (ChildSpec("a", cast.steady), ChildSpec("in", inner, type="supervisor"))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children, intensity=5)) as sup:
        await sup.child("in").start_child(ChildSpec("sum", Summer()))
        await trio.sleep(3)
        cast.crash("a")
        await trio.sleep(2)
        tree = sup.statistics()
        worker, below = tree.children
        assert (tree.path, tree.state, tree.restarts, tree.budget_left) == ("top", "running", 1, 4)
        assert (worker.path, worker.incarnation, worker.restarts, worker.running_s) == ("top/a", 2, 1, 2)
        assert (worker.last_failure, worker.last_failure_at) == ("failed: Oops: a", 3)
        assert (below.path, below.strategy, below.on_exhausted) == ("top/in", "dynamic", "degraded")
        assert below.children[0].mailbox.capacity == 1000


async def test_every_call_checks_what_it_is_given(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup:
        with pytest.raises(SpecError, match="must be one of cancel, stop, drain"):
            await sup.terminate_child("a", mode="gently")
        assert sup.state_of("a") == "running"
        with pytest.raises(SpecError, match="takes a ChildSpec"):
            await sup.start_child("b")
        with pytest.raises(SpecError, match="significant"):
            await sup.start_child(ChildSpec("b", cast.steady, restart="transient", significant=True))


async def test_a_child_restarted_in_the_moment_of_its_end_is_not_put_away_by_the_call_that_ended_it(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "a")) as sup, trio.open_nursery() as nursery:
        sup.watch("a", lambda _: nursery.start_soon(sup.restart_child, "a"))
        await sup.terminate_child("a")
        await settle()
        assert sup.which_children() == (ChildInfo("a", "running", "worker", 2),)


@pytest.mark.parametrize("whom", ["itself", "the supervisor above it"])
async def test_a_child_that_would_wait_for_its_own_end_is_told_so_at_once(autojump_clock, whom):
    cast = Cast()
    told = []

    async def ends(ctx):
        ctx.ready()
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def in_a_task_of_its_own():
                with pytest.raises(SupervisorError, match="nobody waits for his own end") as refused:
                    await (ctx.supervisor.terminate_child("me") if whom == "itself" else sup.terminate_child("pool"))
                told.append(refused.value.child)

            await trio.sleep_forever()

    pool = SupervisorSpec("pool", "dynamic")
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("pool", pool, type="supervisor"),))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.child("pool").start_child(ChildSpec("me", ends))
        await settle()
        assert told == ["me" if whom == "itself" else "pool"]
        assert sup.child("pool").state_of("me") == "running"
        await sup.terminate_child("pool")


async def test_one_who_asks_a_supervisor_that_is_being_stopped_hears_that_it_is_gone(autojump_clock):
    cast = Cast()
    pool = SupervisorSpec("pool", "dynamic")
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("pool", pool, type="supervisor"),))
    async with open_supervisor(spec) as sup, trio.open_nursery() as nursery:
        before = sup.child("pool")
        await before.start_child(ChildSpec("slow", cast.slow_stop(2)))
        nursery.start_soon(sup.terminate_child, "pool")
        await settle()
        with pytest.raises(NoProc, match="top/pool has ended or is ending"):
            await before.start_child(ChildSpec("late", cast.steady))
