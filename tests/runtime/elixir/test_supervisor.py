"""Elixir's supervisor_test, and what of its Task.Supervisor's and Registry's tests has a meaning here."""

import pytest
import trio

from actors.runtime import (
    AlreadyStarted,
    ChildSpec,
    MaxChildren,
    NotFound,
    Running,
    Shutdown,
    SpecError,
    SupervisorSpec,
    open_supervisor,
    whereis,
)
from actors.runtime.testing import Add, Cast, Fail, GetSum, Summer
from tests.runtime.suite import counts, end_child, incarnations, settle, states


async def test_a_supervised_actor_is_found_by_its_name_before_and_after_it_ended(autojump_clock):
    """SupervisorTest: start_link/2
    SupervisorTest: start_link/3
    SupervisorTest: start_link/3 with local
    """

    class Stack(Summer):
        async def handle(self, ctx, state, message):
            if message == "stop":
                ctx.reply("ok")
                raise Shutdown
            return await super().handle(ctx, state, message)

    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("stack", Stack(first=7), name="dyn_stack"),))
    async with open_supervisor(spec):
        assert await whereis("dyn_stack").ask(GetSum(), timeout_s=1) == 7
        whereis("dyn_stack").tell(Add(1))
        assert await whereis("dyn_stack").ask("stop", timeout_s=1) == "ok"
        assert await whereis("dyn_stack").ask(GetSum(), timeout_s=1) == 7
    assert whereis("dyn_stack") is None


@pytest.mark.parametrize("name", ["", 7, "a/b"])
def test_a_name_is_text(name):
    """SupervisorTest: start_link/2"""
    with pytest.raises(SpecError, match="name"):
        ChildSpec("stack", Summer(), name=name)


def test_a_supervisor_without_a_strategy_is_none():
    """SupervisorTest: init/2"""
    with pytest.raises(TypeError, match="strategy"):
        SupervisorSpec("top")
    spec = SupervisorSpec("top", "one_for_all", (ChildSpec("a", Cast().steady),), intensity=1, period_s=2)
    assert (spec.strategy, spec.intensity, spec.period_s, spec.auto_shutdown) == ("one_for_all", 1, 2, "never")


async def test_a_child_is_started_from_its_spec_and_from_nothing_else(autojump_clock):
    """SupervisorTest: start_child/2 supports new child spec
    SupervisorTest: start_child/2 with invalid child spec
    """
    async with open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        assert await sup.start_child(ChildSpec("task", Cast().steady)) == "task"
        for nothing in ({}, (1, 2, 3, 4, 5, 6), "task"):
            with pytest.raises(SpecError, match="takes a ChildSpec"):
                await sup.start_child(nothing)


@pytest.mark.parametrize("shutdown_ms", [0, 1])
async def test_the_shortest_times_are_times_too(autojump_clock, shutdown_ms):
    """SupervisorTest: start_child/2 with valid child spec"""
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        await sup.start_child(ChildSpec("a", cast.steady, shutdown_ms=shutdown_ms))
        await end_child(sup, cast, "a", "shutdown")
        assert incarnations(sup) == {"a": 2}


async def test_the_life_of_a_child(autojump_clock):
    """SupervisorTest: child life cycle"""
    async with open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        assert (states(sup), counts(sup)) == ({}, (0, 0, 0, 0))
        await sup.start_child(ChildSpec("stack", Summer(first=7)))
        ref = sup.ref("stack")
        assert await ref.ask(GetSum(), timeout_s=1) == 7
        assert (states(sup), counts(sup)) == ({"stack": "running"}, (1, 1, 0, 1))
        with pytest.raises(Running):
            await sup.delete_child("stack")
        await sup.terminate_child("stack")
        await sup.restart_child("stack")
        assert await ref.ask(GetSum(), timeout_s=1) == 7
        await sup.terminate_child("stack")
        await sup.delete_child("stack")
        assert states(sup) == {}


async def test_a_pool_of_tasks_counts_bounds_and_forgets_them(autojump_clock):
    """Task.SupervisorTest: can be supervised directly
    Task.SupervisorTest: counts and returns children
    Task.SupervisorTest: async/1 raises when :max_children is reached
    Task.SupervisorTest: async_nolink/1 raises when :max_children is reached
    Task.SupervisorTest: start_child/1
    Task.SupervisorTest: start_child/3
    Task.SupervisorTest: terminate_child/2
    """
    cast = Cast()
    inner = SupervisorSpec("tasks", "dynamic", max_children=1)
    top = SupervisorSpec("top", "one_for_one", (ChildSpec("tasks", inner, type="supervisor"),))
    async with open_supervisor(top) as root:
        sup = root.child("tasks")
        assert (sup.which_children(), counts(sup)) == ((), (0, 0, 0, 0))
        await sup.start_child(ChildSpec("task", cast.steady, restart="temporary"))
        assert states(sup) == {"task": "running"}
        with pytest.raises(MaxChildren):
            await sup.start_child(ChildSpec("another", cast.steady, restart="temporary"))
        cast.end("task")
        await settle()
        assert states(sup) == {}
        await sup.start_child(ChildSpec("task", cast.steady, restart="temporary"))
        await sup.terminate_child("task")
        assert states(sup) == {}
        with pytest.raises(NotFound):
            await sup.terminate_child("task")


async def test_a_task_has_the_shutdown_and_the_restart_type_of_its_spec(autojump_clock):
    """Task.SupervisorTest: async/1 with custom shutdown
    Task.SupervisorTest: async_nolink/1 with custom shutdown
    Task.SupervisorTest: start_child/1 with custom shutdown
    Task.SupervisorTest: start_child/1 with custom restart
    """
    cast, exits = Cast(), []
    async with open_supervisor(SupervisorSpec("tasks", "dynamic"), report=lambda _: None) as sup:
        await sup.start_child(ChildSpec("task", cast.slow_stop(5), restart="permanent", shutdown_ms="brutal_kill"))
        cast.crash("task", Shutdown())
        await trio.sleep(6)
        assert incarnations(sup) == {"task": 2}
        sup.watch("task", exits.append)
        left_at = trio.current_time()
    assert [terminated.exit.kind for terminated in exits] == ["killed"]
    assert trio.current_time() == left_at


async def test_a_name_has_one_holder_for_as_long_as_the_address_lives(autojump_clock):
    """Registry.UniqueTest: has unique registrations
    Registry.UniqueTest: has unique registrations across processes
    Registry.UniqueTest: unregisters process by key
    Registry.UniqueTest: unregisters with no entries
    Registry.UniqueTest: empty list for empty registry
    RegistryTest: clean up registry on process crash
    """
    assert whereis("the name") is None
    spec = SupervisorSpec("pool", "dynamic", intensity=0)
    async with open_supervisor(spec, report=lambda _: None) as sup, open_supervisor(spec) as other:
        child = ChildSpec("a", Summer(), name="the name")
        await sup.start_child(child)
        for home, key in ((sup, "b"), (other, "a")):
            with pytest.raises(AlreadyStarted, match="pool/a"):
                await home.start_child(ChildSpec(key, Summer(), name="the name"))
        await sup.terminate_child("a")
        assert whereis("the name") is None
        await other.start_child(child)
        assert whereis("the name").alive
        await other.terminate_child("a")
        await sup.start_child(ChildSpec("once", Summer(), restart="temporary", name="the name"))
        sup.ref("once").tell(Fail())
        await settle()
        assert whereis("the name") is None
