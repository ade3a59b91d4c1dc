"""one_for_all and rest_for_one: children that stop together, in reverse, and start together, in order."""

from typing import TYPE_CHECKING

import trio

from actors.runtime.child import Child

if TYPE_CHECKING:
    from actors.runtime.engine import Engine


class GroupRestart:
    """The group restart of one supervisor: what is asked for is noted at once, the supervisor's task carries it out.

    Between the note and the carrying out the members are `leaving`: an exit of theirs is part of this restart and is
    neither counted nor answered by another one.
    """

    __slots__ = ("_delay_s", "_engine", "_first", "_leaving")

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._first: Child | None = None
        self._delay_s = 0.0
        self._leaving: set[Child] = set()

    @property
    def is_wanted(self) -> bool:
        """Whether the supervisor's task has a restart to carry out."""
        return self._first is not None

    def is_leaving(self, child: Child) -> bool:
        """Whether this child is being stopped for a restart."""
        return child in self._leaving

    def want(self, child: Child, delay_s: float) -> None:
        """Ask for a restart because of `child`, after `delay_s` seconds between the stop and the start."""
        children = list(self._engine.children.values())
        first = children[0] if self._engine.spec.strategy == "one_for_all" else child
        self._delay_s = max(self._delay_s, delay_s)
        self._begin_at(first, children)

    def _begin_at(self, first: Child, children: list[Child]) -> None:
        if self._first in children and children.index(self._first) < children.index(first):
            first = self._first
        self._first = first
        for member in children[children.index(first) :]:
            # As in OTP: the whole group starts again, those too that had ended before.
            member.state = "restarting"
            member.cancel_restart()
            if member.cell is not None:
                self._leaving.add(member)

    async def carry_out(self) -> None:
        """Stop the members, wait, start them; return early when the supervisor ends or a wider restart is wanted."""
        engine = self._engine
        children = list(engine.children.values())
        first, self._first = self._first, None
        delay_s, self._delay_s = self._delay_s, 0.0
        if first not in children:
            self._leaving.clear()
            return
        members = children[children.index(first) :]
        for member in reversed(members):
            if member.cell is not None:
                member.cell.end("group")
                await member.cell.join()
            self._leaving.discard(member)
            if member.spec.restart == "temporary" and engine.ending is None:
                member.state = "undefined"
                member.end_address()
                engine.remove(member)
        await self._pause(delay_s)
        for member in members:
            if self._is_over:
                self._take_up(member)
                return
            await self._start(member)

    @property
    def _is_over(self) -> bool:
        return self.is_wanted or self._engine.ending is not None

    async def _pause(self, delay_s: float) -> None:
        until = trio.current_time() + delay_s
        timer = self._engine.runtime.timers.at(until, self._engine.changed)
        while trio.current_time() < until and not self._is_over:
            await self._engine.until_changed()
        timer.cancel()

    async def _start(self, member: Child) -> None:
        if self._engine.children.get(member.id) is not member or member.state != "restarting":
            return  # stopped or deleted by hand in the meantime
        member.restarts += 1
        attempt = member.spawn_attempt(by_supervisor=True)
        while not attempt.event.is_set() and not self._is_over:
            await self._engine.until_changed()

    def _take_up(self, member: Child) -> None:
        """Make sure that the restart which comes next begins no later than the first member not started here."""
        children = list(self._engine.children.values())
        if self.is_wanted and member in children:
            self._begin_at(member, children)
