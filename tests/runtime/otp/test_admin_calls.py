"""OTP's supervisor_SUITE: the calls by which people start, stop, list and count children, at quiet and at bad moments."""

import pytest
import trio

from actors.runtime import (
    AlreadyPresent,
    AlreadyStarted,
    ChildInfo,
    ChildSpec,
    NotFound,
    Restarting,
    Running,
    SpecError,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.testing import Cast, Summer
from tests.runtime.suite import LONG_S, Gate, counts, incarnations, settle, states


async def test_the_life_of_a_child_by_hand(autojump_clock):
    """supervisor_SUITE: child_adm"""
    cast = Cast()
    child = ChildSpec("child1", cast.steady, shutdown_ms=1000)
    spec = SupervisorSpec("top", "one_for_one", (child,), intensity=2, period_s=LONG_S)
    async with open_supervisor(spec) as sup:
        assert (states(sup), counts(sup)) == ({"child1": "running"}, (1, 1, 0, 1))
        with pytest.raises(AlreadyStarted):
            await sup.start_child(child)
        with pytest.raises(NotFound):
            await sup.terminate_child("hej")
        await sup.terminate_child("child1")
        assert (states(sup), counts(sup)) == ({"child1": "undefined"}, (1, 0, 0, 1))
        await sup.terminate_child("child1")
        with pytest.raises(AlreadyPresent):
            await sup.start_child(child)
        assert await sup.restart_child("child1") == "child1"
        assert (states(sup), counts(sup)) == ({"child1": "running"}, (1, 1, 0, 1))
        for call, key, error in (
            (sup.restart_child, "child1", Running),
            (sup.restart_child, "child2", NotFound),
            (sup.delete_child, "child1", Running),
            (sup.delete_child, "hej", NotFound),
        ):
            with pytest.raises(error):
                await call(key)
        await sup.terminate_child("child1")
        await sup.delete_child("child1")
        with pytest.raises(NotFound):
            await sup.restart_child("child1")
        assert (sup.which_children(), counts(sup)) == ((), (0, 0, 0, 0))
        assert await sup.start_child(child) == "child1"
        assert (states(sup), counts(sup)) == ({"child1": "running"}, (1, 1, 0, 1))


async def test_a_child_that_went_through_people_s_hands_is_still_restarted(autojump_clock):
    """supervisor_SUITE: extra_return"""
    cast = Cast()
    child = ChildSpec("child1", cast.steady)
    async with open_supervisor(SupervisorSpec("top", "one_for_one", (child,), intensity=2, period_s=LONG_S)) as sup:
        for call in (sup.terminate_child, sup.delete_child, sup.restart_child):
            with pytest.raises(NotFound):
                await call("hej")
        for call in (sup.delete_child, sup.restart_child):
            with pytest.raises(Running):
                await call("child1")
        await sup.terminate_child("child1")
        assert await sup.restart_child("child1") == "child1"
        await sup.terminate_child("child1")
        await sup.terminate_child("child1")
        await sup.delete_child("child1")
        assert await sup.start_child(child) == "child1"
        cast.crash("child1")
        await settle()
        assert sup.which_children() == (ChildInfo("child1", "running", "worker", 2),)
        assert (counts(sup), sup.statistics().budget_left) == ((1, 1, 0, 1), 1)


async def test_the_life_of_a_templates_children(autojump_clock):
    """supervisor_SUITE: child_adm_simple
    supervisor_SUITE: which_children_simple_one_for_one
    """
    cast = Cast()
    spec = SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("template", cast.steady),))
    async with open_supervisor(spec) as sup:
        assert (sup.which_children(), counts(sup)) == ((), (1, 0, 0, 0))
        await sup.start_child("a")
        assert (states(sup), counts(sup)) == ({"a": "running"}, (1, 1, 0, 1))
        await sup.start_child("b")
        assert (states(sup), counts(sup)) == ({"a": "running", "b": "running"}, (1, 2, 0, 2))
        await sup.terminate_child("template")
        assert counts(sup) == (1, 2, 0, 2)
        await sup.terminate_child("a")
        await sup.terminate_child("a")
        assert (states(sup), counts(sup)) == ({"b": "running"}, (1, 1, 0, 1))
        for call in (sup.restart_child, sup.delete_child):
            with pytest.raises(NotFound):
                await call("a")
            with pytest.raises(Running):
                await call("b")


