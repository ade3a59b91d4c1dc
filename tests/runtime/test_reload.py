"""A changed spec is taken over while the tree runs, and an impossible one changes nothing."""

import pytest
import trio

from actors.runtime import (
    AlreadyStarted,
    ChildInfo,
    ChildSpec,
    Mailbox,
    MailboxFull,
    SpecError,
    SupervisorSpec,
    open_supervisor,
    whereis,
)
from actors.runtime.testing import Add, Cast, GetSum, Summer


async def settle():
    await trio.testing.wait_all_tasks_blocked()


def top(cast, keys, **keywords):
    return SupervisorSpec("top", "one_for_one", tuple(ChildSpec(key, cast.steady) for key in keys), **keywords)


async def test_flags_apply_at_once_and_running_children_are_untouched(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "ab", intensity=0)) as sup:
        await sup.reload(top(cast, "ab", intensity=2))
        cast.crash("a")
        await settle()
        cast.crash("a")
        await settle()
        assert sup.which_children() == (ChildInfo("a", "running", "worker", 3), ChildInfo("b", "running", "worker", 1))
        assert sup.spec.intensity == 2


async def test_added_children_wait_for_restart_child_and_removed_ones_keep_running(autojump_clock):
    cast = Cast()
    async with open_supervisor(top(cast, "ab")) as sup:
        await sup.reload(top(cast, "cb"))
        assert sup.which_children() == (
            ChildInfo("c", "undefined", "worker", 0),
            ChildInfo("b", "running", "worker", 1),
            ChildInfo("a", "running", "worker", 1),
        )
        await sup.restart_child("c")
        cast.probe.clear()
    assert cast.probe.story() == ["end a", "end b", "end c"]


async def test_a_childs_new_spec_holds_from_its_next_start(autojump_clock):
    cast = Cast()

    def spec(mailbox, name):
        child = ChildSpec("sum", Summer(), mailbox=mailbox, name=name)
        return SupervisorSpec("top", "one_for_one", (child,), intensity=5)

    async with open_supervisor(spec(Mailbox(100), "old"), report=cast.probe.report) as sup:
        await sup.reload(spec(Mailbox(1), "new"))
        assert whereis("old") is None
        ref = whereis("new")
        for _ in range(3):
            ref.tell(Add(1))
        assert await ref.ask(GetSum(), timeout_s=1) == 3
        sup.kill("sum")
        await settle()
        ref.tell(Add(1))
        with pytest.raises(MailboxFull):
            ref.tell(Add(1))


async def test_a_reload_reaches_the_supervisors_below(autojump_clock):
    cast = Cast()

    def spec(intensity):
        inner = SupervisorSpec("inner", "one_for_one", (ChildSpec("a", cast.steady),), intensity=intensity)
        return SupervisorSpec("top", "one_for_one", (ChildSpec("in", inner, type="supervisor"),), intensity=0)

    async with open_supervisor(spec(0)) as sup:
        await sup.reload(spec(3))
        cast.crash("a")
        await settle()
        assert sup.child("in").which_children() == (ChildInfo("a", "running", "worker", 2),)
        assert sup.child("in").spec.intensity == 3


async def test_the_template_of_a_pool_may_change(autojump_clock):
    cast = Cast()

    def spec(start, maximum):
        return SupervisorSpec("pool", "simple_one_for_one", (ChildSpec("template", start),), max_children=maximum)

    async with open_supervisor(spec(cast.steady, 1)) as sup:
        await sup.start_child("a")
        await sup.reload(spec(cast.slow_start(3), 5))
        await sup.start_child("b")
        assert trio.current_time() == 3
        sup.kill("a")
        await trio.sleep(5)
        assert cast.probe.said("init") == ["b", "a"]


async def test_what_cannot_be_taken_over_changes_nothing_anywhere(autojump_clock):
    cast = Cast()

    def spec(inner_strategy, intensity, extra=()):
        children = () if inner_strategy == "dynamic" else (ChildSpec("a", cast.steady, name=None),)
        inner = SupervisorSpec("inner", inner_strategy, children, intensity=intensity)
        return SupervisorSpec(
            "top", "one_for_one", (*extra, ChildSpec("in", inner, type="supervisor")), intensity=intensity
        )

    async with open_supervisor(spec("one_for_one", 1)) as sup:
        with pytest.raises(SpecError, match="strategy"):
            await sup.reload(spec("dynamic", 9))
        with pytest.raises(SpecError, match="another supervisor than top"):
            await sup.reload(SupervisorSpec("other", "one_for_one"))
        with pytest.raises(SpecError, match="runs as a supervisor"):
            await sup.reload(SupervisorSpec("top", "one_for_one", (ChildSpec("in", cast.steady),)))
        async with open_supervisor(SupervisorSpec("other", "one_for_one", (ChildSpec("x", Summer(), name="taken"),))):
            with pytest.raises(AlreadyStarted, match="other/x"):
                await sup.reload(spec("one_for_one", 9, (ChildSpec("y", Summer(), name="taken"),)))
        assert (sup.spec.intensity, sup.child("in").spec.intensity) == (1, 1)
        assert [child.id for child in sup.which_children()] == ["in"]


async def test_a_group_may_be_reloaded_into_another_order(autojump_clock):
    cast = Cast()

    def spec(keys):
        return SupervisorSpec("top", "rest_for_one", tuple(ChildSpec(key, cast.steady) for key in keys), intensity=5)

    async with open_supervisor(spec("abc")) as sup:
        await sup.reload(spec("cba"))
        cast.probe.clear()
        cast.crash("b")
        await settle()
        assert cast.probe.story() == ["end b", "end a", "ready b", "ready a"]
