"""Thousands of children that fail in the same moment: the others get their turns while they come back."""

import trio

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.runtime.pacing import SLICE

MANY = 3 * SLICE


class Oops(Exception):
    pass


class Flock:
    """Children whose first incarnations all fail in the same moment; `back` counts the second ones."""

    def __init__(self):
        self.lightning = trio.Event()
        self.back = 0

    async def bird(self, ctx):
        ctx.ready()
        if ctx.incarnation == 1:
            await self.lightning.wait()
            raise Oops
        self.back += 1
        await trio.sleep_forever()

    def spec(self):
        return SupervisorSpec("flock", "simple_one_for_one", (ChildSpec("bird", self.bird),))

    async def gather(self, sup):
        for number in range(MANY):
            await sup.start_child(str(number))


def unread(_report):
    pass


async def test_a_storm_of_restarts_leaves_the_others_their_turns(autojump_clock):
    flock = Flock()
    async with open_supervisor(flock.spec(), report=unread) as sup:
        await flock.gather(sup)
        flock.lightning.set()
        came_back = []
        while flock.back < MANY:
            before = flock.back
            await trio.lowlevel.checkpoint()
            came_back.append(flock.back - before)
        # Two slices meet where a turn of ours falls between the two halves of one pass.
        assert max(came_back) <= 2 * SLICE
        assert sup.count_children().active == MANY


async def test_who_is_terminated_while_it_waits_for_its_turn_does_not_come_back(autojump_clock):
    flock = Flock()
    async with open_supervisor(flock.spec(), report=unread) as sup:
        await flock.gather(sup)
        flock.lightning.set()
        await trio.lowlevel.checkpoint()
        waiting = [child.id for child in sup.which_children() if child.state == "restarting"]
        assert waiting
        for child_id in waiting[::2]:
            await sup.terminate_child(child_id)
        await trio.testing.wait_all_tasks_blocked()
        assert not {child.id for child in sup.which_children()} & set(waiting[::2])
        assert sup.count_children().active == MANY - len(waiting[::2])


async def test_a_stop_in_the_storm_takes_the_waiting_restarts_back(autojump_clock):
    flock = Flock()
    async with open_supervisor(flock.spec(), report=unread) as sup:
        await flock.gather(sup)
        flock.lightning.set()
        await trio.lowlevel.checkpoint()
    assert flock.back < MANY
