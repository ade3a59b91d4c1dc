"""Pekko's DeathWatchSpec: who is told of an end, how often, and who is not."""

import trio

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.runtime.testing import Cast, Oops
from tests.runtime.suite import incarnations, settle


def top(cast, **keywords):
    return SupervisorSpec("top", "one_for_one", (ChildSpec("a", cast.steady), ChildSpec("b", cast.steady)), **keywords)


def ids(seen):
    return [terminated.id for terminated in seen]


async def test_each_watcher_is_told_once_of_a_stop(autojump_clock):
    """DeathWatchSpec: notify with one Terminated message when an Actor is stopped
    DeathWatchSpec: notify with all monitors with one Terminated message when an Actor is stopped
    """
    cast = Cast()
    watchers = ([], [], [])
    async with open_supervisor(top(cast)) as sup:
        for seen in watchers:
            sup.watch("a", seen.append)
        await sup.terminate_child("a")
        await sup.terminate_child("a")
        assert [ids(seen) for seen in watchers] == [["a"]] * 3
        assert {seen[0].exit.kind for seen in watchers} == {"stopped"}


async def test_a_watch_of_the_dead_fires_at_once(autojump_clock):
    """DeathWatchSpec: notify with one Terminated message when an Actor is already dead"""
    cast, seen = Cast(), []
    async with open_supervisor(top(cast)) as sup:
        await sup.terminate_child("a")
        sup.watch("a", seen.append)
        sup.watch("never there", seen.append)
        assert ids(seen) == ["a", "never there"]


async def test_only_those_who_still_watch_are_told(autojump_clock):
    """DeathWatchSpec: notify with _current_ monitors with one Terminated message when an Actor is stopped
    DeathWatchSpec: only notify when watching
    """
    cast, first, second, third = Cast(), [], [], []
    async with open_supervisor(top(cast)) as sup:
        sup.watch("a", first.append)
        sup.watch("a", second.append)()
        sup.watch("b", third.append)
        await sup.terminate_child("a")
        assert (ids(first), ids(second), ids(third)) == (["a"], [], [])


async def test_a_restart_is_no_end_and_a_used_up_budget_is(autojump_clock):
    """DeathWatchSpec: notify with a Terminated message once when an Actor is stopped but not when restarted"""
    cast, seen = Cast(), []
    async with open_supervisor(top(cast, intensity=2), report=cast.probe.report) as sup:
        sup.watch("a", seen.append)
        for _ in range(2):
            sup.kill("a")
            await settle()
        assert (ids(seen), incarnations(sup)["a"]) == ([], 3)
        sup.kill("a")
        await sup.wait()
        assert [(terminated.incarnation, terminated.exit.kind) for terminated in seen] == [(3, "killed")]


async def test_a_watcher_that_raises_is_told_of_and_harms_nobody(autojump_clock, caplog):
    """DeathWatchSpec: fail a monitor which does not handle Terminated()"""
    cast, seen = Cast(), []

    def broken(_):
        raise Oops("in a watcher")

    async with open_supervisor(top(cast)) as sup:
        sup.watch("a", broken)
        sup.watch("a", seen.append)
        await sup.terminate_child("a")
        assert ids(seen) == ["a"]
    assert "a watcher of top/a raised" in caplog.text


async def test_the_next_child_of_the_same_id_can_be_watched(autojump_clock):
    """DeathWatchSpec: be able to watch a child with the same name after the old died"""
    cast, seen = Cast(), []
    async with open_supervisor(SupervisorSpec("top", "dynamic")) as sup:
        for _ in range(2):
            await sup.start_child(ChildSpec("kid", cast.steady, restart="temporary"))
            sup.watch("kid", seen.append)
            cast.end("kid")
            await settle()
        assert ids(seen) == ["kid", "kid"]


async def test_a_watch_that_is_taken_back_in_the_moment_of_the_end_is_not_heard(autojump_clock):
    """DeathWatchSpec: discard Terminated when unwatched between sysmsg and processing"""
    cast, seen = Cast(), []
    async with open_supervisor(top(cast)) as sup, trio.open_nursery() as nursery:
        unwatch = sup.watch("a", seen.append)
        nursery.start_soon(sup.terminate_child, "a")
        unwatch()
        await settle()
        assert seen == []


async def test_a_watcher_says_itself_what_it_is_told(autojump_clock):
    """DeathWatchSpec: watch with custom message"""
    cast, seen = Cast(), []
    async with open_supervisor(top(cast)) as sup:
        sup.watch("a", lambda terminated: seen.append(f"{terminated.id} is gone"))
        await sup.terminate_child("a")
        assert seen == ["a is gone"]
