"""SupervisionSpec of Pekko's typed actors: what an error does to state, messages, siblings and the next start."""

import pytest
import trio

from actors.runtime import (
    ActorFailed,
    Backoff,
    ChildSpec,
    Ignore,
    InitFailed,
    MailboxFull,
    Shutdown,
    SupervisorSpec,
    open_supervisor,
)
from actors.runtime import Mailbox as MailboxSpec
from actors.runtime.testing import Add, Cast, Fail, GetSum, Oops, Probe, Summer
from tests.runtime.suite import LONG_S, incarnations, scripted, settle, states

BACKOFFS = [None, Backoff(0.01, 0.01)]


def top(strategy, *children, intensity=5, period_s=LONG_S, **keywords):
    return SupervisorSpec("top", strategy, children, intensity=intensity, period_s=period_s, **keywords)


def one(probe, **keywords):
    return top("one_for_one", ChildSpec("a", Summer(probe), **keywords))


async def summed(sup, child_id="a"):
    return await sup.ref(child_id).ask(GetSum(), timeout_s=5)


async def fail(sup, error=None):
    with pytest.raises(ActorFailed):
        await sup.ref("a").ask(Fail(error), timeout_s=1)


@pytest.mark.parametrize("message", [Fail(), "a message of no type that it knows"])
@pytest.mark.parametrize("backoff", BACKOFFS)
async def test_a_failure_takes_the_state_and_leaves_the_address(autojump_clock, backoff, message):
    """StubbedSupervisionSpec: receive message
    StubbedSupervisionSpec: restart when handled exception
    StubbedSupervisionSpec: create underlying deferred behavior immediately
    SupervisionSpec: receive message
    SupervisionSpec: restart when handled exception
    SupervisionSpec: create underlying deferred behavior immediately
    SupervisionSpec: handle exceptions from different message type
    """
    probe = Probe()
    async with open_supervisor(one(probe, backoff=backoff), report=probe.report) as sup:
        assert probe.story() == ["init a"]
        sup.ref("a").tell(Add(1))
        assert await summed(sup) == 1
        sup.ref("a").tell(message)
        assert await summed(sup) == 0
        assert probe.story() == ["init a", "terminate a", "init a"]


async def test_who_is_not_to_be_restarted_ends_at_its_first_error_and_people_hear_of_it(autojump_clock):
    """StubbedSupervisionSpec: stop when no supervise
    SupervisionSpec: default to stop when no strategy
    SupervisionSpec: stop when strategy is stop
    SupervisionSpec: stop when not supervised
    """
    probe, ended = Probe(), []
    async with open_supervisor(one(probe, restart="temporary"), report=probe.report) as sup:
        sup.watch("a", ended.append)
        await fail(sup)
        await settle()
        assert states(sup) == {}
    assert ([terminated.exit.kind for terminated in ended], probe.kinds()) == (["failed"], ["failed"])
    assert probe.story() == ["init a", "terminate a"]


class Choosy(Summer):
    """Decides in its handler: a LookupError changes nothing, a TypeError ends it for good, any other restarts it."""

    async def handle(self, ctx, state, message):
        try:
            return await super().handle(ctx, state, message)
        except LookupError:
            return None
        except TypeError as error:
            raise Shutdown("does not know what to do") from error


async def test_the_handler_says_which_error_it_survives_and_which_one_ends_it(autojump_clock):
    """StubbedSupervisionSpec: resume when handled exception
    StubbedSupervisionSpec: stop when unhandled exception
    StubbedSupervisionSpec: support nesting supervise
    StubbedSupervisionSpec: support flatten supervise
    SupervisionSpec: resume when handled exception
    SupervisionSpec: stop when unhandled exception
    SupervisionSpec: support nesting to handle different exceptions
    SupervisionSpec: support nesting exceptions with different strategies
    SupervisionSpec: support flattening exceptions with different strategies
    SupervisionSpec: apply the right nested supervision
    SupervisionSpec: apply the right flatten supervision
    """
    probe = Probe()
    child = ChildSpec("a", Choosy(probe), restart="transient")
    async with open_supervisor(top("one_for_one", child), report=probe.report) as sup:
        ref = sup.ref("a")
        ref.tell(Add(1))
        ref.tell(Fail(LookupError("no such thing")))
        assert (await summed(sup), incarnations(sup)) == (1, {"a": 1})
        ref.tell(Fail(OSError("no such file")))
        assert (await summed(sup), incarnations(sup)) == (0, {"a": 2})
        ref.tell("a message of no type that it knows")
        await settle()
        assert states(sup) == {"a": "undefined"}
    assert probe.kinds() == ["failed"]


