"""OTP's supervisor_SUITE: permanent, transient and temporary children after each sort of end."""

import gc
import weakref

import pytest
import trio

from actors.runtime import AlreadyPresent, AlreadyStarted, ChildSpec, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast
from tests.runtime.suite import LONG_S, counts, end_child, settle, states

RUNS = ({"child1": "running"}, (1, 1, 0, 1))
STAYS = ({"child1": "undefined"}, (1, 0, 0, 1))
GONE = ({}, (0, 0, 0, 0))


@pytest.mark.parametrize("how", ["normal", "shutdown", "shutdown with a reason", "abnormal", "kill"])
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_the_restart_type_decides_after_each_sort_of_end(autojump_clock, restart, how):
    """supervisor_SUITE: permanent_normal
    supervisor_SUITE: permanent_shutdown
    supervisor_SUITE: permanent_abnormal
    supervisor_SUITE: transient_normal
    supervisor_SUITE: transient_shutdown
    supervisor_SUITE: transient_abnormal
    supervisor_SUITE: temporary_normal
    supervisor_SUITE: temporary_shutdown
    supervisor_SUITE: temporary_abnormal
    """
    cast = Cast()
    child = ChildSpec("child1", cast.steady, restart=restart)
    spec = SupervisorSpec("top", "one_for_one", intensity=2, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.start_child(child)
        await end_child(sup, cast, "child1", how)
        good_order = how in ("normal", "shutdown", "shutdown with a reason")
        expected = {"permanent": RUNS, "transient": STAYS if good_order else RUNS, "temporary": GONE}[restart]
        assert (states(sup), counts(sup)) == expected
        if expected == STAYS:
            assert await sup.restart_child("child1") == "child1"
        elif expected == GONE:
            assert await sup.start_child(child) == "child1"


async def test_a_good_end_is_told_to_nobody(autojump_clock):
    """supervisor_SUITE: external_start_no_progress_log"""
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", (ChildSpec("child1", cast.steady),), intensity=2, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await end_child(sup, cast, "child1", "normal")
        assert states(sup) == {"child1": "running"}
    assert cast.probe.reports == []


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
async def test_a_temporary_bystander_of_a_groups_restart_does_not_come_back(autojump_clock, strategy):
    """supervisor_SUITE: temporary_bystander"""
    cast = Cast()
    children = (ChildSpec("child1", cast.steady), ChildSpec("child2", cast.steady, restart="temporary"))
    async with open_supervisor(SupervisorSpec("top", strategy, children, intensity=2, period_s=300)) as sup:
        await end_child(sup, cast, "child1", "normal")
        await trio.sleep(0.35)
        assert states(sup) == {"child1": "running"}
        assert sup.statistics().state == "running"


@pytest.mark.parametrize("how", ["kill", "normal", "abnormal", "supervisor"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
async def test_only_a_temporary_childs_spec_is_forgotten(autojump_clock, strategy, how):
    """supervisor_SUITE: do_not_save_child_specs_for_temporary_children"""
    cast = Cast()
    spec = SupervisorSpec("top", strategy, intensity=2, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for restart in ("permanent", "transient", "temporary"):
            child = ChildSpec(restart, cast.steady, restart=restart)
            await sup.start_child(child)
            await end_child(sup, cast, restart, how)
            if restart == "temporary":
                assert await sup.start_child(child) == restart
            elif how == "supervisor" or (how == "normal" and restart == "transient"):
                with pytest.raises(AlreadyPresent):
                    await sup.start_child(child)
                assert await sup.restart_child(restart) == restart
            else:
                with pytest.raises(AlreadyStarted):
                    await sup.start_child(child)


class Large:
    """Something that nobody wants to keep for longer than its child lives."""


@pytest.mark.parametrize("how", ["abnormal", "normal", "supervisor"])
async def test_what_a_temporary_child_was_started_with_is_let_go_at_its_end(autojump_clock, how):
    """supervisor_SUITE: do_not_save_start_parameters_for_temporary_children
    supervisor_SUITE: simple_one_for_one_corruption
    """
    cast = Cast()
    child = ChildSpec("t", cast.steady, restart="temporary")
    async with open_supervisor(SupervisorSpec("pool", "simple_one_for_one", (child,)), report=lambda _: None) as sup:
        for key in ("first", "second"):
            large = Large()
            kept = weakref.ref(large)
            await sup.start_child(key, large)
            del large
            assert kept() is not None
            await end_child(sup, cast, key, how)
            gc.collect()
            assert kept() is None


async def test_restarts_that_are_far_enough_apart_go_on_for_ever(autojump_clock):
    """supervisor_SUITE: multiple_restarts"""
    cast = Cast()
    child = ChildSpec("child1", cast.steady, shutdown_ms="brutal_kill")
    async with open_supervisor(SupervisorSpec("top", "one_for_one", intensity=1, period_s=1)) as sup:
        await sup.start_child(child)
        for _ in range(4):
            cast.crash("child1")
            await settle()
            assert states(sup) == {"child1": "running"}
            await trio.sleep(2.1)
        await sup.terminate_child("child1")
        await sup.delete_child("child1")
