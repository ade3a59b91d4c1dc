"""Who is started again after which exit, how often, and after how long."""

import pytest
import trio

from actors.runtime import Backoff, ChildSpec, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast, Oops


def one(cast, start=None, *, intensity=1, period_s=5.0, **keywords):
    return SupervisorSpec(
        "top",
        "one_for_one",
        (ChildSpec("a", start or cast.steady, **keywords), ChildSpec("sibling", cast.steady)),
        intensity=intensity,
        period_s=period_s,
    )


def states(sup):
    return {child.id: child.state for child in sup.which_children()}


async def settle():
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize(
    ("restart", "how", "restarted"),
    [
        ("permanent", "return", True),
        ("permanent", "shutdown", True),
        ("permanent", "crash", True),
        ("permanent", "kill", True),
        ("transient", "return", False),
        ("transient", "shutdown", False),
        ("transient", "crash", True),
        ("transient", "kill", True),
        ("temporary", "return", False),
        ("temporary", "crash", False),
        ("temporary", "kill", False),
    ],
)
async def test_the_restart_type_decides(autojump_clock, restart, how, restarted):
    cast = Cast()
    start = cast.shuts_down if how == "shutdown" else cast.steady
    async with open_supervisor(one(cast, start, restart=restart, intensity=1000), report=cast.probe.report) as sup:
        if how == "return":
            cast.end("a")
        elif how == "crash":
            cast.crash("a")
        elif how == "kill":
            sup.kill("a")
        with trio.move_on_after(0.001):
            await sup.wait()
        assert (cast.probe.said("ready").count("a") > 1) == restarted
        assert cast.probe.said("ready").count("sibling") == 1
        left = {"permanent": "undefined", "transient": "undefined"}.get(restart)
        assert restarted or states(sup).get("a") == left
    expected = {"crash": "failed", "kill": "killed"}.get(how)
    assert set(cast.probe.kinds()) - {"exhausted"} == ({expected} if expected else set())


async def test_a_crash_is_reported_once_with_its_error_its_stack_and_the_budget_left(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, intensity=3), report=cast.probe.report):
        cast.crash("a", Oops("why"))
        await settle()
    (report,) = cast.probe.reports
    assert (report.path, report.kind, report.incarnation, report.budget_left) == ("top/a", "failed", 1, 2)
    assert report.reason == "Oops: why"
    assert [str(leaf) for leaf in report.leaves] == ["why"]
    assert "in Cast.steady" in report.stack


async def test_more_restarts_than_the_intensity_within_the_period_use_the_supervisor_up(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, intensity=2, period_s=10), report=cast.probe.report) as sup:
        for at in (0, 5, 10):
            await trio.sleep_until(at)
            cast.crash("a")
            await settle()
        end = await sup.wait()
    # The period's edge counts, as in OTP: the crash at 0 still weighs on the one at 10.
    assert (end.kind, end.reason) == ("shutdown", "exhausted")
    assert trio.current_time() == 10
    assert cast.probe.kinds() == ["failed", "failed", "failed", "exhausted"]
    assert [report.budget_left for report in cast.probe.reports][:3] == [1, 0, 0]


async def test_restarts_that_are_spread_out_never_use_it_up(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, intensity=2, period_s=10)) as sup:
        for at in range(0, 600, 6):
            await trio.sleep_until(at)
            cast.crash("a")
            await settle()
        assert states(sup)["a"] == "running"
        assert sup.statistics().restarts == 100


async def test_a_temporary_childs_crash_and_admin_calls_do_not_count(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, intensity=0, restart="temporary")) as sup:
        cast.crash("a")
        await settle()
        await sup.terminate_child("sibling")
        await sup.restart_child("sibling")
        assert states(sup) == {"sibling": "running"}


async def test_a_failed_restart_is_retried_at_once_and_counts_each_time(autojump_clock):
    cast = Cast()
    failures = iter([None, Oops("1"), Oops("2"), None])

    async def start(ctx):
        error = next(failures)
        if error is not None:
            await trio.lowlevel.checkpoint()
            raise error
        await cast.steady(ctx)

    async with open_supervisor(one(cast, start, intensity=3), report=cast.probe.report) as sup:
        cast.crash("a")
        await settle()
        assert states(sup)["a"] == "running"
        assert sup.which_children()[0].incarnation == 4
        assert sup.statistics().budget_left == 0
    assert cast.probe.kinds() == ["failed", "init_failed", "init_failed"]