async def test_which_children_follows_each_call(autojump_clock):
    """supervisor_SUITE: which_children"""
    cast = Cast()
    async with open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        assert states(sup) == {}
        await sup.start_child(ChildSpec("child1", cast.steady))
        assert states(sup) == {"child1": "running"}
        await sup.start_child(ChildSpec("child2", cast.steady))
        assert states(sup) == {"child1": "running", "child2": "running"}
        await sup.terminate_child("child1")
        assert states(sup) == {"child1": "undefined", "child2": "running"}
        await sup.delete_child("child1")
        assert states(sup) == {"child2": "running"}


@pytest.mark.parametrize("kind", ["worker", "supervisor"])
async def test_thousands_are_counted_and_listed_alike(autojump_clock, kind):
    """supervisor_SUITE: count_children
    supervisor_SUITE: count_children_supervisor
    """
    cast = Cast()
    start = cast.steady if kind == "worker" else SupervisorSpec("inner", "one_for_one")
    spec = SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("t", start, type=kind, restart="temporary"),))
    async with open_supervisor(spec, report=lambda _: None) as sup:
        for total in (400, 800):
            for number in range(total - 400, total):
                await sup.start_child(f"{number}")
            workers, supervisors = (total, 0) if kind == "worker" else (0, total)
            assert counts(sup) == (1, total, supervisors, workers)
            assert len(sup.which_children()) == total
        for child in sup.which_children():
            sup.kill(child.id)
        await settle()
        assert counts(sup) == (1, 0, 0, 0)


async def test_a_template_that_is_a_supervisor_takes_no_arguments(autojump_clock):
    """supervisor_SUITE: count_children_supervisor"""
    inner = SupervisorSpec("inner", "one_for_one")
    spec = SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("t", inner, type="supervisor"),))
    async with open_supervisor(spec) as sup:
        with pytest.raises(SpecError, match="no arguments"):
            await sup.start_child("a", 1)
        await sup.start_child("a")
        assert sup.child("a").path == "pool/a"


async def test_children_that_restart_are_counted_and_are_not_active(autojump_clock):
    """supervisor_SUITE: count_restarting_children"""
    cast = Cast()
    gate = Gate(cast, seconds=2)
    child = ChildSpec("t", gate, shutdown_ms="brutal_kill")
    spec = SupervisorSpec("pool", "simple_one_for_one", (child,), intensity=20, period_s=10, budget="shared")
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for number in range(3):
            await sup.start_child(f"{number}")
            assert counts(sup) == (1, number + 1, 0, number + 1)
        for key in "012":
            cast.crash(key)
        await settle()
        assert counts(sup) == (1, 3, 0, 3)
        gate.is_open = False
        cast.crash("0")
        cast.crash("1")
        await trio.sleep(4.5)
        assert counts(sup) == (1, 1, 0, 3)
        gate.is_open = True
        await trio.sleep(4)
        assert counts(sup) == (1, 3, 0, 3)
        for key in "012":
            await sup.terminate_child(key)
        assert counts(sup) == (1, 0, 0, 0)


async def test_a_child_that_hangs_in_its_restarts_can_be_seen_stopped_and_started(autojump_clock):
    """supervisor_SUITE: hanging_restart_loop"""
    cast = Cast()
    gate = Gate(cast, seconds=2)
    child = ChildSpec("child1", gate, shutdown_ms="brutal_kill")
    spec = SupervisorSpec("top", "one_for_one", (child,), intensity=8, period_s=10)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for _ in range(2):
            gate.is_open = False
            cast.crash("child1")
            await trio.sleep(3)
            with pytest.raises(AlreadyPresent):
                await sup.start_child(child)
            for call in (sup.restart_child, sup.delete_child):
                with pytest.raises(Restarting):
                    await call("child1")
            assert (states(sup), counts(sup)) == ({"child1": "restarting"}, (1, 0, 0, 1))
            await sup.terminate_child("child1")
            assert states(sup) == {"child1": "undefined"}
            gate.is_open = True
            await sup.restart_child("child1")
        gate.is_open = False
        cast.crash("child1")
        await trio.sleep(1)
    assert trio.current_time() == 7


