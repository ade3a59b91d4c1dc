"""Pekko's CircuitBreakerSpec: closed, open, half-open, and what each call does to it."""

import random

import pytest
import trio

from actors.runtime import BreakerOpen, CircuitBreaker
from actors.runtime.testing import Oops
from tests.runtime.suite import settle


def breaker(max_failures=1, call_timeout_s=5.0, reset_s=0.5):
    return CircuitBreaker(max_failures, call_timeout_s, reset_s)


async def fine():
    await trio.lowlevel.checkpoint()
    return "hi"


async def broken():
    await trio.lowlevel.checkpoint()
    raise Oops("broken")


async def slow():
    await trio.sleep(60)


async def fails(one, call=broken, error=Oops):
    with pytest.raises(error):
        await one.call(call)


async def test_an_open_one_refuses_at_once_and_says_for_how_long(autojump_clock):
    """CircuitBreakerSpec: open: throw exceptions when called before reset timeout
    CircuitBreakerSpec: open: invoke onCallBreakerOpen when called before reset timeout
    CircuitBreakerSpec: open: invoke onCallFailure when call results in exception
    CircuitBreakerSpec: closed: invoke onOpen if call fails and breaker transits to open state
    """
    one = breaker(reset_s=5)
    await fails(one)
    assert (one.state, one.statistics().opened, one.statistics().failures) == ("open", 1, 1)
    with pytest.raises(BreakerOpen) as caught:
        await one.call(fine)
    assert (caught.value.retry_in_s, one.statistics().refused, one.statistics().calls) == (5, 1, 1)


async def test_an_open_one_is_half_open_when_its_time_is_over(autojump_clock):
    """CircuitBreakerSpec: open: transition to half-open on reset timeout
    CircuitBreakerSpec: open: invoke onHalfOpen during transition to half-open state
    CircuitBreakerSpec: identified: be open after throw exception and half-open after reset timeout
    """
    one = breaker()
    await fails(one)
    await trio.sleep(0.49)
    assert one.state == "open"
    await trio.sleep(0.01)
    assert one.state == "half_open"


@pytest.mark.parametrize("late", [fine, broken])
async def test_a_call_from_before_neither_closes_nor_prolongs_an_open_one(autojump_clock, late):
    """CircuitBreakerSpec: open: still be in open state after calling success method
    CircuitBreakerSpec: open: still be in open state after calling fail method
    """
    one = breaker()

    async def ends_later():
        await trio.sleep(0.25)
        return await late()

    async def call():
        try:
            await one.call(ends_later)
        except Oops:
            assert late is broken

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await settle()
        await fails(one)
    assert (trio.current_time(), one.state) == (0.25, "open")
    await trio.sleep(0.25)
    assert one.state == "half_open"


async def test_a_half_open_one_closes_with_a_success(autojump_clock):
    """CircuitBreakerSpec: half-open: pass through next call and close on success
    CircuitBreakerSpec: half-open: close on calling success method
    CircuitBreakerSpec: half-open: pass through next call and invoke onCallSuccess on success
    CircuitBreakerSpec: half-open: pass through next call and invoke onCallSuccess after transition to open state
    CircuitBreakerSpec: half-open: pass through next call and invoke onOpen after transition to open state
    CircuitBreakerSpec: identified: be closed again after success result
    CircuitBreakerMTSpec: recover and reset the breaker after the reset timeout
    """
    one = breaker()
    await fails(one)
    await trio.sleep(0.5)
    assert await one.call(fine) == "hi"
    assert (one.state, one.statistics().failures_in_row) == ("closed", 0)
    assert await one.call(fine) == "hi"


@pytest.mark.parametrize(("call", "error"), [(broken, Oops), (slow, trio.TooSlowError)])
async def test_a_half_open_one_opens_again_with_a_failure(autojump_clock, call, error):
    """CircuitBreakerSpec: half-open: open on exception in call
    CircuitBreakerSpec: half-open: open on calling fail method
    CircuitBreakerSpec: half-open: pass through next call and invoke onCallFailure on failure
    CircuitBreakerSpec: half-open: pass through next call and invoke onCallTimeout on timeout
    CircuitBreakerSpec: half-open: re-open on async failure
    CircuitBreakerSpec: half-open: re-open on exception in call
    """
    one = breaker()
    await fails(one)
    await trio.sleep(0.5)
    await fails(one, call, error)
    assert (one.state, one.statistics().opened) == ("open", 2)


