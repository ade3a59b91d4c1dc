"""Random trees under random crashes and admin calls: what must hold whatever happens."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import (
    Actor,
    ActorError,
    Backoff,
    ChildSpec,
    Mailbox,
    SupervisorError,
    SupervisorSpec,
    SupervisorStatistics,
    open_supervisor,
)
from actors.runtime.exits import Caught
from actors.runtime.testing import Oops

KEYS = "abcdef"


@dataclass
class World:
    """Every worker of one tree, how many of each run at once, and what went wrong."""

    running: Counter = field(default_factory=Counter)
    fuses: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    def worker(self, init_s, cleanup_s):
        async def start(ctx):
            self.running[ctx.path] += 1
            if self.running[ctx.path] > 1:
                self.faults.append(f"two incarnations of {ctx.path}")
            with Caught() as caught:
                await trio.sleep(init_s)
                fuse = self.fuses[ctx.path] = [trio.Event(), None]
                ctx.ready()
                await fuse[0].wait()
                if fuse[1] is not None:
                    raise fuse[1]
            with ctx.cleanup():
                await trio.sleep(cleanup_s)
            self.running[ctx.path] -= 1
            caught.raise_again()

        return start

    def blow(self, path, error):
        if path in self.fuses:
            self.fuses[path][1] = error
            self.fuses[path][0].set()


seconds = st.sampled_from([0, 0, 0.5, 3])


@st.composite
def workers(draw, world, key):
    backoff = draw(st.sampled_from([None, None, Backoff(0.5, 4)]))
    return ChildSpec(
        key,
        world.worker(draw(seconds), draw(seconds)),
        restart=draw(st.sampled_from(["permanent", "permanent", "transient", "temporary"])),
        shutdown_ms=draw(st.sampled_from([None, 1000, "brutal_kill"])),
        init_timeout_ms=draw(st.sampled_from([None, 1000, 10_000])),
        backoff=backoff,
    )


@st.composite
def supervisors(draw, world, name, depth):
    strategy = draw(st.sampled_from(["one_for_one", "one_for_all", "rest_for_one", "dynamic"]))
    children = []
    for key in KEYS[: draw(st.integers(1, 4))] if strategy != "dynamic" else "":
        if depth and draw(st.integers(0, 2)) == 0:
            inner = draw(supervisors(world, key, depth - 1))
            restart = draw(st.sampled_from(["permanent", "transient"]))
            children.append(ChildSpec(key, inner, type="supervisor", restart=restart))
        else:
            children.append(draw(workers(world, key)))
    return SupervisorSpec(
        name, strategy, tuple(children), intensity=draw(st.integers(0, 6)), period_s=draw(st.sampled_from([2.0, 30.0]))
    )


calls = st.lists(
    st.tuples(
        st.sampled_from(["crash", "crash", "end", "kill", "terminate", "restart", "delete", "start", "reload", "wait"]),
        st.integers(0, 30),
        st.sampled_from([0, 0, 0.1, 1, 7]),
    ),
    max_size=25,
)


def supervisors_of(sup):
    found = [sup]
    for info in sup.which_children():
        if info.type == "supervisor" and info.state == "running":
            found += supervisors_of(sup.child(info.id))
    return found


def act(world, data, root, what, number, nursery):
    sups = supervisors_of(root)
    sup = sups[number % len(sups)]
    children = sup.which_children()
    key = children[number % len(children)].id if children else KEYS[number % len(KEYS)]
    path = f"{sup.path}/{key}"
    if what == "crash":
        world.blow(path, Oops(path))
    elif what == "end":
        world.blow(path, None)
    elif what == "kill" and children:
        sup.kill(key)
    elif what == "start":
        nursery.start_soon(tolerant, sup.start_child, data.draw(workers(world, KEYS[number % len(KEYS)])))
    elif what == "reload":
        nursery.start_soon(tolerant, sup.reload, sup.spec)
    elif what in ("terminate", "restart", "delete"):
        nursery.start_soon(tolerant, getattr(sup, f"{what}_child"), key)


async def tolerant(call, *args):
    with suppress(SupervisorError, ActorError):  # refusing is an answer
        await call(*args)


def check_views(world, sup):
    counts, children = sup.count_children(), sup.which_children()
    assert counts.active == sum(child.state == "running" for child in children)
    assert counts.specs == counts.supervisors + counts.workers == len(children)
    check_tree(sup.statistics())


def check_tree(tree):
    for child in tree.children:
        assert child.path.startswith(f"{tree.path}/")
        if isinstance(child, SupervisorStatistics):
            check_tree(child)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), steps=calls)
def test_no_two_incarnations_overlap_and_nothing_outlives_the_block(data, steps):
    world = World()
    spec = data.draw(supervisors(world, "root", 2))

    async def main():
        try:
            async with open_supervisor(spec, report=lambda _: None) as sup, trio.open_nursery() as nursery:
                for what, number, pause in steps:
                    act(world, data, sup, what, number, nursery)
                    await trio.sleep(pause)
                    check_views(world, sup)
                await trio.sleep(60)
                nursery.cancel_scope.cancel()
            end = await sup.wait()
            assert end.kind == "shutdown"
            assert all(child.state in ("undefined", "quarantined") for child in sup.which_children())
        except SupervisorError:
            pass  # a start that failed by its init timeout
        assert world.faults == []
        assert set(world.running.values()) <= {0}

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@settings(max_examples=120, deadline=None)
@given(data=st.data(), steps=calls, at=st.sampled_from([0, 0.2, 2, 9]))
def test_a_cancelled_tree_leaves_nothing_behind(data, steps, at):
    world = World()
    spec = data.draw(supervisors(world, "root", 2))

    async def main():
        with trio.move_on_after(at):
            try:
                async with open_supervisor(spec, report=lambda _: None) as sup, trio.open_nursery() as nursery:
                    for what, number, pause in steps:
                        act(world, data, sup, what, number, nursery)
                        await trio.sleep(pause)
            except SupervisorError:
                pass  # a start that failed by its init timeout
        assert world.faults == []
        assert set(world.running.values()) <= {0}

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


class Ledger(Actor[tuple, object]):
    """Keeps every number it has handled, and fails for the negative ones."""

    keep_state = True

    async def init(self, ctx):
        return ()

    async def handle(self, ctx, state, message):
        if message == "all":
            ctx.reply(state)
            return None
        if message < 0:
            raise Oops(message)
        return (*state, message)


@settings(max_examples=150, deadline=None)
@given(messages=st.lists(st.integers(-3, 50), max_size=40))
def test_each_message_is_handled_once_in_order_or_is_a_dead_letter(messages):
    async def main():
        child = ChildSpec("a", Ledger(), mailbox=Mailbox(100))
        spec = SupervisorSpec("root", "one_for_one", (child,), intensity=1000)
        async with open_supervisor(spec, report=lambda _: None) as sup:
            ref = sup.ref("a")
            for message in messages:
                ref.tell(message)
            kept = await ref.ask("all", timeout_s=5)
            dead = tuple(letter.message for letter in sup.dead_letters())
        assert dead == tuple(message for message in messages if message < 0)
        handled = tuple(message for message in messages if message >= 0)
        # Three failures in a row make a cold start, which forgets what came before.
        assert handled[len(handled) - len(kept) :] == kept

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
