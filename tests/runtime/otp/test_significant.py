"""OTP's supervisor_SUITE: which ends of which children end the supervisor, and how that changes with its spec."""

import pytest

from actors.runtime import ChildSpec, SpecError, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast
from tests.runtime.suite import end_child, incarnations, settle, states

MODES = ("never", "any_significant", "all_significant")


def child(cast, key, *, significant=True, restart="transient"):
    return ChildSpec(key, cast.steady, restart=restart, significant=significant)


def top(auto_shutdown, *children, strategy="one_for_one", intensity=5):
    return SupervisorSpec("top", strategy, children, intensity=intensity, auto_shutdown=auto_shutdown)


def three(cast, restart):
    """Two significant children and one that is not."""
    return (*(child(cast, key, restart=restart) for key in "ab"), child(cast, "c", significant=False, restart=restart))


def is_up(sup):
    return sup.statistics().state == "running"


async def has_shut_down(sup, cast):
    """Whether the supervisor ended itself in good order, with everybody below it."""
    end = await sup.wait()
    return (end.kind, end.reason) == ("shutdown", "auto_shutdown") and set(states(sup).values()) <= {"undefined"}


@pytest.mark.parametrize("restart", ["temporary", "transient"])
@pytest.mark.parametrize("auto_shutdown", MODES)
async def test_a_child_that_is_not_significant_ends_nobody_else(autojump_clock, auto_shutdown, restart):
    """supervisor_SUITE: nonsignificant_temporary
    supervisor_SUITE: nonsignificant_transient
    """
    cast = Cast()
    spec = child(cast, "a", significant=False, restart=restart)
    async with open_supervisor(top(auto_shutdown), report=cast.probe.report) as sup:
        await sup.start_child(spec)
        for how in ("supervisor", "kill", "abnormal", "normal"):
            await end_child(sup, cast, "a", how)
            assert is_up(sup)
            if restart == "temporary":
                await sup.start_child(spec)
            elif states(sup) == {"a": "undefined"}:
                await sup.restart_child("a")


@pytest.mark.parametrize(
    ("restart", "how", "ends"),
    [
        ("temporary", "supervisor", False),
        ("temporary", "kill", True),
        ("temporary", "abnormal", True),
        ("temporary", "normal", True),
        ("transient", "supervisor", False),
        ("transient", "kill", False),
        ("transient", "abnormal", False),
        ("transient", "normal", True),
    ],
)
async def test_any_significant_child_that_ends_for_good_by_itself_ends_the_supervisor(
    autojump_clock, restart, how, ends
):
    """supervisor_SUITE: significant_temporary
    supervisor_SUITE: significant_transient
    """
    cast = Cast()
    async with open_supervisor(top("any_significant", *three(cast, restart)), report=cast.probe.report) as sup:
        await end_child(sup, cast, "a", how)
        if ends:
            assert await has_shut_down(sup, cast)
        else:
            assert is_up(sup)
            assert (states(sup)["b"], states(sup)["c"]) == ("running", "running")


@pytest.mark.parametrize("restart", ["temporary", "transient"])
async def test_with_all_significant_the_last_one_ends_the_supervisor(autojump_clock, restart):
    """supervisor_SUITE: significant_temporary
    supervisor_SUITE: significant_transient
    """
    cast = Cast()
    async with open_supervisor(top("all_significant", *three(cast, restart))) as sup:
        await end_child(sup, cast, "a", "normal")
        assert is_up(sup)
        assert (states(sup)["b"], states(sup)["c"]) == ("running", "running")
        cast.end("b")
        assert await has_shut_down(sup, cast)


@pytest.mark.parametrize("strategy", ["simple_one_for_one", "dynamic"])
def test_children_that_come_and_go_are_never_significant(strategy):
    """supervisor_SUITE: significant_simple"""
    children = (ChildSpec("template", Cast().steady),) if strategy == "simple_one_for_one" else ()
    for auto_shutdown in ("any_significant", "all_significant"):
        with pytest.raises(SpecError, match=strategy):
            SupervisorSpec("pool", strategy, children, auto_shutdown=auto_shutdown)
    assert SupervisorSpec("pool", strategy, children, auto_shutdown="never").auto_shutdown == "never"