async def test_a_half_open_one_lets_a_single_call_through(autojump_clock):
    """CircuitBreakerSpec: half-open: pass through next call and invoke onCallBreakerOpen while executing other
    CircuitBreakerMTSpec: allow a single call through in half-open state
    """
    one = breaker()
    await fails(one)
    await trio.sleep(0.5)
    outcomes = []

    async def call():
        try:
            outcomes.append(await one.call(fine))
        except BreakerOpen as refused:
            outcomes.append(refused.retry_in_s)

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(call)
    assert sorted(map(str, outcomes)) == ["0.0"] * 19 + ["hi"]


async def test_a_closed_one_lets_calls_through_and_counts(autojump_clock):
    """CircuitBreakerSpec: closed: allow calls through
    CircuitBreakerSpec: closed: increment failure count on failure
    CircuitBreakerSpec: closed: increment failure count on fail method
    CircuitBreakerSpec: closed: increment failure count on exception
    CircuitBreakerSpec: closed: increment failure count on async failure
    CircuitBreakerSpec: identified: be closed after success result
    CircuitBreakerSpec: closed: reset failure count after success
    CircuitBreakerSpec: closed: reset failure count after success method
    CircuitBreakerSpec: closed: invoke onCallSuccess if call succeeds
    CircuitBreakerSpec: closed: invoke onCallFailure if call fails
    CircuitBreakerMTSpec: allow many calls while in closed state with no errors
    """
    one = breaker(max_failures=5)
    for failures in (4, 2):
        for row in range(1, failures + 1):
            await fails(one)
            assert one.statistics().failures_in_row == row
        assert await one.call(fine) == "hi"
        assert (one.state, one.statistics().failures_in_row) == ("closed", 0)
    assert (one.statistics().calls, one.statistics().failures) == (8, 6)


async def test_a_closed_one_times_calls_out_and_counts_them_when_it_does(autojump_clock):
    """CircuitBreakerSpec: closed: throw TimeoutException on callTimeout
    CircuitBreakerSpec: closed: increment failure count on callTimeout before call finishes
    CircuitBreakerSpec: closed: invoke onCallTimeout if call timeouts
    CircuitBreakerSpec: closed: increment failure count on callTimeout
    """
    one = breaker(call_timeout_s=0.05)
    await fails(one, slow, trio.TooSlowError)
    assert (trio.current_time(), one.state, one.statistics().failures) == (0.05, "open", 1)


async def test_many_callers_open_it_together(autojump_clock):
    """CircuitBreakerMTSpec: transition to open state upon reaching failure limit and fail-fast"""
    one = breaker(max_failures=5)
    refused = []

    async def call():
        for _ in range(3):
            try:
                await one.call(broken)
            except (Oops, BreakerOpen) as error:
                refused.append(isinstance(error, BreakerOpen))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(call)
    assert one.state == "open"
    assert (one.statistics().opened, one.statistics().failures) == (1, refused.count(False))
    assert one.statistics().refused == refused.count(True) > 0


async def test_under_stress_each_call_has_one_of_three_outcomes(autojump_clock):
    """CircuitBreakerStressSpec: A CircuitBreaker"""
    one, chance, counted = breaker(max_failures=5, call_timeout_s=0.2, reset_s=200), random.Random(7), []

    async def job():
        await trio.sleep(chance.randrange(300) / 1000)

    async def caller():
        for _ in range(20):
            try:
                await one.call(job)
                counted.append("done")
            except (BreakerOpen, trio.TooSlowError) as error:
                counted.append(type(error).__name__)
                await trio.sleep(chance.random() * 100)

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(caller)
    numbers = one.statistics()
    assert counted.count("done") + counted.count("TooSlowError") == numbers.calls
    assert (counted.count("BreakerOpen"), len(counted)) == (numbers.refused, 1000)
