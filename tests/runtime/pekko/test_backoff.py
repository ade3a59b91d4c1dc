"""Pekko's BackoffSupervisorSpec and BackoffOnRestartSupervisorSpec: a child's own delay between its end and its next start."""

import pytest
import trio

from actors.runtime import ActorFailed, Backoff, ChildSpec, Shutdown, SupervisorSpec, open_supervisor
from actors.runtime.testing import Add, Cast, Fail, GetSum, Probe, Summer
from tests.runtime.suite import LONG_S, Gate, incarnations, settle, states


def top(child, *, intensity=5, period_s=LONG_S):
    return SupervisorSpec("top", "one_for_one", (child,), intensity=intensity, period_s=period_s)


async def test_a_child_that_stops_is_started_again_after_its_delay(autojump_clock):
    """BackoffSupervisorSpec: start child again when it stops when using `Backoff.onStop`
    BackoffSupervisorSpec: support custom supervision strategy
    BackoffSupervisorSpec: support default stopping strategy when using `Backoff.onStop`
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, backoff=Backoff(0.1, 3, jitter=False))
    async with open_supervisor(top(child), report=cast.probe.report) as sup:
        for ends, delay in ((cast.end, 0.1), (cast.crash, 0.2)):
            before = sup.statistics().restarts
            ends("c1")
            await settle()
            assert (states(sup), sup.statistics().restarts) == ({"c1": "restarting"}, before + 1)
            await trio.sleep(delay)
            await settle()
            assert states(sup) == {"c1": "running"}


async def test_messages_reach_the_child_through_its_address(autojump_clock):
    """BackoffSupervisorSpec: forward messages to the child
    BackoffOnRestartSupervisorSpec: forward messages from the child to the parent of the supervisor
    """
    child = ChildSpec("c1", Summer(first=7), backoff=Backoff(0.1, 3))
    async with open_supervisor(top(child)) as sup:
        assert await sup.ref("c1").ask(GetSum(), timeout_s=1) == 7


async def test_health_begins_the_delays_anew_and_so_does_a_restart_by_hand(autojump_clock):
    """BackoffSupervisorSpec: support manual reset
    SupervisionSpec: reset exponential backoff count after reset timeout
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, backoff=Backoff(1, 9, jitter=False))
    async with open_supervisor(top(child, intensity=100), report=cast.probe.report) as sup:
        for healthy, by_hand, delay in ((0, False, 1), (0, False, 2), (6, False, 1), (0, False, 2), (0, True, 1)):
            await trio.sleep(healthy)
            if by_hand:
                await sup.terminate_child("c1")
                await sup.restart_child("c1")
            crashed_at = trio.current_time()
            cast.crash("c1")
            await trio.sleep(delay)
            await settle()
            assert cast.probe.events[-1] == (crashed_at + delay, "ready", "c1")


async def test_while_it_waits_messages_are_kept_and_an_ask_keeps_its_own_deadline(autojump_clock):
    """BackoffSupervisorSpec: reply to sender if replyWhileStopped is specified
    BackoffSupervisorSpec: not reply to sender if replyWhileStopped is NOT specified
    """
    child = ChildSpec("c1", Summer(), backoff=Backoff(100, 100))
    async with open_supervisor(top(child), report=lambda _: None) as sup:
        ref = sup.ref("c1")
        with pytest.raises(ActorFailed):
            await ref.ask(Fail(), timeout_s=1)
        ref.tell(Add(5))
        with pytest.raises(trio.TooSlowError):
            await ref.ask(GetSum(), timeout_s=0.5)
        assert trio.current_time() == 0.5
        assert await ref.ask(GetSum(), timeout_s=200) == 5
        assert trio.current_time() == 100


@pytest.mark.parametrize(
    ("failures", "min_s", "max_s", "expected"),
    [
        (0, 0, 0, 0),
        (0, 300, 420, 300),
        (2, 5, 7, 7),
        (2, 5, 604_800, 20),
        (29, 300, 600, 600),
        (29, 864e6, 864e6, 864e6),
        (2**31 - 1, 864e6, 864e6, 864e6),
    ],
)
def test_the_delay_doubles_up_to_its_bound_for_all_numbers(failures, min_s, max_s, expected):
    """BackoffSupervisorSpec: correctly calculate the delay"""
    assert Backoff(min_s, max_s, jitter=False).delay(failures) == expected
    assert min_s <= Backoff(min_s, max_s).delay(failures) <= max_s