async def test_a_fatal_error_is_no_failure_to_restart_from(autojump_clock):
    """StubbedSupervisionSpec: not catch fatal error"""
    probe = Probe()
    async with open_supervisor(one(probe), report=probe.report) as sup:
        sup.ref("a").tell(Fail(MemoryError()))
        assert (await sup.wait()).kind == "fatal"
    assert probe.said("init") == ["a"]


@pytest.mark.parametrize(("limit", "pause_s", "failures"), [(2, 0, 3), (0, 0, 1), (2, 1.1, None)])
async def test_the_limit_holds_within_its_period(autojump_clock, limit, pause_s, failures):
    """StubbedSupervisionSpec: stop after restart retries limit
    StubbedSupervisionSpec: stop at first exception when restart retries limit is 0
    StubbedSupervisionSpec: reset retry limit after withinTimeRange
    SupervisionSpec: stop when restart limit is hit
    SupervisionSpec: reset fixed limit after timeout
    """
    probe = Probe()
    spec = top("one_for_one", ChildSpec("a", Summer(probe)), intensity=limit, period_s=2)
    async with open_supervisor(spec, report=probe.report) as sup:
        for _ in range(failures or 10):
            await fail(sup)
            await trio.sleep(pause_s)
        if failures is None:
            assert incarnations(sup) == {"a": 11}
        else:
            assert (await sup.wait()).reason == "exhausted"
            assert probe.said("init") == ["a"] * failures


@pytest.mark.parametrize("backoff", BACKOFFS)
@pytest.mark.parametrize(("strategy", "stops"), [("rest_for_one", True), ("one_for_one", False)])
async def test_what_belongs_to_the_one_that_failed_goes_with_it_where_the_strategy_says_so(
    autojump_clock, strategy, stops, backoff
):
    """SupervisionSpec: stop children when restarting
    SupervisionSpec: stop children when backoff
    SupervisionSpec: stop children when restarting second time during unstash
    SupervisionSpec: stop children when backoff second time during unstash
    SupervisionSpec: optionally NOT stop children when restarting
    SupervisionSpec: optionally NOT stop children when backoff
    """
    cast = Cast()
    boss = ChildSpec("boss", Summer(cast.probe), backoff=backoff)
    below = ChildSpec("below", SupervisorSpec("below", "dynamic"), type="supervisor")
    async with open_supervisor(top(strategy, boss, below), report=cast.probe.report) as sup:
        for _ in range(2):
            for child_id in ("1", "2"):
                if child_id not in states(sup.child("below")):
                    await sup.child("below").start_child(ChildSpec(child_id, cast.slow_stop(2)))
            cast.probe.clear()
            failed_at = trio.current_time()
            sup.ref("boss").tell(Fail())
            assert await summed(sup, "boss") == 0
            await settle()
            # The next boss starts when the last of them is gone, and its messages wait for that.
            assert (trio.current_time() - failed_at >= 2) == stops
            assert sorted(cast.probe.said("clean")) == (["1", "2"] if stops else [])
            assert list(states(sup.child("below"))) == ([] if stops else ["1", "2"])


async def test_a_tree_whose_last_child_does_not_start_leaves_nobody_running(autojump_clock):
    """SupervisionSpec: stop children when restart (with limit) from exception in first setup
    SupervisionSpec: stop children when backoff from exception in first setup
    """
    cast = Cast()
    children = (*(ChildSpec(key, cast.slow_stop(1)) for key in "12"), ChildSpec("3", cast.fails_to_start(1)))
    with pytest.raises(InitFailed):
        async with open_supervisor(top("rest_for_one", *children), report=cast.probe.report):
            pytest.fail("the block must not run")
    assert cast.probe.said("clean") == ["2", "1"]
    assert trio.current_time() == 2


