"""Orders on their way: the desk that takes a request, and the journal of intents and attempts behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.ports.snipes import Snipe, SnipeRun
from bot.trading.curve import Quote
from bot.trading.fill import Brought, Fill
from bot.trading.intent import Attempt, Intent, IntentState, TradeRequest
from bot.trading.ladder import FIRST_RUNG, Rung
from bot.trading.ledger import Leg
from bot.trading.limits import Ceilings
from bot.trading.position import Position
from bot.trading.risk_gate import Admitted, Refused, RiskSnapshot

Gate = Callable[[RiskSnapshot], Admitted | Refused]
MakeMessage = Callable[[Position, int], OutboxMessage]


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did, now or earlier. `realized_lamports` is 0 for a buy."""

    position: Position
    realized_lamports: int


class IntentStore(Protocol):
    """Intents and their attempts.

    The causation id of a buy with context `sniper` is its snipe run, whose status follows the intent in the same
    transaction: admit -> EXECUTING, unknown -> UNKNOWN, settle -> COMPLETED, failed or cancelled -> FAILED,
    expired -> EXPIRED.
    """

    async def admit(
        self,
        request: TradeRequest,
        *,
        intent_id: str,
        now_ms: int,
        wallet_lamports: int,
        unrealized_lamports: int,
        ceilings: Ceilings,
        pause_causes: Sequence[str],
        day_start_ms: int,
        gate: Gate,
        run: SnipeRun | None = None,
    ) -> Intent | Refused:
        """Judge and write in one transaction that holds the wallet's row: snapshot, `gate`, intent `planned`, reservation.

        `unrealized_lamports` is what sales of the user's open positions would bring now beyond their cost. A request
        whose key already has an intent returns that intent as it stands, whatever its state, and writes nothing. A
        sniper's buy may bring its `run`, which is then written with the intent, in the status that the intent gives
        it; of a refused one it is not. Refused as `seen` where its user has another run for the mint and epoch.
        Raises LookupError for a wallet that the user does not have, Conflict when `intent_id` is taken.
        """

    async def intent(self, intent_id: str) -> Intent | None:
        """An intent as it stands; None for an unknown id."""

    async def intent_of(self, key: str) -> Intent | None:
        """The intent that a request of this key became, if one did."""

    async def in_flight(self) -> list[tuple[Intent, list[Attempt]]]:
        """Every intent that is not in a terminal state, oldest first, with its attempts in order."""

    async def unproven(self) -> list[tuple[Intent, list[Attempt]]]:
        """Filled intents with those of their other attempts that may still land, oldest first.

        No buy of their mint by their wallet is admitted until each of these is resolved.
        """

    async def record_attempt(self, attempt: Attempt) -> None:
        """Commit an attempt's bytes and move its intent to `signed`; raises Conflict when the intent cannot be signed.

        Of an attempt that is `sent` the same commit says that its bytes are about to leave, and its intent is `sent`.
        A sale of a whole balance may be signed again at once, anything else only once no attempt of it may land. The
        same attempt again changes nothing while its intent is in flight. Raises LookupError for no such intent.
        """

    async def mark_sent(self, signature: str, now_ms: int) -> None:
        """The bytes are about to leave: attempt and intent become `sent`. Again for the same signature changes nothing.

        Raises LookupError for an unknown signature and Conflict when its intent ended without it.
        """

    async def mark_unknown(self, intent_id: str) -> None:
        """Past its last valid height and not proven: the intent becomes `unknown`; raises Conflict for a terminal one.

        An intent that is unknown already stays so. Raises LookupError for no such intent.
        """

    async def close_unfilled(
        self,
        intent_id: str,
        state: IntentState,
        failure: str,
        *,
        now_ms: int,
        signature: str | None = None,
        slot: int | None = None,
        legs: Sequence[Leg] = (),
        message: OutboxMessage | None = None,
        brought: Brought | None = None,
    ) -> bool:
        """End an intent without a fill (`failed`, `expired`, `cancelled`) and release its reservation, in one transaction.

        `signature` names the attempt that landed with an error in `slot`, or expired; `legs` are what it cost. True when the
        intent ended by this. While another attempt of it may land, and when it was terminal already, False: then only
        the attempt named is resolved and its cost booked, once, and `message` is not sent.

        `brought` are tokens that the attempt brought although it is no fill: in the same transaction they get a
        position, with an adjustment row that holds the evidence. Raises Conflict where `state` cannot be entered,
        LookupError for no such intent or attempt of it.
        """

    async def settle(
        self, intent_id: str, fill: Fill, *, legs: Sequence[Leg], position_id: str, message: MakeMessage
    ) -> Settled:
        """Fill -> position, PnL, ledger, outbox and snipe run in one transaction, once per signature.

        `position_id` is used when the fill opens a position. A second settlement of the same signature changes
        nothing and gives the position as it stands and the PnL of the first. `message` makes the outbox row from the
        position after and the realised PnL. Raises LookupError for no such intent or attempt of it, Conflict for an
        intent that ended another way.
        """


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request that became an intent. `text` says in one line what was sent, for whoever asked."""

    intent: Intent
    text: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would do at this moment. `limit_raw` is the least tokens out (buy) or the least lamports (sale).

    `impact_bps` is what the trade itself does to the price. `warnings` are the powers that somebody has over holders
    of a token that is to be bought, and what else its buyer should know. `tip_lamports` go to a block engine if the trade
    succeeds. What an offer's markets keep is in the quote and not told, so that the fees are not known there.
    """

    wallet_address: str
    quote: Quote
    limit_raw: int
    impact_bps: int
    network_fee_lamports: int
    warnings: tuple[str, ...]
    tip_lamports: int = 0
    fees_are_known: bool = True


class Desk(Protocol):
    """The one inbound port of trading: commands, snipers and monitors all come in here."""

    async def preview(self, request: TradeRequest) -> Preview | Refused:
        """What the request would do now, judged and quoted as the order would be. It writes, reserves and sends nothing."""

    async def submit(self, request: TradeRequest, rung: Rung = FIRST_RUNG) -> Submitted | Refused:
        """Admit, sign and send. Returns when the bytes have left or the request was refused; fills are told by outbox.

        `rung` says what an exit pays and whether it is simulated first; the slippage is the request's.
        """

    async def again(self, intent: Intent, rung: Rung) -> Submitted | Refused:
        """Sign an exit on its way once more, beside what it signed before; refused where only one of them is not certain."""


class SnipeDesk(Protocol):
    """The same port as a sniper sees it."""

    async def snipe(self, request: TradeRequest, snipe: Snipe) -> Submitted | Refused:
        """As `Desk.submit`; the run of the snipe is written with the intent, and not at all where there is none."""
