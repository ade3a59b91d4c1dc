"""Starting from left to right, stopping from right to left, and what a failed start leaves behind."""

import pytest
import trio

from actors.runtime import (
    AlreadyStarted,
    ChildSpec,
    Exit,
    Ignore,
    InitFailed,
    SupervisorSpec,
    open_supervisor,
    whereis,
)
from actors.runtime.testing import Cast, Oops, Summer


def specs(cast, *ids, **keywords):
    return tuple(ChildSpec(key, cast.steady, **keywords) for key in ids)


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock):
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one", specs(cast, "a", "b", "c"))) as sup:
        assert [child.id for child in sup.which_children()] == ["a", "b", "c"]
        assert cast.probe.story() == ["ready a", "ready b", "ready c"]
        cast.probe.clear()
    assert cast.probe.story() == ["end c", "end b", "end a"]
    assert await sup.wait() == Exit("shutdown", "left", incarnation=1)
    assert await sup.wait() == Exit("shutdown", "left", incarnation=1)


async def test_a_child_starts_only_when_the_one_before_is_ready(autojump_clock):
    cast = Cast()
    children = (ChildSpec("slow", cast.slow_start(3)), ChildSpec("next", cast.steady))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)):
        assert cast.probe.events == [(0, "init", "slow"), (3, "ready", "slow"), (3, "ready", "next")]


async def test_a_child_stops_only_when_the_one_after_it_is_gone(autojump_clock):
    cast = Cast()
    children = (ChildSpec("first", cast.steady), ChildSpec("last", cast.slow_stop(2)))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)):
        cast.probe.clear()
    assert cast.probe.events == [(0, "end", "last"), (2, "clean", "last"), (2, "end", "first")]


async def test_a_failed_start_stops_what_was_started_and_is_not_tried_again(autojump_clock):
    cast = Cast()
    children = (*specs(cast, "a", "b"), ChildSpec("bad", cast.fails_to_start(1)), ChildSpec("never", cast.steady))
    with pytest.raises(InitFailed) as caught:
        async with open_supervisor(SupervisorSpec("top", "one_for_one", children), report=cast.probe.report):
            pytest.fail("the block must not run")
    assert (caught.value.child, caught.value.kind) == ("bad", "error")
    assert isinstance(caught.value.cause, Oops)
    assert caught.value.__cause__ is caught.value.cause
    assert cast.probe.story() == ["ready a", "ready b", "init bad", "end b", "end a"]
    assert cast.probe.kinds() == ["init_failed"]


async def test_a_return_before_ready_is_a_failed_start(autojump_clock):
    async def returns(ctx):
        await trio.lowlevel.checkpoint()

    with pytest.raises(InitFailed, match="returned before"):
        async with open_supervisor(SupervisorSpec("top", "one_for_one", (ChildSpec("a", returns),))):
            pass


async def test_init_has_its_deadline_outside_the_child(autojump_clock):
    cast = Cast()
    children = (ChildSpec("slow", cast.slow_start(60), init_timeout_ms=1500),)
    with pytest.raises(InitFailed) as caught:
        async with open_supervisor(SupervisorSpec("top", "one_for_one", children)):
            pass
    assert (caught.value.kind, caught.value.cause) == ("timeout", None)
    assert trio.current_time() == 1.5


async def test_a_child_that_is_ready_in_time_keeps_running_past_the_deadline(autojump_clock):
    cast = Cast()
    children = (ChildSpec("slow", cast.slow_start(1), init_timeout_ms=1500),)
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children)) as sup:
        await trio.sleep(10)
        assert [child.state for child in sup.which_children()] == ["running"]


async def test_a_failed_start_below_fails_the_start_above_with_the_way_to_the_cause(autojump_clock):
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("bad", cast.fails_to_start(1)),))
    outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("inner", inner, type="supervisor"),))
    with pytest.raises(InitFailed) as caught:
        async with open_supervisor(outer):
            pass
    assert caught.value.child == "inner"
    assert isinstance(caught.value.cause, InitFailed)
    assert caught.value.cause.child == "bad"
    assert isinstance(caught.value.cause.cause, Oops)


