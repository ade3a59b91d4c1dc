"""What an operator does to the tree by hand: start a child again, let one out of quarantine, look at and replay dead letters.

Each is audited with who, when and why. What would leave a wallet with two signers, or a position with two sellers or
with none, is refused, or done in the order that prevents it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from actors.executor import Trade
from actors.runtime import ActorError, AlreadyStarted, DeadLetter, NotFound, Supervisor, SupervisorError
from bot.clock import rfc3339
from bot.errors import StoreUnavailable, Unavailable
from bot.refusal import CannotError
from bot.supervision.paths import Place, every_supervisor, find_place
from bot.tree import TradingBot

log = structlog.get_logger()

Record = dict[str, Any]

EXECUTORS = "root/money/executors"
MONITORS = "root/money/position_monitors"
OVER_MONEY = ("root/money", "root/guard")
GUARD = "root/guard/trading_guard"
FOUNDATION = "foundation"
# Whoever asks is answered from in here, and a task cannot wait for its own end.
DOOR = ("root/ops", "root/ops/control_socket")
MESSAGE_LENGTH = 300
LETTERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class SupervisionVerbs:
    """`foundation` is the tree of the bot's own servers, if any."""

    bot: TradingBot
    foundation: Callable[[], Supervisor | None]

    async def find(self, typed: str) -> Place:
        """The child that an operator means; below snipers and executors a user's handle or Telegram id will do.

        Raises LookupError in one line.
        """
        try:
            return find_place(self._roots(), typed)
        except LookupError as error:
            unknown = error
        for path in await self._by_handle(typed):
            with suppress(LookupError):
                return find_place(self._roots(), path)
        raise unknown

    async def restart(self, typed: str, why: str, by: str, *, confirmed: bool) -> Record:
        """Stop a child and start it again, with a fresh budget; what waits in its mailbox is handled first.

        It is started when the last one is gone, which while the database hangs may take until a write gives up.
        The answer has `text`, or `confirm` with the question where people have to say yes first.
        """
        place = await self.find(typed)
        self._refuse_by_hand(place)
        if place.state == "quarantined":
            return await self.release(typed, why, by)
        if not confirmed and (question := _question(place)):
            return {"confirm": question}
        async with self._in_order(place):
            before = place.state
            await self._start_again(place)
        await self.audit("restart", place.path, why, by, was=before)
        return {"text": f"{place.path} was {before} and is {place.state} now."}

    async def release(self, typed: str, why: str, by: str) -> Record:
        """Let a child out of quarantine with a fresh budget; a position goes back from the fallback to its monitor."""
        place = await self.find(typed)
        if place.state != "quarantined":
            raise CannotError(
                f"{place.path} is {place.state}, not quarantined; bot supervisor restart starts it again all the same"
            )
        async with self._in_order(place):
            await self._start_again(place)
        await self.audit("release", place.path, why, by)
        return {"text": f"{place.path} is out of quarantine and {place.state}; its restarts count from zero."}

    # -------------------------------------------------------------------------------------------------- starting again

    def _refuse_by_hand(self, place: Place) -> None:
        if place.supervisor is None and place.path == FOUNDATION:
            raise CannotError(
                f"{FOUNDATION} holds the bot's own servers, which are started again one by one: {self._servers()}"
            )
        if place.supervisor is None:
            raise CannotError(f"{place.path} is the whole program; stop the bot and start it again")
        if place.path in DOOR:
            raise CannotError(
                f"{place.path} answers you right now and cannot wait for its own end; restart what is beside it"
            )
        if place.path == OVER_MONEY[0] and self.bot.guard.halt is not None:
            raise CannotError("root/money is stopped by the halt; bot rearm starts it once everything is flat")

    @asynccontextmanager
    async def _in_order(self, place: Place) -> AsyncIterator[None]:
        """Hold off whoever else serves the same wallet or position while a child is started again."""
        parent = place.path.rpartition("/")[0]
        holding: dict[str, Callable[[str], AbstractAsyncContextManager[None]]] = {
            EXECUTORS: self.bot.desk.replacing,
            MONITORS: self.bot.fallback.handing_back,
        }
        if parent in holding:
            async with holding[parent](place.id):
                yield
        else:
            yield

    async def _start_again(self, place: Place) -> None:
        supervisor = place.supervisor
        assert supervisor is not None
        try:
            spec = supervisor.get_childspec(place.id)
            if place.state in {"running", "restarting"}:
                await _stopped(supervisor, place.id)
            # A halt that was latched meanwhile has stopped money for its own workers.
            self._refuse_by_hand(place)
            if place.state == "gone":
                started = await supervisor.start_child(spec)
            else:
                started = await supervisor.restart_child(place.id)
        except AlreadyStarted:
            # Whoever starts such children on demand was quicker; there is one, and that is what was wanted.
            return
        except NotFound as error:
            raise CannotError(f"{place.path} has ended meanwhile; nothing was started") from error
        except SupervisorError as error:
            raise CannotError(f"{place.path} did not start: {error}; its log line says more") from error
        if started is None:
            raise CannotError(f"{place.path} has nothing to do in this configuration and did not start")

    # ----------------------------------------------------------------------------------------------------- dead letters

    async def dead_letters(self, typed: str | None) -> Record:
        """The messages that no handler finished, newest last, of one supervisor or child or of all."""
        place = None if typed is None else await self.find(typed)
        rows = [
            self._letter(supervisor, letter)
            for supervisor in self._supervisors()
            for letter in supervisor.dead_letters()
            if place is None or f"{supervisor.path}/{letter.child}/".startswith(f"{place.path}/")
        ]
        rows.sort(key=lambda row: str(row["at"]))
        return {"total": len(rows), "dead_letters": rows[-LETTERS_SHOWN:]}

    async def replay(self, letter_id: str, why: str, by: str) -> Record:
        """Send one dead letter to its address once more; an order is never replayed."""
        path, _, number = letter_id.rpartition("#")
        supervisor = next((one for one in self._supervisors() if one.path == path), None)
        letters = () if supervisor is None else supervisor.dead_letters()
        letter = next((one for one in letters if str(one.number) == number), None)
        if supervisor is None or letter is None:
            raise LookupError(f"there is no dead letter {letter_id!r}; bot supervisor dead-letters lists them")
        if isinstance(letter.message, Trade):
            raise CannotError(
                "an order is never replayed: whoever gave it was told that it failed, and the price is another"
            )
        try:
            supervisor.replay(letter.number)
        except (SupervisorError, ActorError) as error:
            raise CannotError(f"{letter_id} was not taken: {error}; it is still kept") from error
        await self.audit(
            "replay", f"{path}/{letter.child}", why, by, letter=letter_id, message=_short(repr(letter.message))
        )
        return {"text": f"{letter_id} was sent to {path}/{letter.child} once more."}

    def _letter(self, supervisor: Supervisor, letter: DeadLetter) -> Record:
        at_ms = self.bot.adapters.clock.now_ms() - round((trio.current_time() - letter.at) * 1000)
        return {
            "id": f"{supervisor.path}#{letter.number}",
            "to": f"{supervisor.path}/{letter.child}",
            "at": rfc3339(at_ms),
            "reason": letter.reason,
            "attempts": letter.attempts,
            "message": _short(repr(letter.message)),
            "error": _short(letter.stack.rpartition("\n")[2]) or None,
            "replayable": not isinstance(letter.message, Trade),
        }

    # ------------------------------------------------------------------------------------------------------------ parts

    def _roots(self) -> Sequence[Supervisor]:
        return [tree for tree in (self.foundation(), self.bot.root) if tree is not None]

    def _servers(self) -> str:
        tree = self.foundation()
        names = () if tree is None else tree.which_children()
        return ", ".join(f"bot supervisor restart {FOUNDATION}/{one.id}" for one in names) or "it has none here"

    def _supervisors(self) -> list[Supervisor]:
        return [supervisor for root in self._roots() for supervisor in every_supervisor(root)]

    async def _by_handle(self, typed: str) -> list[str]:
        """Paths that a user's handle or Telegram id at the end may stand for."""
        parent, _, handle = typed.strip("/").rpartition("/")
        if not parent or not handle:
            return []
        store = self.bot.adapters.store
        try:
            user = await store.user_by_handle(handle)
            if user is None and handle.isdecimal():
                user = await store.user_by_telegram_id(int(handle))
            wallets = () if user is None else await store.wallets(user.id)
        except Unavailable as error:
            log.info("handle_not_looked_up", handle=handle, reason=str(error))
            return []
        return [] if user is None else [f"{parent}/{one}" for one in (user.id, *(wallet.id for wallet in wallets))]

    async def audit(self, action: str, path: str, why: str, by: str, **facts: object) -> None:
        """Into the log at once, and into the database; one that is away must not keep an operator from acting."""
        log.warning("operator_action", action=action, path=path, by=by, why=why, **facts)
        detail: dict[str, object] = {"path": path, "why": why, **facts}
        try:
            await self.bot.adapters.store.audit(by, f"supervision_{action}", detail, self.bot.adapters.clock.now_ms())
        except StoreUnavailable as error:
            log.warning("audit_not_stored", action=action, path=path, reason=str(error))


