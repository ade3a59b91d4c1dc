"""The loop's health on the real clock: a stall is seen from outside, with the code that caused it."""

import threading
import time

import pytest
import trio

from actors.runtime import SpecError, loop_watchdog


def blocks_the_loop(until):
    give_up_at = time.monotonic() + 10
    while not until() and time.monotonic() < give_up_at:
        time.sleep(0.001)


async def test_a_blocked_loop_is_reported_with_the_stack_that_blocks_it(caplog):
    reports, reported = [], trio.Event()

    def report(one):
        reports.append(one)
        reported.set()

    with trio.fail_after(10):
        async with loop_watchdog(0.02, report) as watchdog:
            blocks_the_loop(lambda: "stands still" in caplog.text)
            assert not watchdog.statistics().is_green
            await reported.wait()
            assert watchdog.statistics().stalls >= 1
            assert watchdog.statistics().worst_lag_s >= 0.02
    assert reports[0].kind == "loop_stall"
    assert "blocks_the_loop" in reports[0].stack
    assert "blocks_the_loop" in caplog.text


async def test_a_loop_that_turns_is_green_and_the_thread_ends_with_the_block():
    with trio.fail_after(10):
        async with loop_watchdog(0.4, pytest.fail) as watchdog:
            assert watchdog.statistics().is_green
        for thread in threading.enumerate():
            if thread.name == "loop watchdog":
                await trio.to_thread.run_sync(thread.join)


async def test_an_error_of_the_block_arrives_as_it_was_raised():
    with pytest.raises(KeyError):
        async with loop_watchdog(0.4, lambda _: None):
            raise KeyError


async def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(SpecError):
        async with loop_watchdog(0, pytest.fail):
            pass
