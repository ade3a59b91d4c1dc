"""From settled to final: what the network takes back in between is taken back in the books, and followed again.

A fill settles at `confirmed`; the network may still give up the block that it is in, until that is finalized. One pass
looks at everything that has landed and is not final, however much that is, in a few calls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from bot.clock import Clock
from bot.errors import Conflict
from bot.execution import alerts
from bot.execution.alerts import Alert
from bot.execution.balance_book import BalanceBook
from bot.execution.in_flight import InFlight
from bot.execution.landed_after_all import LandedAfterAll
from bot.execution.messages import rolled_back_message
from bot.ports import Chain, LandedAttempt, Reversed, Settled, Store
from bot.trading.intent import Attempt, AttemptState, IntentState, Side
from bot.trading.recovery import Landing, Sighting, has_succeeded, landing_of

log = structlog.get_logger()

LANDINGS_AT_ONCE = 256  # what one getSignatureStatuses takes; the oldest come first, the others in the next pass


@dataclass(slots=True)
class Finality:
    """`adopt` follows what is on its way by its rows; `settled` starts the monitor of a position that is open again."""

    store: Store
    chain: Chain
    clock: Clock
    in_flight: InFlight
    balances: BalanceBook
    adopt: Callable[[], Awaitable[object]]
    settled: Callable[[Settled], Awaitable[None]]
    alert: Callable[[Alert], None]
    after_all: LandedAfterAll
    _denials: dict[str, tuple[Sighting, ...]] = field(default_factory=dict)

    async def look(self) -> None:
        """One pass. Raises ChainUnavailable or StoreUnavailable; whatever was not written then is found again."""
        landed = await self.store.unfinal(LANDINGS_AT_ONCE)
        if not landed:
            self._denials.clear()
            return
        seen = await self.chain.sightings([one.attempt.signature for one in landed])
        if await self._opened_again(landed, seen):
            return  # the next pass goes on with the rows as they are now
        endpoints = sum(one.breaker != "refused" for one in self.chain.health())
        final: list[tuple[str, int]] = []
        gone: list[tuple[LandedAttempt, str]] = []
        for one, sightings in zip(landed, seen, strict=True):
            verdict = self._verdict(one.attempt, sightings, endpoints)
            if verdict in {Landing.FINAL, Landing.FORGOTTEN}:
                final.append((one.attempt.signature, _slot_of(one.attempt)))
            elif verdict is Landing.GONE:
                gone.append((one, _evidence(one.attempt, self._denials[one.attempt.signature])))
        known = {one.attempt.signature for one in landed} - {signature for signature, _ in final}
        self._denials = {signature: seen for signature, seen in self._denials.items() if signature in known}
        if final:
            await self.store.finalize(final)
            log.info("landings_final", signatures=[signature for signature, _ in final])
        for one, evidence in gone:
            await self._reverse(one, evidence)

    async def _opened_again(self, landed: Sequence[LandedAttempt], seen: Sequence[Sequence[Sighting]]) -> bool:
        """Open what the books have as failed and somebody shows without an error, where it is proven; whether there was any."""
        opened = False
        for one, sightings in zip(landed, seen, strict=True):
            if one.attempt.state is AttemptState.LANDED_ERROR and any(has_succeeded(look.status) for look in sightings):
                opened = await self.after_all.take_up(one) or opened
        return opened

    def _verdict(self, attempt: Attempt, sightings: Sequence[Sighting], endpoints: int) -> Landing:
        """From this look and the denials before it; one endpoint that has it in its slot ends what others denied."""
        signature, slot = attempt.signature, _slot_of(attempt)
        if any(one.status is not None and one.status.slot == slot for one in sightings):
            self._denials.pop(signature, None)
            return landing_of(slot, sightings, endpoints=endpoints)
        denials = (*self._denials.get(signature, ()), *(one for one in sightings if one.finalized_slot >= slot))
        # Of each endpoint the first and the last say all there is to say.
        ends = {one.endpoint: one for one in reversed(denials)} | {f"{one.endpoint} last": one for one in denials}
        self._denials[signature] = tuple(ends.values())
        verdict = landing_of(slot, self._denials[signature], endpoints=endpoints)
        if verdict is Landing.FORGOTTEN:
            log.warning("landing_forgotten", signature=signature, slot=slot)
        return verdict

    async def _reverse(self, landed: LandedAttempt, evidence: str) -> None:
        """Take one landing back, with what was booked on top of it, and follow all of it again, as a restart would."""
        signature = landed.attempt.signature
        try:
            done = await self.store.reverse(
                signature,
                landed_slot=_slot_of(landed.attempt),
                evidence=evidence,
                now_ms=self.clock.now_ms(),
                message=lambda one: None if _is_closing(one) else rolled_back_message(self.clock, one, signature),
            )
        except Conflict as error:
            # Something else is booked where this one was; the next pass finds both anew.
            log.error("landing_not_reversed", signature=signature, evidence=evidence, reason=str(error))
            self.alert(alerts.reversal_refused(landed.intent, signature, str(error)))
            return
        if not done:
            return
        self._denials.pop(signature, None)
        for one in done:
            log.error(
                "landing_reversed",
                intent=one.intent.id,
                signature=one.attempt.signature,
                mint=one.intent.request.mint,
                position=None if one.position is None else one.position.id,
                slot=one.slot,
                because=signature,
                evidence=evidence,
            )
            self.balances.forget(one.intent.request.wallet_id)
            if one.intent.state is not IntentState.FILLED:
                self.in_flight.reopen(one.intent)
        if not all(_is_closing(one) for one in done):
            self.alert(alerts.rolled_back(landed.intent, signature, evidence, len(done)))
        await self.adopt()
        await self._watched_again(done)

    async def _watched_again(self, done: Sequence[Reversed]) -> None:
        """Each position as the last of its reversals left it, which is the latest in the list."""
        positions = {one.position.id: one.position for one in done if one.position is not None}
        for position in positions.values():
            await self.settled(Settled(position, 0))


def _is_closing(reversed_: Reversed) -> bool:
    """Nobody was told of a closing, and nobody is told that it was taken back: it is followed again, and that is all."""
    return reversed_.intent.request.side is Side.CLOSE


def _slot_of(attempt: Attempt) -> int:
    assert attempt.landed_slot is not None, attempt.signature
    return attempt.landed_slot


def _evidence(attempt: Attempt, denials: Sequence[Sighting]) -> str:
    """Who has finalized that slot and what they say of the signature."""
    told = []
    for one in {denial.endpoint: denial for denial in denials}.values():
        where = "does not know it" if one.status is None else f"has it in slot {one.status.slot}"
        told.append(f"{one.endpoint}, which has finalized slot {one.finalized_slot}, {where}")
    return f"it had landed in slot {attempt.landed_slot}; {'; '.join(told)}"
