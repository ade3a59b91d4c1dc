"""Children that come and go, each with a budget of its own: one tenant's crashes are nobody else's."""

import pytest
import trio

from actors.runtime import (
    ActorDead,
    AlreadyPresent,
    ChildInfo,
    ChildSpec,
    Counts,
    MaxChildren,
    NotFound,
    Running,
    SpecError,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.testing import Add, Cast, Fail, GetSum, Oops, Summer


async def settle():
    await trio.testing.wait_all_tasks_blocked()


def pool(**keywords):
    return SupervisorSpec("pool", "dynamic", **keywords)


async def test_children_are_keyed_and_vanish_when_they_are_done(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool()) as sup:
        for key in "abc":
            await sup.start_child(ChildSpec(key, cast.steady, restart="transient"))
        cast.end("a")
        await settle()
        await sup.terminate_child("b")
        assert [child.id for child in sup.which_children()] == ["c"]
        with pytest.raises(NotFound):
            await sup.terminate_child("a")
        assert await sup.start_child(ChildSpec("a", cast.steady)) == "a"


async def test_max_children(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(max_children=2)) as sup:
        await sup.start_child(ChildSpec("a", cast.steady))
        await sup.start_child(ChildSpec("b", cast.steady))
        with pytest.raises(MaxChildren):
            await sup.start_child(ChildSpec("c", cast.steady))
        await sup.terminate_child("a")
        await sup.start_child(ChildSpec("c", cast.steady))


async def test_children_stop_in_parallel(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool()) as sup:
        for number in range(20):
            await sup.start_child(ChildSpec(f"{number}", cast.slow_stop(3)))
    assert trio.current_time() == 3


async def test_a_childs_crashes_are_charged_to_it_alone_and_end_in_quarantine(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(intensity=2, period_s=60), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("good", cast.steady))
        await sup.start_child(ChildSpec("bad", cast.crashes_at_once))
        await settle()
        assert sup.which_children() == (
            ChildInfo("good", "running", "worker", 1),
            ChildInfo("bad", "quarantined", "worker", 3),
        )
        assert sup.count_children() == Counts(specs=2, active=1, supervisors=0, workers=2)
        assert sup.statistics().quarantined == 1
        assert cast.probe.said("ready") == ["good", "bad", "bad", "bad"]
    assert cast.probe.kinds() == ["failed", "failed", "failed", "quarantined"]
    assert cast.probe.reports[-1].path == "pool/bad"
    assert [report.budget_left for report in cast.probe.reports[:3]] == [1, 0, 0]


async def test_one_tenant_that_crashes_for_an_hour_restarts_nobody_else(autojump_clock):
    cast = Cast()
    inner = pool(intensity=1, period_s=1)
    outer = SupervisorSpec("top", "one_for_one", (ChildSpec("pool", inner, type="supervisor"),), intensity=0)
    async with open_supervisor(outer) as sup:
        await sup.child("pool").start_child(ChildSpec("good", cast.steady))
        await sup.child("pool").start_child(ChildSpec("bad", cast.steady))
        for _ in range(1200):
            await trio.sleep(3)
            cast.crash("bad")
            await settle()
        assert [child.incarnation for child in sup.child("pool").which_children()] == [1, 1201]
        assert sup.statistics().restarts == 0


async def test_quarantine_is_an_end_for_watchers_and_senders_and_an_operator_can_release_it(autojump_clock):
    seen = []
    async with open_supervisor(pool(intensity=0), report=lambda _: None) as sup:
        await sup.start_child(ChildSpec("a", Summer()))
        ref = sup.ref("a")
        sup.watch("a", seen.append)
        ref.tell(Fail())
        ref.tell(Add(5))
        await settle()
        assert [(terminated.id, terminated.exit.kind) for terminated in seen] == [("a", "failed")]
        assert not ref.alive
        with pytest.raises(ActorDead):
            ref.tell(Add(1))
        assert [(letter.message, letter.reason) for letter in sup.dead_letters()] == [
            (Fail(), "handler_failed"),
            (Add(5), "stopped"),
        ]
        with pytest.raises(AlreadyPresent):
            await sup.start_child(ChildSpec("a", Summer()))
        assert await sup.restart_child("a") == "a"
        assert await ref.ask(GetSum(), timeout_s=1) == 0
        # The budget begins anew with the release.
        assert sup.which_children()[0].state == "running"


async def test_a_quarantined_child_can_be_deleted(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(intensity=0), report=lambda _: None) as sup:
        await sup.start_child(ChildSpec("bad", cast.crashes_at_once))
        await settle()
        await sup.delete_child("bad")
        assert sup.which_children() == ()


@pytest.mark.parametrize(
    ("max_quarantined", "children", "survives"), [(None, 12, 10), (2, 12, 2), (None, 300, 15), (0, 3, 0)]
)
async def test_too_many_distinct_children_in_quarantine_use_the_supervisor_up(
    autojump_clock, max_quarantined, children, survives
):
    cast = Cast()
    spec = pool(intensity=0, max_quarantined=max_quarantined, on_exhausted="red")
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        for number in range(children):
            await sup.start_child(ChildSpec(f"{number}", cast.steady))
        for number in range(survives):
            cast.crash(f"{number}")
            await settle()
        assert sup.statistics().quarantined == survives
        cast.crash(f"{survives}")
        end = await sup.wait()
    assert (end.kind, end.reason, end.on_exhausted) == ("shutdown", "exhausted", "red")


async def test_quarantines_long_ago_do_not_count_against_the_supervisor(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(intensity=0, max_quarantined=1), report=cast.probe.report) as sup:
        for number in range(5):
            await sup.start_child(ChildSpec(f"{number}", cast.steady))
        for number in range(5):
            cast.crash(f"{number}")
            await trio.sleep(61)
        assert sup.statistics().quarantined == 5
        assert "exhausted" not in cast.probe.kinds()


async def test_a_shared_budget_is_otps_own_arithmetic(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(intensity=1, budget="shared"), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", cast.steady))
        await sup.start_child(ChildSpec("b", cast.steady))
        cast.crash("a")
        await settle()
        cast.crash("b")
        assert (await sup.wait()).reason == "exhausted"
    assert cast.probe.kinds() == ["failed", "failed", "exhausted"]


async def test_an_unkillable_child_is_quarantined_and_not_started_beside_itself(autojump_clock):
    cast = Cast()
    async with open_supervisor(pool(), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", cast.shielded(60), shutdown_ms=1000))
        await sup.start_child(ChildSpec("b", cast.steady))
        await sup.terminate_child("a")
        assert trio.current_time() == 1
        assert [(child.id, child.state) for child in sup.which_children()] == [("a", "quarantined"), ("b", "running")]
        with pytest.raises(Running, match="has not ended"):
            await sup.restart_child("a")
        with pytest.raises(Running, match="has not ended"):
            await sup.delete_child("a")
        await trio.sleep(60)
        assert await sup.restart_child("a") == "a"
    assert cast.probe.kinds()[:2] == ["unkillable", "quarantined"]


async def test_simple_one_for_one_starts_its_template_with_an_id_and_arguments(autojump_clock):
    seen = []

    async def start(ctx, *unused):
        seen.append((ctx.id, ctx.args, ctx.incarnation))
        ctx.ready()
        await trio.sleep(1)
        if ctx.incarnation == 1:
            raise Oops(ctx.id)
        await trio.sleep_forever()

    spec = SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("template", start),))
    async with open_supervisor(spec, report=lambda _: None) as sup:
        assert await sup.start_child("w1", 10, "x") == "w1"
        await sup.start_child("w2")
        await trio.sleep(2)
        assert sorted(seen) == [("w1", (10, "x"), 1), ("w1", (10, "x"), 2), ("w2", (), 1), ("w2", (), 2)]
        assert sup.count_children() == Counts(specs=1, active=2, supervisors=0, workers=2)
        await sup.terminate_child("w1")
        await sup.terminate_child("w1")
        assert [child.id for child in sup.which_children()] == ["w2"]
        with pytest.raises(SpecError, match="an id and arguments"):
            await sup.start_child(ChildSpec("w3", start))


async def test_many_starts_at_once(autojump_clock):
    async def start(ctx):
        ctx.ready()
        await trio.sleep_forever()

    async with open_supervisor(pool()) as sup:
        async with trio.open_nursery() as nursery:
            for number in range(2000):
                nursery.start_soon(sup.start_child, ChildSpec(f"{number}", start))
        assert sup.count_children().active == 2000
