"""Whoever waited for a lock or a pipe when he was stopped was stopped: what trio raises to itself is no error of his."""

import os
from functools import partial

import pytest
import trio

from tests.runtime.test_exits import Leaving, exit_of, forever, terminate


@pytest.mark.parametrize("wait", ["limiter", "lock", "channel"])
async def test_whoever_waited_for_a_lock_of_trio_is_stopped_and_has_not_failed(autojump_clock, wait):
    limiter, lock = trio.CapacityLimiter(1), trio.Lock()
    send, _receive = trio.open_memory_channel(0)
    limiter.acquire_on_behalf_of_nowait("somebody")
    lock.acquire_nowait()

    async def start(ctx):
        ctx.ready()
        await {"limiter": limiter.acquire, "lock": lock.acquire, "channel": partial(send.send, 1)}[wait]()

    end, reports = await exit_of(start, terminate)
    assert (end.kind, end.leaves, reports) == ("stopped", (), [])


async def test_whoever_waited_for_a_pipe_is_stopped_and_has_not_failed():
    reads, writes = os.pipe()

    async def start(ctx):
        ctx.ready()
        await stream.receive_some(1)

    async with trio.lowlevel.FdStream(reads) as stream, trio.lowlevel.FdStream(writes):
        end, reports = await exit_of(start, terminate)
    assert (end.kind, end.leaves, reports) == ("stopped", (), [])


async def test_a_would_block_of_the_childs_own_is_an_error_like_any_other(autojump_clock):
    async def start(ctx):
        async with Leaving(trio.lowlevel.checkpoint):
            try:
                await forever(ctx)
            finally:
                raise trio.WouldBlock

    end, _ = await exit_of(start, terminate)
    assert end.kind == "failed_while_stopping"
    assert [repr(leaf) for leaf in end.leaves] == ["WouldBlock()"]
