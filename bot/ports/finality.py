"""What has landed and is not final yet: how it becomes final, and how the books take back what the network took back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.trading.fill import Fill
from bot.trading.intent import Attempt, Intent
from bot.trading.position import Position


@dataclass(frozen=True, slots=True)
class LandedAttempt:
    """An attempt of an order of ours that has landed, with an error or without; `attempt.landed_slot` says where, if known."""

    intent: Intent
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Reversed:
    """One landing that the books have taken back: intent and attempt as they are now, on their way again.

    `fill` and `position` are None where it had traded nothing; `position` is as it was before the fill.
    """

    intent: Intent
    attempt: Attempt
    slot: int
    fill: Fill | None
    position: Position | None


# None where its user is owed nothing.
MakeReversal = Callable[[Reversed], OutboxMessage | None]


class FinalityStore(Protocol):
    async def unfinal(self, limit: int, wallet_id: str | None = None) -> list[LandedAttempt]:
        """What has landed and is not known to be final, the oldest slot first; of one wallet, or of all."""

    async def never_landed(self, signatures: Sequence[str]) -> list[LandedAttempt]:
        """Those of these transactions that are attempts of ours, and that the books say are proven never to have landed."""

    async def finalize(self, landed: Sequence[tuple[str, int]]) -> None:
        """These signatures are final in these slots. One that has landed elsewhere since, or not at all, stays as it is."""

    async def reverse(
        self, signature: str, *, landed_slot: int | None, evidence: str, now_ms: int, message: MakeReversal
    ) -> list[Reversed]:
        """Take a landing back that the network took back, in one transaction; what was reversed, the newest fill first.

        Each entry of the ledger gets its reversing entry, the position what the fill took or gave, the intent becomes
        `sent` again with its reservation, and `message` makes what its user is owed. Fills of the same wallet, mint and
        mode that were settled after it go with it, newest first, because they were booked on top of it: they settle again
        from the chain. With `landed_slot` None it is the expiry of an attempt that is taken back, because it has landed after
        all. Empty, and nothing is written, where this landing is final or was taken back already. Raises
        LookupError for an unknown signature.
        """
