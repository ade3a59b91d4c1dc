"""OTP's supervisor_SUITE: supervisors below supervisors, children that do not let go, and a spec that changes on the way."""

import pytest
import trio

from actors.runtime import ChildSpec, SpecError, SupervisorSpec, open_supervisor, whereis
from actors.runtime.testing import Cast, Fail, Oops, Summer
from tests.runtime.suite import LONG_S, counts, incarnations, scripted, settle, states


def group(name, *children, strategy="one_for_one", **keywords):
    return SupervisorSpec(name, strategy, children, intensity=4, period_s=LONG_S, **keywords)


async def test_a_tree_restarts_its_supervisors_and_not_what_was_added_below_them(autojump_clock):
    """supervisor_SUITE: tree"""
    cast = Cast()
    first = group("1", *(ChildSpec(key, cast.steady) for key in ("child1", "child2")))
    supervisors = (
        ChildSpec("sup1", first, type="supervisor"),
        ChildSpec("sup2", group("2"), type="supervisor"),
        ChildSpec("sup3", group("3"), type="supervisor", restart="transient"),
    )
    async with open_supervisor(group("top", strategy="one_for_all"), report=cast.probe.report) as sup:
        for child in supervisors:
            await sup.start_child(child)
        await sup.terminate_child("sup3")
        assert counts(sup) == (3, 2, 3, 0)
        sup1, sup2 = sup.child("sup1"), sup.child("sup2")
        assert (counts(sup1), counts(sup2)) == ((2, 2, 0, 2), (0, 0, 0, 0))
        await sup2.start_child(ChildSpec("child3", scripted(cast, True, Oops("child3"))))
        await sup2.start_child(ChildSpec("child4", cast.steady))
        cast.crash("child4")
        await settle()
        assert incarnations(sup1) == {"child1": 1, "child2": 1}
        assert incarnations(sup2) == {"child3": 1, "child4": 2}
        cast.crash("child3")
        await settle()
        assert (states(sup), counts(sup)) == (dict.fromkeys(("sup1", "sup2", "sup3"), "running"), (3, 3, 3, 0))
        assert counts(sup.child("sup1")) == (2, 2, 0, 2)
        assert [counts(sup.child(key)) for key in ("sup2", "sup3")] == [(0, 0, 0, 0)] * 2


async def test_a_child_that_does_not_let_go_hangs_nobody(autojump_clock):
    """supervisor_SUITE: child_unlink"""
    cast = Cast()
    child = ChildSpec("naughty", cast.shielded(100), shutdown_ms=1000)
    spec = SupervisorSpec("pool", "dynamic", intensity=2)
    async with open_supervisor(spec, report=cast.probe.report) as sup, trio.open_nursery() as nursery:
        await sup.start_child(child)
        nursery.start_soon(sup.terminate_child, "naughty")
        await trio.sleep(0.5)
        await sup.start_child(ChildSpec("other", cast.steady))
        await trio.sleep(1)
        assert states(sup) == {"naughty": "quarantined", "other": "running"}
    assert cast.probe.kinds()[0] == "unkillable"


@pytest.mark.parametrize("how", ["kill the supervisor", "kill the worker", "crash the worker", "restart by hand"])
async def test_a_name_finds_the_next_incarnation(autojump_clock, how):
    """supervisor_SUITE: simple_global_supervisor"""
    worker = ChildSpec("child", Summer(), name="server", shutdown_ms=2000)
    inner = SupervisorSpec("sup2", "one_for_all", (worker,), intensity=3, period_s=60)
    middle = ChildSpec("middle", inner, type="supervisor", shutdown_ms=2000)
    spec = SupervisorSpec("top", "one_for_all", (middle,), intensity=3, period_s=60)
    async with open_supervisor(spec, report=lambda _: None) as sup:
        before, below = whereis("server"), sup.child("middle")
        if how == "kill the supervisor":
            sup.kill("middle")
        elif how == "kill the worker":
            below.kill("child")
        elif how == "crash the worker":
            before.tell(Fail())
        else:
            await below.terminate_child("child")
            await below.restart_child("child")
        await settle()
        after = sup.child("middle")
        assert (after is not below) == (how == "kill the supervisor")
        assert incarnations(after) == {"child": 1 if after is not below else 2}
        assert whereis("server").alive
    assert whereis("server") is None


async def test_a_changed_spec_is_taken_over_and_a_faulty_one_is_not(autojump_clock):
    """supervisor_SUITE: code_change
    supervisor_SUITE: code_change_map
    """
    cast = Cast()

    def top(*children, **flags):
        return SupervisorSpec("top", "one_for_one", children, **flags)

    child1, child2, child3 = (ChildSpec(key, cast.steady, shutdown_ms=2000) for key in ("1", "2", "3"))
    async with open_supervisor(top(intensity=0, period_s=1)) as sup:
        await sup.reload(top(intensity=1, period_s=3))
        assert (sup.spec.intensity, sup.spec.period_s) == (1, 3)
        await sup.reload(top(child1, child2))
        assert states(sup) == {"1": "undefined", "2": "undefined"}
        for key in "12":
            assert await sup.restart_child(key) == key
        assert sup.get_childspec("1").shutdown_ms == 2000
        changed = ChildSpec("1", cast.steady, shutdown_ms=1000)
        await sup.reload(top(changed, child3))
        assert states(sup) == {"1": "running", "3": "undefined", "2": "running"}
        assert sup.get_childspec("1").shutdown_ms == 1000
        with pytest.raises(SpecError, match="strategy"):
            await sup.reload(SupervisorSpec("top", "dynamic"))
        with pytest.raises(SpecError, match="intensity"):
            await sup.reload(top(intensity="faulty"))
        assert states(sup) == {"1": "running", "3": "undefined", "2": "running"}


async def test_a_changed_template_is_taken_over_and_stays_one(autojump_clock):
    """supervisor_SUITE: code_change_simple
    supervisor_SUITE: code_change_simple_map
    """
    cast = Cast()

    def pool(*templates):
        return SupervisorSpec("pool", "simple_one_for_one", templates, intensity=0, period_s=1)

    first = ChildSpec("child1", cast.steady, shutdown_ms="brutal_kill")
    async with open_supervisor(pool(first)) as sup:
        await sup.start_child("a")
        await sup.reload(pool(ChildSpec("child1", cast.steady, shutdown_ms=1000)))
        assert (sup.get_childspec("a").shutdown_ms, states(sup)) == (1000, {"a": "running"})
        for templates in ((), (first, ChildSpec("child2", cast.steady))):
            with pytest.raises(SpecError, match="exactly one"):
                await sup.reload(pool(*templates))
