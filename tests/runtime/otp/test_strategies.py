"""OTP's supervisor_SUITE: each strategy restarts whom it should, counts it, and gives up when it is used up."""

import pytest
import trio

from actors.runtime import ChildSpec, Ignore, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast, Oops
from tests.runtime.suite import LONG_S, counts, end_child, incarnations, scripted, settle, states


def steady(cast, *ids):
    return tuple(ChildSpec(key, cast.steady, shutdown_ms=1000) for key in ids)


def pool(start, **keywords):
    child = ChildSpec("template", start, **keywords)
    return SupervisorSpec("pool", "simple_one_for_one", (child,), intensity=2, period_s=LONG_S, budget="shared")


async def end_of(sup):
    end = await sup.wait()
    return end.kind, end.reason


async def test_one_for_one_restarts_the_one_and_gives_up_at_the_third_crash(autojump_clock):
    """supervisor_SUITE: one_for_one"""
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_one", steady(cast, "1", "2"), intensity=2, period_s=LONG_S)
    async with open_supervisor(spec) as sup:
        await end_child(sup, cast, "1", "abnormal")
        assert (incarnations(sup), counts(sup)) == ({"1": 2, "2": 1}, (2, 2, 0, 2))
        await end_child(sup, cast, "2", "abnormal")
        cast.crash("2")
        assert await end_of(sup) == ("shutdown", "exhausted")


