"""Pekko's CoordinatedShutdownSpec: here the phases are the subtrees of a root, stopped in reverse, each within its share."""

import pytest
import trio

from actors.runtime import ChildSpec, SupervisionError, SupervisorSpec, load_supervision, open_supervisor
from actors.runtime.testing import Busy, Cast, Oops, Probe, Summer
from tests.runtime.suite import settle, states


def phase(name, *children, share_ms="infinity"):
    """One phase: a subtree whose share of the time is `share_ms`."""
    return ChildSpec(name, SupervisorSpec(name, "one_for_one", children), type="supervisor", shutdown_ms=share_ms)


def root(*phases):
    return SupervisorSpec("root", "one_for_one", phases)


async def test_phases_run_in_order_and_each_waits_for_all_of_the_one_before(autojump_clock):
    """CoordinatedShutdownSpec: run ordered phases"""
    cast = Cast()
    slow = ChildSpec("b2", cast.slow_stop(1), shutdown_ms="infinity")
    spec = root(
        phase("c", ChildSpec("c1", cast.steady)),
        phase("b", slow, ChildSpec("b1", cast.steady)),
        phase("a", ChildSpec("a1", cast.steady)),
    )
    async with open_supervisor(spec):
        cast.probe.clear()
    assert cast.probe.story() == ["end a1", "end b1", "end b2", "clean b2", "end c1"]


async def test_what_was_taken_back_before_is_not_stopped_again(autojump_clock):
    """CoordinatedShutdownSpec: cancel shutdown tasks"""
    cast = Cast()
    spec = root(phase("a", *(ChildSpec(key, cast.steady) for key in ("copy1", "copy2", "copy3"))))
    async with open_supervisor(spec) as sup:
        await sup.child("a").terminate_child("copy2")
        cast.probe.clear()
    assert cast.probe.story() == ["end copy3", "end copy1"]


async def test_a_shutdown_runs_once_and_keeps_its_first_reason(autojump_clock):
    """CoordinatedShutdownSpec: only run once
    CoordinatedShutdownSpec: terminate ActorSystem
    """
    cast = Cast()
    worker = ChildSpec("a1", cast.slow_stop(2))
    with trio.move_on_after(5):
        async with open_supervisor(SupervisorSpec("root", "one_for_one", (worker,), intensity=0)) as sup:
            cast.crash("a1")
            end = await sup.wait()
            assert (end.reason, trio.current_time()) == ("exhausted", 2)
            await trio.sleep_forever()
    assert (await sup.wait(), cast.probe.said("clean")) == (end, ["a1"])


async def test_a_phase_that_fails_or_is_late_does_not_hold_up_the_next(autojump_clock):
    """CoordinatedShutdownSpec: continue after timeout or failure"""
    cast = Cast()

    async def fails(ctx):
        try:
            await cast.steady(ctx)
        finally:
            raise Oops("boom")

    spec = root(
        phase("c", ChildSpec("c1", cast.steady)),
        phase("b", ChildSpec("b1", cast.slow_stop(3600), shutdown_ms="infinity"), share_ms=100),
        phase("a", ChildSpec("a2", cast.slow_stop(0.5)), ChildSpec("a1", fails)),
    )
    async with open_supervisor(spec, report=cast.probe.report):
        cast.probe.clear()
    assert cast.probe.story() == ["end a1", "end a2", "clean a2", "end b1", "end c1"]
    assert trio.current_time() == pytest.approx(0.6)
    told = [(report.path, report.kind) for report in cast.probe.reports]
    assert told == [("root/a/a1", "failed_while_stopping"), ("root/b/b1", "killed"), ("root/b", "killed")]


