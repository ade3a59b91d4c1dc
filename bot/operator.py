"""The operator's verbs behind the control socket: questions, and actions that are audited with who, when and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.clock import Clock
from bot.database_server import DatabaseServer
from bot.errors import BotError, StoreUnavailable
from bot.execution.messages import flattened_message, program_flattened_message
from bot.execution.ordered_causes import BREAKER, IN_MEMORY, ON_THIS_DISK, OPERATOR, PANIC, PAUSED_BY_USER
from bot.panels import Panels
from bot.ports import Desk, Store, User, telegram_id_of
from bot.refusal import CannotError, typed_reason, who
from bot.status import OF_USER, OWNERS_MAX, StatusBoard
from bot.supervision.operator import SupervisionOperator
from bot.trace import Tracer
from bot.trading.trading_state import FROZEN, GLOBAL, OF_PROGRAM, OUTFLOW, Cause, Halt, State
from bot.trading.units import counted
from bot.trading.venue import PROGRAMS
from bot.tree import TradingBot
from bot.watch_verb import watch_verbs

log = structlog.get_logger()

Record = dict[str, Any]

BY_USERS = frozenset({PAUSED_BY_USER, PANIC, BREAKER})  # what a user himself ends


@dataclass(frozen=True, slots=True)
class Operator:
    """Answers one verb at a time; what cannot be done is an `error` in one line.

    `database` is the bot's own server, whose faults can be played; None where the database is somebody else's.
    `further` are verbs that others answer.
    """

    bot: TradingBot
    board: StatusBoard
    panels: Panels
    database: DatabaseServer | None
    supervision: SupervisionOperator
    further: Mapping[str, Callable[[Record], Awaitable[Record]]] = field(default_factory=dict)

    async def answer(self, request: Record) -> Record:
        verbs: dict[str, Callable[[Record], Awaitable[Record]]] = {
            "status": self._status,
            **self.supervision.verbs(),
            "pause": self._pause,
            "resume": self._resume,
            "flatten": self._flatten,
            "rearm": self._rearm,
            "top": self._top,
            "trace": self._trace,
            "diag": self._diag,
            "fault": self._fault,
            "clear": self._clear,
            "faults": self._faults,
            **watch_verbs(self.bot.guard),
            **self.further,
        }
        verb = verbs.get(str(request.get("verb")))
        if verb is None:
            return {"error": f"there is no verb {request.get('verb')!r}"}
        try:
            return await verb(request)
        except (BotError, LookupError) as error:
            return {"error": str(error)}
        except Exception as error:
            # A fault of one answer must not end the operator's door; the log has its traceback.
            log.exception("operator_verb_failed", verb=request.get("verb"))
            return {"error": f"the bot could not answer this: {type(error).__name__}; see its log"}

    async def _status(self, _: Record) -> Record:
        return await self.board.status()

    async def _top(self, _: Record) -> Record:
        return await self.panels.record()

    async def _trace(self, request: Record) -> Record:
        return await Tracer(self.bot).trace(str(request.get("word")))

    async def _diag(self, request: Record) -> Record:
        return await Tracer(self.bot).diag(await self._user(str(request.get("user"))))

    async def _pause(self, request: Record) -> Record:
        why = typed_reason(request, "no reason given")
        if not await self.bot.guard.pause_by_operator(why, who(request)):
            raise CannotError("an operator has paused entries already; bot resume ends it")
        return {
            "text": f"entries are paused for everybody; {self._exits()}. bot resume ends it.{self.bot.guard.kept_where()}"
        }

    async def _resume(self, request: Record) -> Record:
        before = self.bot.guard.causes()
        try:
            ended = await self.bot.guard.resume_by_operator(who(request))
        except StoreUnavailable as error:
            raise CannotError(
                f"what you ordered stands; give bot resume again when the database answers ({error})"
            ) from None
        if not ended:
            raise CannotError(f"there is no operator's pause; {await self._standing()}")
        left = {(cause.name, cause.scope) for cause in self.bot.guard.causes()}
        over = await self._named([cause for cause in before if (cause.name, cause.scope) not in left])
        return {"text": await self._after(f"over: {over}")}

    async def _standing(self) -> str:
        """What pauses all the same, and who ends that."""
        if self.bot.guard.halt is not None:
            return "the bot is halted, which bot rearm ends"
        if not (causes := self.bot.guard.causes()):
            return "nothing pauses"
        names = {one.name for one in causes}
        ends = ["what a user ordered ends by his /resume"] if names & BY_USERS else []
        ends += ["a freeze by its user's /ack_outflow"] if OUTFLOW in names else []
        ends += ["a frozen wallet by its user's /unfreeze"] if FROZEN in names else []
        if names - BY_USERS - {OUTFLOW, FROZEN}:
            ends.append("everything else ends by itself" if ends else "it ends by itself")
        return f"what pauses is {await self._named(causes)}; {', '.join(ends)}"

    async def _flatten(self, request: Record) -> Record:
        handle, program = request.get("user"), request.get("program")
        why = typed_reason(request, "ordered by the operator")
        if handle and program:
            raise CannotError("give --user or --program, not both")
        if handle:
            return await self._flatten_user(str(handle), why, who(request))
        if program:
            return await self._flatten_program(str(program), why, who(request))
        halt = Halt(OPERATOR, self._clock.now_ms(), who(request), why)
        if not self.bot.guard.latch(halt):
            raise CannotError("a halt is latched already; bot status shows how far the flatten is, bot rearm ends it")
        kept = "" if await self.bot.guard.has_stored_halt() else self._halt_is_here_alone()
        selling = self.board.words.cannot_sell() or "every position is being sold"
        return {"text": f"halted: {selling}, nothing is bought until bot rearm.{kept}"}

    async def _flatten_user(self, handle: str, why: str, by: str) -> Record:
        """Pause one user and sell what he holds; his money stays his."""
        user = await self._user(handle)
        if self.bot.guard.flattened_by_operator(user.id):
            raise CannotError(f"{user.handle} is being flattened already; bot status shows how far, bot resume ends it")
        await self.bot.guard.pause_user(user.id, OPERATOR, by=by, why=why)
        await self._store.audit(by, "flatten", {"user": user.id, "why": why}, self._clock.now_ms())
        selling = await self.bot.panic(user.id, by=by, why=why)
        await self._store.post(flattened_message(self._clock, user.id, why, selling))
        kept = self.bot.guard.kept_where()
        if self.board.words.is_frozen(user.id):
            kept = f" His wallet is frozen: nothing of his is sold until he gives /ack_outflow.{kept}"
        return {
            "text": f"{user.handle}: entries paused, {counted(selling, 'position')} to sell; bot resume ends both.{kept}"
        }

    async def _flatten_program(self, program: str, why: str, by: str) -> Record:
        """Sell what everybody holds of the tokens that trade at one program, and buy none of them."""
        if program not in PROGRAMS:
            raise CannotError(f"there is no program {program[:50]!r}; give {' or '.join(PROGRAMS)}")
        if not await self.bot.guard.flatten_program(program, why, by):
            raise CannotError(f"{program} is being flattened already; bot status shows how far, bot resume ends it")
        await self._store.audit(by, "flatten", {"program": program, "why": why}, self._clock.now_ms())
        positions = await self._store.open_positions()
        selling_here = await self.bot.care.sold_with(program, positions)
        held = Counter(one.user_id for one in selling_here)
        for user_id, count in held.items():
            await self._store.post(program_flattened_message(self._clock, user_id, program, why, count))
        selling = counted(held.total(), "position")
        kept = self.bot.guard.kept_where()
        return {"text": f"{program}: no entries there, {selling} to sell; bot resume ends both.{kept}"}

    async def _rearm(self, request: Record) -> Record:
        if self.bot.guard.halt is None:
            raise CannotError("nothing is halted; bot status shows the state")
        if not self.bot.guard.flattened:
            raise CannotError("the flatten is still at work; wait for HALTED in bot status")
        await self.bot.guard.rearm(who(request))
        return {"text": await self._after("rearmed")}

    async def _fault(self, request: Record) -> Record:
        """Take the bot's own database away for a while; without waiting for what follows from it."""
        if self.database is None:
            raise CannotError("DATABASE_URL names the database, and the bot breaks none but its own")
        try:
            for_s = float(request.get("for_s") or 0)
        except (TypeError, ValueError):
            for_s = 0.0
        self.database.fail(str(request.get("name")), for_s)
        return {"faults": self.database.faults()}

    async def _clear(self, _: Record) -> Record:
        return {"cleared": 0 if self.database is None else self.database.mend()}

    async def _faults(self, _: Record) -> Record:
        return {"faults": [] if self.database is None else self.database.faults()}

    async def _after(self, ended: str) -> str:
        """What holds once something has ended; entries are called open only where they are."""
        guard, left = self.bot.guard, await self._named(self.bot.guard.causes())
        if guard.halt is not None:
            return f"{ended}; the halt stands ({guard.state}): nothing is bought until bot rearm."
        if left:
            return f"{ended}; still pausing: {left}."
        return f"{ended}; entries are open." if guard.state is State.OPEN else f"{ended}; the bot is {guard.state}."

    def _exits(self) -> str:
        """What becomes of exits now."""
        return f"monitors go on, {said}" if (said := self.board.words.exits()) else "exits and monitors go on"

    def _halt_is_here_alone(self) -> str:
        """For a halt that the database does not have yet."""
        return ON_THIS_DISK if self.bot.guard.halt_on_disk.is_kept else IN_MEMORY

    async def _named(self, causes: Sequence[Cause]) -> str:
        """Causes with whom they are about, each once; users by their last known names while the database is away."""
        ids = [cause.scope.removeprefix(OF_USER) for cause in causes if cause.scope.startswith(OF_USER)]
        try:
            owners = await self._store.owners(ids[:OWNERS_MAX]) if ids else {}
        except StoreUnavailable:
            owners = {}
        handles = {**self.board.handles, **{user_id: owner.handle for user_id, owner in owners.items()}}
        told = []
        for cause in causes:
            whom = handles.get(cause.scope.removeprefix(OF_USER), cause.scope.replace(OF_PROGRAM, "program "))
            whom = "a user" if whom.startswith(OF_USER) else whom
            name = "operator's pause" if cause.name == OPERATOR else cause.name
            told.append(name if cause.scope == GLOBAL else f"{name} of {whom}")
        return ", ".join(dict.fromkeys(told))

    @property
    def _store(self) -> Store:
        return self.bot.adapters.store

    @property
    def _desk(self) -> Desk:
        return self.bot.desk

    @property
    def _clock(self) -> Clock:
        return self.bot.adapters.clock

    async def _user(self, handle: str) -> User:
        user = await self._store.user_by_handle(handle)
        if user is None and (telegram_id := telegram_id_of(handle)) is not None:
            user = await self._store.user_by_telegram_id(telegram_id)
        if user is None:
            raise CannotError(f"there is no user {handle[:50]!r}; give a handle or a Telegram id")
        return user