async def test_retries_that_go_on_failing_use_the_supervisor_up(autojump_clock):
    cast = Cast()
    first = True

    async def start(ctx):
        nonlocal first
        await trio.lowlevel.checkpoint()
        if not first:
            raise Oops("again")
        first = False
        await cast.steady(ctx)

    async with open_supervisor(one(cast, start, intensity=3), report=cast.probe.report) as sup:
        cast.crash("a")
        assert (await sup.wait()).reason == "exhausted"
    assert cast.probe.kinds() == ["failed", "init_failed", "init_failed", "init_failed", "exhausted"]
    assert cast.probe.said("end") == ["a", "sibling"]


async def test_the_child_waits_for_its_backoff_and_shows_as_restarting(autojump_clock):
    cast = Cast()
    backoff = Backoff(1, 8, jitter=False)
    async with open_supervisor(one(cast, backoff=backoff, intensity=100)) as sup:
        for delay in (1, 2, 4, 8, 8):
            crashed_at = trio.current_time()
            cast.probe.clear()
            cast.crash("a")
            await trio.sleep(delay - 0.001)
            assert states(sup)["a"] == "restarting"
            assert sup.count_children().active == 1
            await trio.sleep(0.001)
            await settle()
            assert cast.probe.events[-1] == (crashed_at + delay, "ready", "a")


async def test_a_healthy_time_begins_the_backoff_anew(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, backoff=Backoff(1, 9, jitter=False), intensity=100)):
        for healthy, delay in ((0, 1), (4.9, 2), (5, 1), (0, 2)):
            await trio.sleep(healthy)
            crashed_at = trio.current_time()
            cast.crash("a")
            await trio.sleep(delay)
            await settle()
            assert cast.probe.events[-1] == (crashed_at + delay, "ready", "a")


async def test_a_stop_does_not_wait_for_a_backoff(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, backoff=Backoff(60, 60), intensity=100)) as sup:
        cast.crash("a")
        await settle()
        assert states(sup)["a"] == "restarting"
    assert trio.current_time() == 0
    assert cast.probe.said("ready").count("a") == 1


async def test_terminating_a_child_in_its_backoff_takes_the_restart_back(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, backoff=Backoff(5, 5), intensity=100)) as sup:
        cast.crash("a")
        await settle()
        await sup.terminate_child("a")
        assert states(sup)["a"] == "undefined"
        await trio.sleep(60)
        assert cast.probe.said("ready").count("a") == 1


async def test_no_two_incarnations_overlap(autojump_clock):
    cast = Cast()
    async with open_supervisor(one(cast, cast.slow_stop(3), intensity=100)) as sup:
        for _ in range(3):
            cast.probe.clear()
            cast.crash("a")
            await trio.sleep(10)
            assert cast.probe.story() == ["end a", "clean a", "ready a"]
        assert sup.which_children()[0].incarnation == 4


async def test_a_used_up_permanent_supervisor_is_restarted_by_its_parent_and_a_transient_one_is_not(autojump_clock):
    for restart, state in (("permanent", "running"), ("transient", "undefined")):
        cast = Cast()
        inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("a", cast.steady),), intensity=0, on_exhausted="red")
        outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("in", inner, type="supervisor", restart=restart),))
        async with open_supervisor(outer, report=cast.probe.report) as sup:
            handle = sup.child("in")
            cast.crash("a")
            end = await handle.wait()
            await settle()
            assert (end.kind, end.reason, end.on_exhausted) == ("shutdown", "exhausted", "red")
            assert states(sup) == {"in": state}
        assert [(report.path, report.kind, report.on_exhausted) for report in cast.probe.reports] == [
            ("outer/in/a", "failed", None),
            ("outer/in", "exhausted", "red"),
        ]


async def test_killing_a_supervisor_kills_its_children_first_and_then_it_is_restarted(autojump_clock):
    cast = Cast()
    children = (ChildSpec("a", cast.slow_stop(3)), ChildSpec("b", cast.slow_stop(3)))
    inner = SupervisorSpec("inner", "one_for_one", children)
    outer = SupervisorSpec("outer", "one_for_one", (ChildSpec("in", inner, type="supervisor"),))
    async with open_supervisor(outer, report=cast.probe.report) as sup:
        first = sup.child("in")
        cast.probe.clear()
        sup.kill("in")
        assert (await first.wait()).kind == "killed"
        await settle()
        assert sup.child("in") is not first
        assert trio.current_time() == 0
        assert sorted(cast.probe.story()[:2]) == ["end a", "end b"]
        assert cast.probe.story()[2:] == ["ready a", "ready b"]
    assert [report.path for report in cast.probe.reports if report.kind == "killed"][-1] == "outer/in"