@pytest.mark.parametrize("how", ["stop", "failure"])
async def test_the_budget_ends_it(autojump_clock, how):
    """BackoffSupervisorSpec: stop restarting the child after reaching maxNrOfRetries limit (Backoff.onStop)
    BackoffSupervisorSpec: stop restarting the child after reaching maxNrOfRetries limit (Backoff.onFailure)
    BackoffOnRestartSupervisorSpec: respect maxNrOfRetries property of OneForOneStrategy
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, backoff=Backoff(0.1, 3))
    async with open_supervisor(top(child, intensity=2), report=cast.probe.report) as sup:
        for restarts in (0, 1, 2):
            assert sup.statistics().restarts == restarts
            (cast.end if how == "stop" else cast.crash)("c1")
            await trio.sleep(4)
        assert (await sup.wait()).reason == "exhausted"
    assert cast.probe.said("ready") == ["c1"] * 3


async def test_a_child_that_says_it_is_done_is_not_started_again(autojump_clock):
    """BackoffSupervisorSpec: stop restarting the child if final stop message received (Backoff.onStop)
    BackoffSupervisorSpec: supervisor must not stop when final stop message has not been received
    BackoffOnRestartSupervisorSpec: terminate when child terminates
    BackoffOnRestartSupervisorSpec: stop on exceptions as dictated by the supervisor strategy
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, restart="transient", backoff=Backoff(0.1, 0.1), significant=True)
    spec = SupervisorSpec("top", "one_for_one", (child,), intensity=100, auto_shutdown="any_significant")
    async with open_supervisor(spec, report=cast.probe.report) as sup:
        cast.crash("c1")
        await trio.sleep(1)
        assert incarnations(sup) == {"c1": 2}
        cast.crash("c1", Shutdown("the final message"))
        end = await sup.wait()
        assert (end.kind, end.reason) == ("shutdown", "auto_shutdown")


async def test_each_delay_is_twice_the_one_before_and_there_is_one_child_at_a_time(autojump_clock):
    """BackoffOnRestartSupervisorSpec: restart the child with an exponential back off
    SupervisionSpec: restart after exponential backoff
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, backoff=Backoff(0.25, 10, jitter=False))
    async with open_supervisor(top(child), report=cast.probe.report) as sup:
        for delay in (0.25, 0.5, 1, 2):
            crashed_at = trio.current_time()
            cast.crash("c1")
            await trio.sleep(delay)
            await settle()
            assert cast.probe.events[-1] == (crashed_at + delay, "ready", "c1")
        assert incarnations(sup) == {"c1": 5}


async def test_views_and_calls_answer_while_the_child_still_ends(autojump_clock):
    """BackoffOnRestartSupervisorSpec: accept commands while child is terminating"""
    probe = Probe()

    class Slow(Summer):
        async def terminate(self, ctx, state):
            await trio.sleep(3)

    child = ChildSpec("c1", Slow(probe), backoff=Backoff(0.001, 0.001))
    async with open_supervisor(top(child), report=probe.report) as sup:
        ref = sup.ref("c1")
        ref.tell(Fail())
        ref.tell(Add(1))
        await trio.sleep(1)
        assert (incarnations(sup), sup.statistics().restarts) == ({"c1": 1}, 0)
        assert await ref.ask(GetSum(), timeout_s=9) == 1
        assert (incarnations(sup), sup.statistics().restarts) == ({"c1": 2}, 1)


async def test_only_failures_within_the_period_count(autojump_clock):
    """BackoffOnRestartSupervisorSpec: respect withinTimeRange property of OneForOneStrategy
    BackoffOnRestartSupervisorSpec: keep restarting when failures happen outside of withinTimeRange
    """
    cast = Cast()
    child = ChildSpec("c1", cast.steady, backoff=Backoff(0.125, 0.125))
    async with open_supervisor(top(child, intensity=3, period_s=1), report=cast.probe.report) as sup:
        for pause in (0.25, 0.25, 1.25, 0.25, 0.25, 0.25):
            cast.crash("c1")
            await trio.sleep(pause)
            assert states(sup) == {"c1": "running"}
        cast.crash("c1")
        assert (await sup.wait()).reason == "exhausted"


async def test_a_start_that_fails_waits_for_its_delay_too(autojump_clock):
    """BackoffOnRestartSupervisorSpec: restart the child with an exponential back off"""
    cast = Cast()
    gate = Gate(cast)
    child = ChildSpec("c1", gate, backoff=Backoff(1, 100, jitter=False))
    async with open_supervisor(top(child), report=cast.probe.report):
        gate.is_open = False
        cast.crash("c1")
        await trio.sleep(8)
        assert [at for at, what, _ in cast.probe.events if what == "try"] == [1, 3, 7]
