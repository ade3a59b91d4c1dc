"""one_for_all and rest_for_one: children that stop together, in reverse, and start together, in order."""

from typing import TYPE_CHECKING

import trio

from actors.runtime.child import Child

if TYPE_CHECKING:
    from actors.runtime.engine import Engine


class GroupRestart:
    """The group restart of one supervisor: what is asked for is noted at once, the supervisor's task carries it out.

    Between the note and the carrying out the members are `leaving`: an exit of theirs is part of this restart and is
    neither counted nor answered by another one. Between its stop and its start a member `awaits_turn`.
    """

    __slots__ = ("_cause", "_delay_s", "_engine", "_first", "_is_given_up", "_leaving", "_waits_for")

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._first: Child | None = None
        self._cause: Child | None = None
        self._delay_s = 0.0
        self._leaving: set[Child] = set()
        self._waits_for: Child | None = None
        self._is_given_up = False

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
        self._cause = child
        self._delay_s = max(self._delay_s, delay_s)
        self._begin_at(first, children)

    def give_up(self, child: Child) -> None:
        """Somebody stops `child` by hand; a restart that waits for just this one does not go on without it."""
        if self._waits_for is child:
            self._is_given_up = True
            self._engine.changed()

    def _begin_at(self, first: Child, children: list[Child]) -> None:
        if self._first in children and children.index(self._first) < children.index(first):
            first = self._first
        self._first = first
        for member in children[children.index(first) :]:
            # As in OTP: the whole group starts again, those too that had ended before.
            member.awaits_turn = True
            member.cancel_restart()
            if member.cell is not None:
                member.state = "restarting"
                self._leaving.add(member)

    async def carry_out(self) -> None:
        """Stop the members, wait, start them; return early when the supervisor ends or another restart is wanted."""
        engine = self._engine
        children = list(engine.children.values())
        first, self._first = self._first, None
        cause, self._cause = self._cause, None
        delay_s, self._delay_s = self._delay_s, 0.0
        if first not in children:
            # Deleted by hand since; the siblings after it were told to leave all the same.
            first = next((child for child in children if child.awaits_turn), None)
        if first is None:
            return
        members = children[children.index(first) :]
        await self._stop(members)
        self._is_given_up = False
        self._waits_for = cause
        await self._pause(delay_s)
        for member in members:
            if self._is_over:
                break
            await self._start(member)
        self._waits_for = None
        self._leave_the_rest(members)

    async def _stop(self, members: list[Child]) -> None:
        engine = self._engine
        for member in reversed(members):
            if member.cell is not None:
                member.cell.end("group")
                await member.cell.join()
                if member.awaits_turn:
                    member.state = "undefined"
            self._leaving.discard(member)
            if member.spec.restart == "temporary" and engine.ending is None:
                member.state = "undefined"
                member.end_address()
                engine.remove(member)

    @property
    def _is_over(self) -> bool:
        return self.is_wanted or self._is_given_up or self._engine.ending is not None

    async def _pause(self, delay_s: float) -> None:
        until = trio.current_time() + delay_s
        timer = self._engine.runtime.timers.at(until, self._engine.changed)
        while trio.current_time() < until and not self._is_over:
            await self._engine.until_changed()
        timer.cancel()

    async def _start(self, member: Child) -> None:
        if self._engine.children.get(member.id) is not member or not member.awaits_turn:
            return  # stopped, started or deleted by hand in the meantime
        self._waits_for = member
        member.state = "restarting"
        member.restarts += 1
        attempt = member.spawn_attempt(by_supervisor=True)
        while not attempt.event.is_set() and not self._is_over:
            await self._engine.until_changed()

    def _leave_the_rest(self, members: list[Child]) -> None:
        """See to those whose turn did not come: a restart that begins no later takes them up, or they stay down."""
        if self._engine.ending is not None:
            return
        children = list(self._engine.children.values())
        rest = [member for member in members if member.awaits_turn and member in children]
        if self.is_wanted and rest:
            self._begin_at(rest[0], children)
        elif self._is_given_up:
            for member in rest:
                self._engine.put_away(member)
