"""OTP's supervisor_SUITE: how a supervisor ends its children, each within its own time, and what they say at their end."""

import pytest
import trio

from actors.runtime import ChildSpec, Shutdown, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast, Oops
from tests.runtime.suite import settle

RESTARTS = ("temporary", "transient", "permanent")
REASONS = ("normal", "shutdown", "shutdown with a reason", "other")


def watch_all(sup):
    """Watch every child; the exits come into the dictionary that this returns."""
    exits = {}
    for child in sup.which_children():
        sup.watch(child.id, lambda terminated: exits.setdefault(terminated.id, terminated.exit))
    return exits


def says_at_its_end(reason):
    """A child that ends by itself with this reason when it is told to stop."""

    async def start(ctx):
        ctx.ready()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            if reason == "normal":
                raise
            raise Oops(reason) if reason == "other" else Shutdown(reason) from None

    return start


async def test_infinity_holds_for_workers_and_for_supervisors(autojump_clock):
    """supervisor_SUITE: sup_stop_infinity"""
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("below", cast.slow_stop(86400), shutdown_ms="infinity"),))
    children = (
        ChildSpec("child1", inner, shutdown_ms="infinity", type="supervisor"),
        ChildSpec("child2", cast.slow_stop(86400), shutdown_ms="infinity"),
    )
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)) as sup:
        exits = watch_all(sup)
    assert {key: end.kind for key, end in exits.items()} == {"child1": "stopped", "child2": "stopped"}
    assert trio.current_time() == 2 * 86400


async def test_a_child_that_is_late_is_killed_and_the_others_are_not(autojump_clock):
    """supervisor_SUITE: sup_stop_timeout"""
    cast = Cast()
    children = (
        ChildSpec("child1", cast.steady, shutdown_ms=1000),
        ChildSpec("child2", cast.slow_stop(200), shutdown_ms=1000),
    )
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children), report=cast.probe.report) as sup:
        exits = watch_all(sup)
    assert {key: end.kind for key, end in exits.items()} == {"child1": "stopped", "child2": "killed"}
    assert (trio.current_time(), (await sup.wait()).kind) == (1, "shutdown")


async def test_a_late_child_of_a_template_is_killed_and_the_others_are_not(autojump_clock):
    """supervisor_SUITE: sup_stop_timeout_dynamic"""
    cast = Cast()

    async def start(ctx):
        await (cast.slow_stop(200) if ctx.args else cast.steady)(ctx)

    child = ChildSpec("template", start, restart="temporary", shutdown_ms=1000)
    spec = SupervisorSpec("pool", "simple_one_for_one", (child,))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.start_child("child1")
        await sup.start_child("child2", "late")
        exits = watch_all(sup)
    assert {key: end.kind for key, end in exits.items()} == {"child1": "stopped", "child2": "killed"}
    assert (trio.current_time(), (await sup.wait()).kind) == (1, "shutdown")


async def test_brutal_kill_is_for_the_child_that_asks_for_it(autojump_clock):
    """supervisor_SUITE: sup_stop_brutal_kill"""
    cast = Cast()
    children = (
        ChildSpec("child1", cast.slow_stop(0.5), shutdown_ms=1000),
        ChildSpec("child2", cast.slow_stop(0.5), shutdown_ms="brutal_kill"),
    )
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children), report=cast.probe.report) as sup:
        exits = watch_all(sup)
    assert {key: end.kind for key, end in exits.items()} == {"child1": "stopped", "child2": "killed"}
    assert (cast.probe.said("clean"), trio.current_time()) == (["child1"], 0.5)


async def test_brutal_kill_ends_a_pool_in_no_time(autojump_clock):
    """supervisor_SUITE: sup_stop_brutal_kill_dynamic"""
    cast = Cast()
    child = ChildSpec("template", cast.slow_stop(60), restart="temporary", shutdown_ms="brutal_kill")
    spec = SupervisorSpec("pool", "simple_one_for_one", (child,))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for number in range(10):
            await sup.start_child(f"{number}")
        exits = watch_all(sup)
    assert [end.kind for end in exits.values()] == ["killed"] * 10
    assert (trio.current_time(), cast.probe.said("clean")) == (0, [])


async def test_children_that_end_by_themselves_while_the_supervisor_stops_are_not_started_again(autojump_clock):
    """supervisor_SUITE: sup_stop_race"""
    cast = Cast()
    names = [f"{restart}, {reason}" for restart in RESTARTS for reason in REASONS]
    children = (
        ChildSpec("first", cast.steady, restart="temporary"),
        *(ChildSpec(name, cast.steady, restart=name.split(", ")[0]) for name in names),
        ChildSpec("last", cast.slow_stop(1), restart="temporary", shutdown_ms=2000),
    )
    spec = SupervisorSpec("top", "one_for_one", children)
    async with trio.open_nursery() as nursery, open_supervisor(spec, report=cast.probe.report) as sup:
        exits = watch_all(sup)

        async def end_them():
            await trio.sleep(0.2)
            for name in names:
                error = {"other": Oops(name), "normal": None}.get(name.split(", ")[1], Shutdown(name))
                cast.end(name) if error is None else cast.crash(name, error)

        nursery.start_soon(end_them)
    kinds = {"normal": "normal", "shutdown": "shutdown", "shutdown with a reason": "shutdown", "other": "failed"}
    assert {name: exits[name].kind for name in names} == {name: kinds[name.split(", ")[1]] for name in names}
    assert (exits["first"].kind, exits["last"].kind) == ("stopped", "stopped")
    assert len(cast.probe.said("ready")) == len(children)
    assert ((await sup.wait()).kind, trio.current_time()) == ("shutdown", 1)
    assert cast.probe.kinds() == ["failed"] * 3


@pytest.mark.parametrize("restart", RESTARTS)
async def test_a_pool_whose_children_stop_with_reasons_of_their_own_ends_well(autojump_clock, restart):
    """supervisor_SUITE: sup_stop_non_shutdown_exit_dynamic"""
    cast = Cast()

    async def start(ctx):
        await says_at_its_end(ctx.id)(ctx)

    spec = SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("template", start, restart=restart),))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for reason in REASONS:
            await sup.start_child(reason)
        exits = watch_all(sup)
        await settle()
    assert {key: end.kind for key, end in exits.items()} == {
        "normal": "stopped",
        "shutdown": "stopped",
        "shutdown with a reason": "stopped",
        "other": "failed_while_stopping",
    }
    assert (await sup.wait()).kind == "shutdown"
    assert [report.path for report in cast.probe.reports] == ["pool/other"]
