"""Pekko's ActorLifeCycleSpec, and what its SupervisorSpec says of one actor's starts, ends and messages."""

import pytest
import trio

from actors.runtime import (
    Actor,
    ActorFailed,
    ChildSpec,
    InitFailed,
    MailboxFull,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime.testing import Add, Busy, Cast, Fail, GetSum, Oops, Probe, Summer
from tests.runtime.suite import Gate, incarnations, scripted, settle


def top(strategy, *children, intensity=3, period_s=5.0):
    return SupervisorSpec("top", strategy, children, intensity=intensity, period_s=period_s)


def summers(probe, *ids, **keywords):
    return tuple(ChildSpec(key, Summer(probe), **keywords) for key in ids)


async def ping(sup, *ids):
    for key in ids:
        assert await sup.ref(key).ask(GetSum(), timeout_s=1) == 0


async def kill(sup, key):
    with pytest.raises(ActorFailed):
        await sup.ref(key).ask(Fail(), timeout_s=1)
    await settle()


async def test_an_actor_object_that_is_shared_by_its_incarnations_goes_on_as_often_as_permitted(autojump_clock):
    """SupervisorSpec: restart properly when same instance is returned
    ActorLifeCycleSpec: invoke preRestart, preStart, postRestart when using OneForOneStrategy
    ActorLifeCycleSpec: default for preRestart and postRestart is to call postStop and preStart respectively
    """
    probe = Probe()
    async with open_supervisor(top("one_for_one", *summers(probe, "1")), report=probe.report) as sup:
        for incarnation in (1, 2, 3):
            await ping(sup, "1")
            await kill(sup, "1")
            assert probe.story() == ["init 1", *["terminate 1", "init 1"] * incarnation]
        with pytest.raises(ActorFailed):
            await sup.ref("1").ask(Fail(), timeout_s=1)
        assert (await sup.wait()).reason == "exhausted"
    assert probe.story() == ["init 1", *["terminate 1", "init 1"] * 3, "terminate 1"]


async def test_an_actor_that_never_failed_is_started_and_stopped_once(autojump_clock):
    """ActorLifeCycleSpec: not invoke preRestart and postRestart when never restarted using OneForOneStrategy"""
    probe = Probe()
    async with open_supervisor(top("one_for_one", *summers(probe, "1"))) as sup:
        await ping(sup, "1")
        await sup.terminate_child("1")
    assert probe.story() == ["init 1", "terminate 1"]


async def test_a_told_failure_costs_only_its_own_message(autojump_clock):
    """SupervisorSpec: one-way kill single actor OneForOne
    SupervisorSpec: one-way call-kill-call single actor OneForOne
    """
    probe = Probe()
    async with open_supervisor(top("one_for_one", *summers(probe, "1")), report=probe.report) as sup:
        for message in (Add(1), Fail(), Add(2)):
            sup.ref("1").tell(message)
        assert await sup.ref("1").ask(GetSum(), timeout_s=1) == 2
        assert [letter.message for letter in sup.dead_letters()] == [Fail()]


async def test_errors_while_it_ends_and_while_it_starts_again_are_told_and_survived(autojump_clock):
    """SupervisorSpec: attempt restart when exception during restart"""
    probe, starts = Probe(), []

    class Dying(Summer):
        async def init(self, ctx):
            starts.append(ctx.incarnation)
            if ctx.incarnation == 2:
                raise Oops("in init")
            return 0

        async def terminate(self, ctx, state):
            if ctx.incarnation == 1:
                raise Oops("in terminate")

    child = ChildSpec("1", Dying())
    async with open_supervisor(top("one_for_one", child, period_s=10), report=probe.report) as sup:
        await kill(sup, "1")
        await ping(sup, "1")
    assert starts == [1, 2, 3]
    assert [[str(leaf) for leaf in report.leaves] for report in probe.reports] == [["1", "in terminate"], ["in init"]]


async def test_an_error_of_cleanup_is_told(autojump_clock):
    """ActorLifeCycleSpec: log failures in postStop"""
    probe = Probe()

    class Hurrah(Summer):
        async def terminate(self, ctx, state):
            raise Oops("hurrah")

    async with open_supervisor(top("one_for_one", ChildSpec("1", Hurrah())), report=probe.report) as sup:
        await sup.terminate_child("1")
    assert [(report.kind, str(report.leaves[0])) for report in probe.reports] == [("failed_while_stopping", "hurrah")]


async def test_a_restart_begins_with_the_first_behaviour(autojump_clock):
    """ActorLifeCycleSpec: clear the behavior stack upon restart"""

    class Becoming(Actor):
        async def init(self, ctx):
            return 42

        async def handle(self, ctx, state, message):
            if message == "fail":
                raise Oops("buh")
            if message == "hello":
                ctx.reply(state)
                return None
            return message

    async with open_supervisor(top("one_for_one", ChildSpec("1", Becoming())), report=lambda _: None) as sup:
        ref = sup.ref("1")
        assert await ref.ask("hello", timeout_s=1) == 42
        ref.tell(43)
        assert await ref.ask("hello", timeout_s=1) == 43
        ref.tell("fail")
        assert await ref.ask("hello", timeout_s=1) == 42


async def test_a_first_start_that_fails_is_told_to_the_starter_and_not_tried_again(autojump_clock):
    """ActorLifeCycleSpec: not break supervisor strategy due to unhandled exception in preStart
    SupervisorSpec: supervise exceptions on child actor initialize
    SupervisorHierarchySpec: handle failure in creation when supervision strategy returns Resume and Restart
    SupervisionSpec: stop when strategy is stop - exception in setup
    SupervisionSpec: fail instead of restart when deferred factory throws
    SupervisionSpec: fail to restart when deferred factory throws unhandled
    SupervisionSpec: fail to resume when deferred factory throws
    SupervisionSpec: fail instead of restart with exponential backoff when deferred factory throws unhandled
    SupervisionSpec: fail instead of restart with limit when deferred factory throws unhandled
    SupervisionSpec: fail when exception from AbstractBehavior constructor
    """
    cast = Cast()
    async with open_supervisor(top("one_for_one"), report=cast.probe.report) as sup:
        with pytest.raises(InitFailed):
            await sup.start_child(ChildSpec("1", cast.fails_to_start(5)))
        assert (sup.which_children(), cast.probe.said("init")) == ((), ["1"])
        child = ChildSpec("2", scripted(cast, True, Oops("1"), Oops("2"), True))
        await sup.start_child(child)
        cast.crash("2")
        await settle()
        assert incarnations(sup) == {"2": 4}


async def test_messages_wait_while_the_supervisor_decides_and_the_actor_starts_again(autojump_clock):
    """SupervisorHierarchySpec: suspend children while failing"""
    cast = Cast()
    gate = Gate(cast, seconds=2)
    spec = top("one_for_all", ChildSpec("boss", gate), *summers(cast.probe, "worker"))
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        gate.is_open = False
        cast.crash("boss")
        await settle()
        gate.is_open = True
        sup.ref("worker").tell(Add(7))
        await trio.sleep(1)
        assert sup.ref("worker").alive
        assert await sup.ref("worker").ask(GetSum(), timeout_s=5) == 7


async def test_the_context_outlives_its_incarnation(autojump_clock):
    """ActorLifeCycleSpec: have a non null context after termination"""
    kept = []

    class Keeps(Summer):
        async def init(self, ctx):
            kept.append(ctx)
            return 0

    async with open_supervisor(top("one_for_one", ChildSpec("1", Keeps()))) as sup:
        await sup.terminate_child("1")
        (ctx,) = kept
        assert (ctx.id, ctx.path, ctx.incarnation, ctx.supervisor.path) == ("1", "top/1", 1, "top")
        ctx.reply("to nobody")


async def test_a_busy_mailbox_under_restarts_loses_only_what_it_says(autojump_clock):
    """SupervisorSpec: not lose system messages when a NonFatal exception occurs when processing a system message"""
    probe = Probe()
    async with open_supervisor(top("one_for_one", *summers(probe, "1"), intensity=9), report=probe.report) as sup:
        ref = sup.ref("1")
        for message in (Busy(1), Fail(), Add(3), Fail(), Add(4)):
            ref.tell(message)
        await trio.sleep(2)
        assert await ref.ask(GetSum(), timeout_s=1) == 4
        assert len(sup.dead_letters()) == 2
        with pytest.raises(MailboxFull):
            for _ in range(1001):
                ref.tell(Add(1))