async def test_an_ignored_static_child_stays_undefined_and_a_temporary_one_vanishes(autojump_clock):
    cast = Cast()
    children = (ChildSpec("stays", cast.ignores), ChildSpec("goes", cast.ignores, restart="temporary"))
    async with open_supervisor(SupervisorSpec("top", "one_for_one", children), report=cast.probe.report) as sup:
        assert [(child.id, child.state) for child in sup.which_children()] == [("stays", "undefined")]
    assert cast.probe.reports == []


async def test_an_actor_may_ignore_its_start(autojump_clock):
    class Idle(Summer):
        async def init(self, ctx):
            return Ignore

    async with open_supervisor(SupervisorSpec("top", "dynamic")) as sup:
        assert await sup.start_child(ChildSpec("a", Idle())) is None
        assert sup.which_children() == ()


async def test_leaving_the_block_with_an_error_stops_in_order_and_raises_that_error(autojump_clock):
    cast = Cast()
    with pytest.raises(Oops, match="the body's own"):
        async with open_supervisor(SupervisorSpec("top", "one_for_one", specs(cast, "a", "b"))) as sup:
            cast.probe.clear()
            raise Oops("the body's own")
    assert cast.probe.story() == ["end b", "end a"]
    assert (await sup.wait()).kind == "shutdown"


async def test_cancelled_from_outside_the_tree_still_stops_in_order_with_its_cleanups(autojump_clock):
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", tuple(ChildSpec(key, cast.slow_stop(1)) for key in "abc"))
    with trio.move_on_after(5) as scope:
        async with open_supervisor(spec, report=cast.probe.report) as sup:
            cast.probe.clear()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert cast.probe.events == [
        (5, "end", "c"),
        (6, "clean", "c"),
        (6, "end", "b"),
        (7, "clean", "b"),
        (7, "end", "a"),
        (8, "clean", "a"),
    ]
    assert (await sup.wait()).kind == "cancelled"
    assert cast.probe.reports == []


async def test_cancelled_while_it_starts_the_tree_rolls_back(autojump_clock):
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady), ChildSpec("slow", cast.slow_start(60))))
    with trio.move_on_after(5) as scope:
        async with open_supervisor(spec):
            pytest.fail("the block must not run")
    assert scope.cancelled_caught
    assert trio.current_time() == 5
    assert cast.probe.story() == ["ready a", "init slow", "end a"]


async def test_the_tree_begins_to_stop_while_the_cancelled_body_still_cleans_up(autojump_clock):
    cast = Cast()
    with trio.move_on_after(1):
        async with open_supervisor(SupervisorSpec("top", "one_for_one", specs(cast, "a"))):
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.sleep(5)
    assert cast.probe.events[-1] == (1, "end", "a")
    assert trio.current_time() == 6


async def test_a_supervisor_that_ends_while_the_block_runs_leaves_the_body_alone(autojump_clock):
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one", specs(cast, "a"), intensity=0)) as sup:
        cast.crash("a")
        assert (await sup.wait()).reason == "exhausted"
        await trio.sleep(5)
        assert await sup.wait() is await sup.wait()
    assert trio.current_time() == 5


async def test_names_are_registered_for_as_long_as_the_address_lives(autojump_clock):
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", Summer(), name="the summer"),))
    async with open_supervisor(spec) as sup:
        assert whereis("the summer").path == "top/a"
        assert whereis("nobody") is None
        with pytest.raises(AlreadyStarted, match="the summer"):
            await sup.start_child(ChildSpec("b", Summer(), name="the summer"))
        assert [child.id for child in sup.which_children()] == ["a"]
    assert whereis("the summer") is None


async def test_a_name_taken_by_another_tree_fails_the_start(autojump_clock):
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("a", Summer(), name="unique"),))
    inner = SupervisorSpec("outer", "one_for_one", (ChildSpec("inner", spec, type="supervisor"),))
    async with open_supervisor(spec):
        for again in (spec, inner):
            with pytest.raises(InitFailed):
                async with open_supervisor(again):
                    pass
        assert whereis("unique").path == "top/a"
