"""Who copies whom, what was decided about each swap of a leader, and what copies have spent and hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.ports.tracking import WalletSignal
from bot.trading.copying import Copy, CopyRule, Spent
from bot.trading.intent import IntentState


@dataclass(frozen=True, slots=True)
class SpentBy:
    """Whose spending is asked for: a rule, and when the hour and the day that it counts in began."""

    rule: CopyRule
    hour_start_ms: int
    day_start_ms: int


@dataclass(frozen=True, slots=True)
class CopyHolding:
    """What a rule's copies hold of a token: `held_raw` of the `position_raw` of an open position."""

    rule_id: str
    mint: str
    position_id: str
    held_raw: int
    position_raw: int


@dataclass(frozen=True, slots=True)
class CopyTold:
    """A copy, and how far its order is; None where it has none."""

    copy: Copy
    order: IntentState | None


class CopyStore(Protocol):
    async def place_copy_rule(self, rule: CopyRule, *, most: int) -> bool:
        """Write a new rule in a transaction that holds its user; again with the same id changes nothing.

        False, and nothing is written, where the user has `most` rules that are not stopped, or one for this leader. Raises
        LookupError for a wallet that the user does not have.
        """

    async def copy_rule(self, rule_id: str) -> CopyRule | None:
        """A rule by its id, stopped or not; None for an unknown one."""

    async def copy_rules(self, user_id: str | None = None, leader: str | None = None) -> list[CopyRule]:
        """The rules that are not stopped, of a user or a leader or all, oldest first."""

    async def move_copy_rule(self, after: CopyRule, message: OutboxMessage | None = None) -> bool:
        """Write a rule's next version, and its message, in one transaction; only its end and its reason change.

        False, and nothing is written, where the row is stopped, or not of the version before it any more.
        """

    async def change_copy_rule(self, after: CopyRule) -> bool:
        """Write a rule's next version with other terms: its way to size, caps and filter, and that it buys, or buys again.

        False, and nothing is written, where the row is stopped, or not of the version before it any more.
        """

    async def swaps_due(self, limit: int) -> list[WalletSignal]:
        """Swaps of leaders of which nobody has decided yet, in the order in which they were recorded.

        A swap is due when it was recorded while a rule for its wallet was not stopped.
        """

    async def decide_copies(self, swap: WalletSignal, copies: Sequence[Copy]) -> list[Copy]:
        """Write what was decided about a swap, all at once, and that it is due no more; those that were written by this.

        A copy that exists for its user, signature and instruction stays as it is.
        """

    async def add_copies(self, copies: Sequence[Copy]) -> list[Copy]:
        """Write copies of no recorded swap, such as what a user sells who leaves a leader; as above."""

    async def owed_copies(self) -> list[Copy]:
        """Those that were decided and of which no order is known, oldest first."""

    async def move_copy(self, after: Copy, message: OutboxMessage | None = None) -> bool:
        """Write what became of an owed copy and its message, in one transaction; False, and nothing, where it is owed no more."""

    async def copies_spent(self, asked: Sequence[SpentBy], mint: str) -> list[Spent]:
        """For each what its user has spent on copies in its mode, in that order, and whether he holds the mint.

        An order that ended without a fill counts no more; a copy is open until its position closes. `drawdown_lamports`
        is 0 here.
        """

    async def copy_results(self, rule_ids: Sequence[str]) -> dict[str, list[int]]:
        """By rule what each position that its copies bought has realised in lamports, closed ones first, as they closed.

        Whatever has never sold is left out, and so are rules of which that is all.
        """

    async def staked_rules(self, leader: str, mint: str) -> set[str]:
        """The rules for a leader that have a copied buy of the mint owed, on its way, or in an open position."""

    async def copy_holdings(self, rule_ids: Sequence[str]) -> list[CopyHolding]:
        """What these rules' copies hold in open positions: what they bought and did not sell, and no more than is there."""

    async def copies_of(self, user_id: str, limit: int) -> list[CopyTold]:
        """A user's latest copies and refusals, the newest first."""

    async def end_copies(self, before_ms: int) -> int:
        """Leave copies out of what is open whose orders or positions ended before that moment; how many."""