@pytest.mark.parametrize(
    ("strategy", "crashes", "fails"), [("one_for_one", "1", "1"), ("one_for_all", "1", "2"), ("rest_for_one", "1", "2")]
)
async def test_a_restart_that_always_fails_takes_the_supervisor_and_the_siblings_down(
    autojump_clock, strategy, crashes, fails
):
    """supervisor_SUITE: one_for_one_escalation
    supervisor_SUITE: one_for_all_escalation
    supervisor_SUITE: rest_for_one_escalation
    """
    cast = Cast()
    children = [
        ChildSpec(key, scripted(cast, True, Oops(key)) if key == fails else cast.steady, shutdown_ms=1000)
        for key in ("1", "2")
    ]
    spec = SupervisorSpec("top", strategy, tuple(children), intensity=4, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        cast.crash(crashes)
        assert await end_of(sup) == ("shutdown", "exhausted")
        assert set(states(sup).values()) == {"undefined"}
    assert cast.probe.kinds() == ["failed", *["init_failed"] * 4, "exhausted"]
    assert cast.probe.said("try") == [fails] * 5


async def test_one_for_all_restarts_everybody_and_gives_up_at_the_third_crash(autojump_clock):
    """supervisor_SUITE: one_for_all"""
    cast = Cast()
    spec = SupervisorSpec("top", "one_for_all", steady(cast, "1", "2"), intensity=2, period_s=LONG_S)
    async with open_supervisor(spec) as sup:
        await end_child(sup, cast, "1", "abnormal")
        assert (incarnations(sup), counts(sup)) == ({"1": 2, "2": 2}, (2, 2, 0, 2))
        await end_child(sup, cast, "2", "abnormal")
        assert incarnations(sup) == {"1": 3, "2": 3}
        cast.crash("2")
        assert await end_of(sup) == ("shutdown", "exhausted")


async def test_one_for_all_stops_those_it_has_started_again_when_the_next_one_fails(autojump_clock):
    """supervisor_SUITE: one_for_all_other_child_fails_restart
    SupervisionSpec: stop children when restart (with limit) from exception in later setup
    SupervisionSpec: stop children when backoff from exception in later setup
    """
    cast = Cast()
    children = (ChildSpec("1", cast.steady), ChildSpec("2", scripted(cast, True, Oops("2"), True)))
    spec = SupervisorSpec("top", "one_for_all", children, intensity=3, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        cast.probe.clear()
        await end_child(sup, cast, "1", "abnormal")
        assert [line for line in cast.probe.story() if line.endswith("1")] == ["end 1", "ready 1", "end 1", "ready 1"]
        assert states(sup) == {"1": "running", "2": "running"}


async def test_rest_for_one_leaves_those_it_has_started_again_when_the_next_one_fails(autojump_clock):
    """supervisor_SUITE: rest_for_one_other_child_fails_restart"""
    cast = Cast()
    children = (ChildSpec("1", cast.steady), ChildSpec("2", scripted(cast, True, Oops("2"), True)))
    spec = SupervisorSpec("top", "rest_for_one", children, intensity=3, period_s=LONG_S)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        cast.probe.clear()
        await end_child(sup, cast, "1", "abnormal")
        assert [line for line in cast.probe.story() if line.endswith("1")] == ["end 1", "ready 1"]
        assert states(sup) == {"1": "running", "2": "running"}


async def test_rest_for_one_restarts_those_after_it_and_gives_up_at_the_third_crash(autojump_clock):
    """supervisor_SUITE: rest_for_one"""
    cast = Cast()
    spec = SupervisorSpec("top", "rest_for_one", steady(cast, "1", "2", "3"), intensity=2, period_s=LONG_S)
    async with open_supervisor(spec) as sup:
        await end_child(sup, cast, "2", "abnormal")
        assert (incarnations(sup), counts(sup)) == ({"1": 1, "2": 2, "3": 2}, (3, 3, 0, 3))
        await end_child(sup, cast, "3", "abnormal")
        assert incarnations(sup) == {"1": 1, "2": 2, "3": 3}
        cast.crash("2")
        assert await end_of(sup) == ("shutdown", "exhausted")


async def test_a_template_restarts_the_one_and_gives_up_at_the_third_crash(autojump_clock):
    """supervisor_SUITE: simple_one_for_one
    supervisor_SUITE: simple_one_for_one_extra
    """
    cast = Cast()
    async with open_supervisor(pool(cast.steady)) as sup:
        await sup.start_child("1", "extra", "arguments")
        await sup.start_child("2")
        await end_child(sup, cast, "1", "abnormal")
        assert (incarnations(sup), counts(sup)) == ({"1": 2, "2": 1}, (1, 2, 0, 2))
        await end_child(sup, cast, "2", "abnormal")
        cast.crash("2")
        assert await end_of(sup) == ("shutdown", "exhausted")


async def test_a_templates_restart_that_always_fails_takes_the_supervisor_down(autojump_clock):
    """supervisor_SUITE: simple_one_for_one_escalation"""
    cast = Cast()
    failing = scripted(cast, True, Oops("again"))

    async def start(ctx):
        await (failing if ctx.args else cast.steady)(ctx)

    async with open_supervisor(pool(start), report=cast.probe.report) as sup:
        await sup.start_child("1", "error")
        await sup.start_child("2")
        cast.crash("1")
        assert await end_of(sup) == ("shutdown", "exhausted")
    assert cast.probe.said("end") == ["1", "2"]


@pytest.mark.parametrize("restart", ["transient", "permanent"])
async def test_a_templates_child_that_ignores_a_restart_is_forgotten(autojump_clock, restart):
    """supervisor_SUITE: simple_one_for_one_restart_ignore"""
    cast = Cast()
    spec = pool(scripted(cast, True, True, Ignore), restart=restart)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await sup.start_child("child1")
        await end_child(sup, cast, "child1", "kill")
        assert incarnations(sup) == {"child1": 2}
        await end_child(sup, cast, "child1", "kill")
        assert sup.which_children() == ()
    assert (await sup.wait()).kind == "shutdown"


async def test_a_templates_children_stop_side_by_side_within_the_time_they_have(autojump_clock):
    """supervisor_SUITE: simple_one_for_one_shutdown"""
    cast = Cast()

    async def start(ctx):
        await cast.slow_stop(ctx.args[0])(ctx)

    async with open_supervisor(pool(start, shutdown_ms=2000), report=cast.probe.report) as sup:
        for key, seconds in (("1", 1), ("2", 1), ("3", 5)):
            await sup.start_child(key, seconds)
    assert (trio.current_time(), sorted(cast.probe.said("clean"))) == (2, ["1", "2"])
    assert [(report.path, report.kind) for report in cast.probe.reports] == [("pool/3", "killed")]


async def test_children_start_in_order_and_end_in_the_opposite_one(autojump_clock):
    """supervisor_SUITE: order_of_children"""
    cast = Cast()
    order = ["7", "3", "10", "2", "5"]
    async with open_supervisor(
        SupervisorSpec("top", "rest_for_one", steady(cast, *order), intensity=2, period_s=LONG_S)
    ) as sup:
        assert cast.probe.said("ready") == order
        cast.probe.clear()
        cast.crash("10")
        await settle()
        assert cast.probe.said("end") == ["10", "5", "2"]
        assert cast.probe.said("ready") == ["10", "2", "5"]
        assert list(states(sup)) == order
        cast.probe.clear()
    assert cast.probe.said("end") == order[::-1]