@pytest.mark.parametrize(
    ("strategy", "restarted"),
    [
        ("one_for_one", {"a": 1, "b": 2, "c": 1}),
        ("one_for_all", {"a": 2, "b": 2, "c": 2}),
        ("rest_for_one", {"a": 1, "b": 2, "c": 2}),
    ],
)
@pytest.mark.parametrize("auto_shutdown", ["any_significant", "all_significant"])
async def test_a_significant_bystander_of_a_siblings_crash_ends_nothing(
    autojump_clock, strategy, auto_shutdown, restarted
):
    """supervisor_SUITE: significant_bystander"""
    cast = Cast()
    children = (child(cast, "a"), child(cast, "b", significant=False), child(cast, "c"))
    spec = top(auto_shutdown, *children, strategy=strategy)
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        await end_child(sup, cast, "b", "kill")
        assert incarnations(sup) == restarted
        assert is_up(sup)


@pytest.mark.parametrize("significant", [True, False])
async def test_a_supervisor_that_shuts_itself_down_is_a_child_like_any_other(autojump_clock, significant):
    """supervisor_SUITE: significant_escalation"""
    cast = Cast()
    inner = SupervisorSpec("inner", "one_for_one", (child(cast, "worker"),), auto_shutdown="any_significant")
    middle = ChildSpec("middle", inner, type="supervisor", restart="transient", significant=significant)
    async with open_supervisor(top("any_significant", middle)) as sup:
        await end_child(sup, cast, "worker", "normal")
        if significant:
            assert await has_shut_down(sup, cast)
        else:
            assert (is_up(sup), states(sup)) == (True, {"middle": "undefined"})


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
async def test_from_never_to_a_mode_significance_begins_to_count(autojump_clock, mode):
    """supervisor_SUITE: significant_upgrade_never_any
    supervisor_SUITE: significant_upgrade_never_all
    """
    cast = Cast()
    async with open_supervisor(top("never")) as sup:
        with pytest.raises(SpecError, match="significant"):
            await sup.start_child(child(cast, "a"))
        await sup.reload(top(mode))
        await sup.start_child(child(cast, "a"))
        await sup.start_child(child(cast, "b"))
        cast.end("a")
        await settle()
        if mode == "all_significant":
            assert (is_up(sup), states(sup)) == (True, {"a": "undefined", "b": "running"})
            cast.end("b")
        assert await has_shut_down(sup, cast)


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
async def test_from_a_mode_to_never_significance_ceases_to_count(autojump_clock, mode):
    """supervisor_SUITE: significant_upgrade_any_never
    supervisor_SUITE: significant_upgrade_all_never
    """
    cast = Cast()
    async with open_supervisor(top(mode)) as sup:
        await sup.start_child(child(cast, "a"))
        await sup.reload(top("never"))
        await settle()
        assert (is_up(sup), incarnations(sup)) == (True, {"a": 1})
        with pytest.raises(SpecError, match="significant"):
            await sup.start_child(child(cast, "b"))
        await end_child(sup, cast, "a", "normal")
        assert (is_up(sup), states(sup)) == (True, {"a": "undefined"})
        assert await sup.restart_child("a") == "a"


@pytest.mark.parametrize(
    ("old", "new"), [("any_significant", "all_significant"), ("all_significant", "any_significant")]
)
async def test_from_one_mode_to_the_other_the_new_one_holds_at_once(autojump_clock, old, new):
    """supervisor_SUITE: significant_upgrade_any_all
    supervisor_SUITE: significant_upgrade_all_any
    """
    cast = Cast()
    async with open_supervisor(top(old)) as sup:
        await sup.start_child(child(cast, "a"))
        await sup.start_child(child(cast, "b"))
        await sup.reload(top(new))
        await settle()
        assert (is_up(sup), incarnations(sup)) == (True, {"a": 1, "b": 1})
        cast.end("a")
        await settle()
        if new == "all_significant":
            assert (is_up(sup), states(sup)) == (True, {"a": "undefined", "b": "running"})
            cast.end("b")
        assert await has_shut_down(sup, cast)


async def test_a_child_may_become_significant_and_cease_to_be(autojump_clock):
    """supervisor_SUITE: significant_upgrade_child"""
    cast = Cast()
    plain, significant = child(cast, "a", significant=False), child(cast, "a")
    async with open_supervisor(top("never", plain)) as sup:
        with pytest.raises(SpecError, match="significant"):
            await sup.reload(top("never", significant))
        assert (is_up(sup), states(sup)) == (True, {"a": "running"})
    async with open_supervisor(top("any_significant", plain)) as sup:
        await sup.reload(top("any_significant", significant))
        assert (is_up(sup), incarnations(sup)) == (True, {"a": 1})
        cast.end("a")
        assert await has_shut_down(sup, cast)
    async with open_supervisor(top("any_significant", significant)) as sup:
        await sup.reload(top("any_significant", plain))
        await end_child(sup, cast, "a", "normal")
        assert (is_up(sup), states(sup)) == (True, {"a": "undefined"})
