"""While a dependency is away its callers fail fast, and one of them finds out when it is back."""

import pytest
import trio

from actors.runtime import BreakerOpen, BreakerStatistics, CircuitBreaker, SpecError


class Dependency:
    def __init__(self):
        self.is_up = True
        self.takes_s = 0.0
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        await trio.sleep(self.takes_s)
        if not self.is_up:
            raise OSError("away")
        return "answer"


async def fail(breaker, dependency, times):
    dependency.is_up = False
    for _ in range(times):
        with pytest.raises(OSError, match="away"):
            await breaker.call(dependency)


async def test_it_opens_after_so_many_failures_in_a_row_and_calls_nobody_then(autojump_clock):
    breaker, dependency = CircuitBreaker(3, 1.0, 10.0), Dependency()
    await fail(breaker, dependency, 2)
    dependency.is_up = True
    assert await breaker.call(dependency) == "answer"
    await fail(breaker, dependency, 3)
    assert (breaker.state, dependency.calls) == ("open", 6)
    await trio.sleep(4)
    with pytest.raises(BreakerOpen) as caught:
        await breaker.call(dependency)
    assert caught.value.retry_in_s == 6
    assert breaker.statistics() == BreakerStatistics("open", 3, calls=6, failures=5, refused=1, opened=1)
    assert dependency.calls == 6


async def test_a_trial_call_closes_it_or_opens_it_again(autojump_clock):
    breaker, dependency = CircuitBreaker(1, 1.0, 10.0), Dependency()
    await fail(breaker, dependency, 1)
    await trio.sleep(10)
    assert breaker.state == "half_open"
    await fail(breaker, dependency, 1)
    assert breaker.state == "open"
    await trio.sleep(10)
    dependency.is_up = True
    await breaker.call(dependency)
    assert breaker.state == "closed"


async def test_only_one_trial_call_at_a_time(autojump_clock):
    breaker, dependency = CircuitBreaker(1, 5.0, 10.0), Dependency()
    await fail(breaker, dependency, 1)
    await trio.sleep(10)
    dependency.is_up, dependency.takes_s = True, 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(breaker.call, dependency)
        await trio.sleep(1)
        with pytest.raises(BreakerOpen):
            await breaker.call(dependency)
    assert breaker.state == "closed"


async def test_a_call_that_takes_too_long_is_a_failure(autojump_clock):
    breaker, dependency = CircuitBreaker(1, 1.0, 10.0), Dependency()
    dependency.takes_s = 5
    with pytest.raises(trio.TooSlowError):
        await breaker.call(dependency)
    assert (trio.current_time(), breaker.state) == (1, "open")


async def test_a_cancelled_call_counts_as_nothing_and_leaves_the_trial_to_the_next(autojump_clock):
    breaker, dependency = CircuitBreaker(1, 100.0, 10.0), Dependency()
    await fail(breaker, dependency, 1)
    await trio.sleep(10)
    dependency.is_up, dependency.takes_s = True, 50
    with trio.move_on_after(1):
        await breaker.call(dependency)
    assert breaker.state == "half_open"
    dependency.takes_s = 0
    await breaker.call(dependency)
    assert breaker.state == "closed"


async def test_a_late_success_of_a_call_from_before_does_not_close_it(autojump_clock):
    breaker, slow, broken = CircuitBreaker(1, 100.0, 10.0), Dependency(), Dependency()
    slow.takes_s = 5
    async with trio.open_nursery() as nursery:
        nursery.start_soon(breaker.call, slow)
        await trio.sleep(1)
        await fail(breaker, broken, 1)
    assert (trio.current_time(), breaker.state) == (5, "open")


@pytest.mark.parametrize("arguments", [(0, 1.0, 1.0), (1, 0.0, 1.0), (1, 1.0, 0.0)])
def test_its_arguments_are_checked(arguments):
    with pytest.raises(SpecError):
        CircuitBreaker(*arguments)
