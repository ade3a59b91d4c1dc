"""The books of the vault: which intent is whose, and what was signed for it and for its wallet's day.

Everything that was signed counts as if it landed, because nobody here can know better. The same message again is the same
signature and counts once.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from bot.clock import Clock
from bot.errors import SigningRefused
from bot.ports import Signing
from bot.vault.day_book import DayBook
from bot.vault.policy import Bounds, Kind, Outlay, judge

# Different messages of one intent. An order signs eight times at most, and a sale on two blockhashes each time.
MESSAGES_MAX = 16
INTENTS_KEPT = 50_000  # those beyond are forgotten, oldest first; what a day may take holds without them


@dataclass(slots=True)
class _Intent:
    """What was signed under one intent: for which wallet, of which token, to buy, to sell or to close."""

    address: str
    mint: str
    kind: Kind
    trade_lamports: int = 0
    messages: set[bytes] = field(default_factory=set)


class SigningGuard:
    """Judges each message and keeps the count. Whoever signs asks `judge` first, and `charge` right before it signs."""

    def __init__(self, bounds: Bounds, clock: Clock, days: Path | None = None) -> None:
        """`days` is the file of the days' counts, which then outlive this process; raises StartupError for one of no use."""
        self.bounds, self.clock = bounds, clock
        self._intents: OrderedDict[str, _Intent] = OrderedDict()
        self._days = DayBook(bounds, clock, days)

    def __repr__(self) -> str:
        return f"<SigningGuard intents={len(self._intents)} {self._days!r}>"

    def judge(self, address: str, asked: Signing) -> Outlay:
        """What a message takes from a wallet; raises SigningRefused. Changes nothing."""
        return judge(address, asked, self.bounds)

    def charge(self, address: str, asked: Signing, outlay: Outlay) -> None:
        """Count a message that is signed now; raises SigningRefused, and counts nothing, where it would be too much."""
        digest = hashlib.sha256(asked.message).digest()
        intent = self._intents.get(asked.intent_id)
        if intent is None:
            intent = _Intent(address, outlay.mint, outlay.kind)
        elif (intent.address, intent.mint, intent.kind) != (address, outlay.mint, outlay.kind):
            raise SigningRefused(f"intent {asked.intent_id} is another order's")
        if digest in intent.messages:
            return
        if len(intent.messages) >= MESSAGES_MAX:
            raise SigningRefused(f"intent {asked.intent_id} has signed {MESSAGES_MAX} messages already")
        if intent.trade_lamports + outlay.trade_lamports > self.bounds.trade_lamports:
            raise SigningRefused(f"intent {asked.intent_id} has spent what one order may spend")
        self._days.count(address, outlay)
        intent.trade_lamports += outlay.trade_lamports
        intent.messages.add(digest)
        self._keep(asked.intent_id, intent)

    def charge_withdrawal(self, address: str, intent_id: str, outlay: Outlay) -> None:
        """Count a withdrawal that is signed now; raises SigningRefused for an intent that has signed anything already.

        What it costs is bounded by its user's codes, of which each withdrawal takes one.
        """
        if intent_id in self._intents:
            raise SigningRefused(f"intent {intent_id} has signed already, and a withdrawal is signed once")
        self._keep(intent_id, _Intent(address, "", outlay.kind))

    def charge_sweep(self, address: str, intent_id: str, outlay: Outlay) -> None:
        """The same of a sweep, which takes no code: what it costs counts in the wallet's day."""
        if intent_id in self._intents:
            raise SigningRefused(f"intent {intent_id} has signed already, and a sweep is signed once")
        self._days.count(address, outlay)
        self._keep(intent_id, _Intent(address, "", outlay.kind))

    def _keep(self, intent_id: str, intent: _Intent) -> None:
        self._intents[intent_id] = intent
        self._intents.move_to_end(intent_id)
        while len(self._intents) > INTENTS_KEPT:
            self._intents.popitem(last=False)