async def test_a_watch_outlasts_the_restart_of_whoever_asked_for_it(autojump_clock):
    """SupervisionSpec: be able to recover from a DeathPactException"""
    cast = Cast()
    kid = ChildSpec("kid", cast.steady, restart="temporary")
    boss = ChildSpec("a", Summer(cast.probe))
    async with open_supervisor(top("one_for_one", boss, kid), report=cast.probe.report) as sup:
        ref = sup.ref("a")
        sup.watch("kid", lambda _: ref.tell(Fail()))
        await fail(sup)
        cast.end("kid")
        await settle()
        assert incarnations(sup) == {"a": 3}
        assert await summed(sup) == 0


async def test_who_finds_no_room_during_a_backoff_is_told_and_the_others_wait(autojump_clock):
    """SupervisionSpec: publish dropped messages while backing off and stash is full"""
    probe = Probe()
    spec = one(probe, backoff=Backoff(1, 1), mailbox=MailboxSpec(capacity=2))
    async with open_supervisor(spec, report=probe.report) as sup:
        ref = sup.ref("a")
        await fail(sup)
        ref.tell(Add(1))
        ref.tell(Add(2))
        for _ in range(2):
            with pytest.raises(MailboxFull):
                ref.tell(Add(4))
        assert sup.statistics_of("a").mailbox.rejected == 2
        await trio.sleep(2)
        assert await summed(sup) == 3


async def test_starts_that_fail_after_a_backoff_use_the_budget_up(autojump_clock):
    """SupervisionSpec: fail if reaching maximum number of restarts with backoff"""
    cast = Cast()
    child = ChildSpec("a", scripted(cast, True, Oops("never again")), backoff=Backoff(0.2, 10, jitter=False))
    async with open_supervisor(top("one_for_one", child, intensity=2), report=cast.probe.report) as sup:
        cast.crash("a")
        assert (await sup.wait()).reason == "exhausted"
    assert cast.probe.kinds() == ["failed", "init_failed", "init_failed", "exhausted"]


def test_health_is_the_middle_of_the_bounds_unless_it_is_said():
    """SupervisionSpec: default resetBackoffAfter to average of min and max backoff"""
    assert Backoff(0.1, 1).healthy_after_s == pytest.approx(0.55)
    assert Backoff(0.1, 1, reset_after_s=7).healthy_after_s == 7


@pytest.mark.parametrize("backoff", BACKOFFS)
@pytest.mark.parametrize("starts_fail", [0, 2])
async def test_messages_outlast_one_failure_after_another(autojump_clock, starts_fail, backoff):
    """SupervisionSpec: ensure unhandled message retention during unstash exception when restart
    SupervisionSpec: ensure unhandled message retention during unstash exception when backoff
    SupervisionSpec: ensure stash message retention on start exception when restart
    SupervisionSpec: ensure stash message retention on start exception when backoff
    """
    probe = Probe()

    class Slow(Summer):
        async def init(self, ctx):
            await super().init(ctx)
            if 1 < ctx.incarnation <= 1 + starts_fail:
                raise Oops("while it starts")
            return 0

    child = ChildSpec("a", Slow(probe), backoff=backoff)
    async with open_supervisor(top("one_for_one", child), report=probe.report) as sup:
        for message in (Fail(), Fail(), Add(1), Add(2)):
            sup.ref("a").tell(message)
        assert await summed(sup) == 3
        assert incarnations(sup) == {"a": 3 + starts_fail}


@pytest.mark.parametrize("backoff", BACKOFFS)
@pytest.mark.parametrize("when", ["at first", "after its start", "at its restart"])
@pytest.mark.parametrize("restart", ["transient", "temporary"])
async def test_who_has_nothing_to_do_stays_away(autojump_clock, restart, when, backoff):
    """SupervisionSpec: that is initially stopped should be stopped
    SupervisionSpec: that is stopped after setup should be stopped
    SupervisionSpec: that is stopped after restart should be stopped
    """
    cast = Cast()
    start = {
        "at first": cast.ignores,
        "after its start": cast.shuts_down,
        "at its restart": scripted(cast, True, Ignore),
    }[when]
    async with open_supervisor(top("one_for_one"), report=cast.probe.report) as sup:
        await sup.start_child(ChildSpec("a", start, restart=restart, backoff=backoff))
        if when == "at its restart":
            cast.crash("a")
        await trio.sleep(1)
        assert states(sup) == ({"a": "undefined"} if restart == "transient" else {})