def _question(place: Place) -> str | None:
    """What is to be confirmed before this child is started again, None where nothing is."""
    if place.path == GUARD:
        return f"Start {place.path} again? Nothing is bought until it answers."
    if place.is_supervisor and place.path.startswith(OVER_MONEY):
        return f"Start {place.path} again? Until it is back nothing below it is watched, signed or sold."
    if place.path.startswith(f"{FOUNDATION}/"):
        return f"Start {place.path} again? That is an outage of it for everybody."
    return None


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 3]}..."


async def _stopped(supervisor: Supervisor, child_id: str) -> None:
    """Stop a child once it has handled what waits; after half of its `shutdown_ms` whatever it still does is cancelled.

    The other half is for its cleanup, which a kill at the end of a drain would leave out. A write that has begun is
    waited for beyond that, up to its own deadline.
    """
    patience_s = supervisor.get_childspec(child_id).shutdown_s / 2
    trouble: SupervisorError | None = None

    async def lose_patience() -> None:
        await trio.sleep(patience_s)
        with suppress(SupervisorError):  # whoever drains hears it
            await supervisor.terminate_child(child_id)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lose_patience)
        try:
            await supervisor.terminate_child(child_id, mode="drain")
        except SupervisorError as error:  # raised below, where the nursery does not put it into a group
            trouble = error
        nursery.cancel_scope.cancel()
    if trouble is not None:
        raise trouble