async def test_a_child_that_joins_a_later_phase_while_an_earlier_one_stops_is_refused_or_stopped(autojump_clock):
    """CoordinatedShutdownSpec: honor registration and cancellation in later phases
    CoordinatedShutdownSpec: be possible to add tasks in later phase from task in earlier phase
    """
    cast = Cast()
    outer = root(phase("b"), phase("a", ChildSpec("a1", cast.slow_stop(2))))
    async with trio.open_nursery() as nursery:
        async with open_supervisor(outer) as sup:
            later = sup.child("b")

            async def join():
                await trio.sleep(1)
                await later.start_child(ChildSpec("b1", cast.steady))

            nursery.start_soon(join)
        assert cast.probe.story() == ["ready a1", "end a1", "ready b1", "clean a1", "end b1"]
    assert states(later) == {"b1": "undefined"}


@pytest.mark.parametrize(("mode", "handled"), [("drain", ["busy 1", "done 1"]), ("cancel", ["busy 1"])])
async def test_an_actor_finishes_what_waits_or_stops_at_once(autojump_clock, mode, handled):
    """CoordinatedShutdownSpec: support actor termination tasks with a stop message
    CoordinatedShutdownSpec: support actor termination tasks without a stop message
    """
    probe = Probe()
    async with open_supervisor(root(phase("a", ChildSpec("1", Summer(probe))))) as sup:
        sup.child("a").ref("1").tell(Busy(2))
        await settle()
        await sup.terminate_child("a", mode=mode)
    assert probe.story() == ["init 1", *handled, "terminate 1"]


async def test_an_actor_that_has_ended_before_holds_up_nothing(autojump_clock):
    """CoordinatedShutdownSpec: support actor termination tasks for actors that are already shutdown"""
    cast = Cast()
    spec = root(phase("a", ChildSpec("a1", cast.slow_stop(5), restart="transient")))
    async with open_supervisor(spec):
        cast.end("a1")
        await trio.sleep(6)
    assert trio.current_time() == 6


async def test_one_child_may_be_stopped_by_several_at_once(autojump_clock):
    """CoordinatedShutdownSpec: allow watching the same actor twice in the same phase
    CoordinatedShutdownSpec: allow watching the same actor twice in different phases
    """
    cast, seen = Cast(), []
    spec = root(phase("a", ChildSpec("a1", cast.slow_stop(1))))
    async with trio.open_nursery() as nursery, open_supervisor(spec) as sup:
        below = sup.child("a")
        for _ in range(2):
            below.watch("a1", seen.append)
            nursery.start_soon(below.terminate_child, "a1")
        nursery.start_soon(sup.terminate_child, "a")
        await settle()
    assert ([terminated.id for terminated in seen], cast.probe.said("clean")) == (["a1", "a1"], ["a1"])
    assert trio.current_time() == 1


def test_the_phases_and_their_shares_are_read_from_a_file(tmp_path):
    """CoordinatedShutdownSpec: parse phases from config
    CoordinatedShutdownSpec: have pre-defined phases from config
    CoordinatedShutdownSpec: sort phases in topological order
    """
    path = tmp_path / "supervision.toml"
    path.write_text(
        '[supervisor.root]\nchildren = ["last", "first"]\n'
        '[supervisor.last]\nchildren = ["worker"]\nshutdown_ms = 15000\n'
        '[supervisor.first]\nchildren = []\n[actor.worker]\nrestart = "transient"\n'
    )
    tree = load_supervision(path).tree({"worker": Cast().steady})
    assert [(child.id, child.resolved_shutdown_ms) for child in tree.children] == [
        ("last", 15000),
        ("first", "infinity"),
    ]


@pytest.mark.parametrize("circle", [("a",), ("b", "a"), ("c", "a", "b")])
def test_phases_that_hold_each_other_are_refused(tmp_path, circle):
    """CoordinatedShutdownSpec: detect cycles in phases (non-DAG)"""
    path = tmp_path / "supervision.toml"
    sections = [f'[supervisor.{one}]\nchildren = ["{circle[(at + 1) % len(circle)]}"]' for at, one in enumerate(circle)]
    path.write_text("\n".join(["[supervisor.root]\nchildren = []", *sections, ""]))
    with pytest.raises(SupervisionError, match="hold each other"):
        load_supervision(path)