async def test_a_group_that_hangs_at_one_member_can_be_seen_stopped_and_started(autojump_clock):
    """supervisor_SUITE: hanging_restart_loop_rest_for_one"""
    cast = Cast()
    gate = Gate(cast, seconds=2)
    second = ChildSpec("child2", gate, shutdown_ms="brutal_kill")
    children = (ChildSpec("child1", cast.steady), second, ChildSpec("child3", cast.steady))
    spec = SupervisorSpec("top", "rest_for_one", children, intensity=8, period_s=10)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        gate.is_open = False
        cast.crash("child2")
        await trio.sleep(3)
        with pytest.raises(AlreadyPresent):
            await sup.start_child(second)
        for call in (sup.restart_child, sup.delete_child):
            with pytest.raises(Restarting):
                await call("child2")
        assert states(sup) == {"child1": "running", "child2": "restarting", "child3": "undefined"}
        assert counts(sup) == (3, 1, 0, 3)
        await sup.terminate_child("child2")
        await settle()
        assert states(sup) == {"child1": "running", "child2": "undefined", "child3": "undefined"}
        gate.is_open = True
        await sup.restart_child("child2")
        assert incarnations(sup)["child1"] == 1
        gate.is_open = False
        cast.crash("child2")
        await trio.sleep(1)
    assert trio.current_time() == 4


async def test_members_that_wait_for_their_turn_lose_no_message_and_can_be_started_or_deleted(autojump_clock):
    """supervisor_SUITE: hanging_restart_loop_rest_for_one"""
    cast, seen = Cast(), []
    gate = Gate(cast, seconds=2)
    children = (ChildSpec("a", gate), *(ChildSpec(key, Summer()) for key in "bcd"))
    spec = SupervisorSpec("top", "rest_for_one", children, intensity=8, period_s=10)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for key in "bcd":
            sup.watch(key, seen.append)
        gate.is_open = False
        cast.crash("a")
        await trio.sleep(1)
        assert states(sup) == {"a": "restarting", "b": "undefined", "c": "undefined", "d": "undefined"}
        assert sup.ref("b").alive
        assert seen == []
        assert await sup.restart_child("c") == "c"
        await sup.delete_child("d")
        assert [terminated.id for terminated in seen] == ["d"]
        gate.is_open = True
        await trio.sleep(1.5)
        assert states(sup) == {"a": "running", "b": "running", "c": "running"}
        assert incarnations(sup) == {"a": 3, "b": 2, "c": 3}


async def test_a_templates_child_that_hangs_in_its_restarts_can_be_stopped(autojump_clock):
    """supervisor_SUITE: hanging_restart_loop_simple"""
    cast = Cast()
    gate = Gate(cast, seconds=2)
    child = ChildSpec("t", gate, shutdown_ms="brutal_kill")
    spec = SupervisorSpec("pool", "simple_one_for_one", (child,), intensity=8, period_s=10, budget="shared")
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.start_child("a")
        gate.is_open = False
        cast.crash("a")
        await trio.sleep(3)
        for call in (sup.restart_child, sup.delete_child):
            with pytest.raises(Restarting):
                await call("a")
        assert (states(sup), counts(sup)) == ({"a": "restarting"}, (1, 0, 0, 1))
        await sup.terminate_child("a")
        assert states(sup) == {}
        gate.is_open = True
        await sup.start_child("b")
        gate.is_open = False
        cast.crash("b")
        await trio.sleep(1)
    assert trio.current_time() == 4


async def test_a_name_that_somebody_else_has_fails_the_start(autojump_clock):
    """supervisor_SUITE: already_started_outside_supervisor"""
    other = SupervisorSpec("other", "one_for_one", (ChildSpec("holder", Summer(), name="the name"),))
    async with open_supervisor(other), open_supervisor(SupervisorSpec("top", "one_for_one")) as sup:
        with pytest.raises(AlreadyStarted, match="other/holder"):
            await sup.start_child(ChildSpec("child", Summer(), restart="transient", name="the name"))
        assert sup.which_children() == ()
