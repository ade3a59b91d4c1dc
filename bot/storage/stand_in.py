"""What exits need of the rows, in memory: kept current from every answer of the database, and in charge while it is away.

It judges and moves by the rules of the in-memory twin. It holds what is open or on its way, never the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.ports import OutboxMessage, Reversed, SealedKey, User, Wallet
from bot.storage.memory_intents import MemoryIntents
from bot.storage.position_rules import position_noted, position_with
from bot.trading.fill import Brought
from bot.trading.intent import TERMINAL, Attempt, AttemptState, Intent, IntentState, Mode
from bot.trading.limits import UserSettings
from bot.trading.position import Position, PositionState

# Ended intents whose keys are still known, so that an order that is confirmed twice stays one order.
ENDED_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Rows:
    """What is open or on its way in the database at one moment."""

    positions: Sequence[Position]
    moving: Sequence[tuple[Intent, Sequence[Attempt]]]


class StandIn(MemoryIntents):
    """Every look is answered from memory at once; None means that memory does not know."""

    # --------------------------------------------------------------------------------------------------- what is known

    def all_users(self) -> list[User]:
        return list(self._users.values())

    def wallets_of(self, user_id: str | None) -> list[Wallet]:
        return [wallet for wallet in self._wallets.values() if user_id in (None, wallet.user_id)]

    def key_of(self, wallet_id: str) -> SealedKey | None:
        return self._keys.get(wallet_id)

    def settings_of(self, user_id: str) -> UserSettings | None:
        return self._settings.get(user_id)

    def settings_of_all(self, user_ids: Sequence[str]) -> dict[str, UserSettings] | None:
        """None when those of anybody are not known."""
        if any(user_id not in self._settings for user_id in user_ids):
            return None
        return {user_id: self._settings[user_id] for user_id in user_ids}

    def knows(self, user_id: str, wallet_id: str) -> bool:
        """Whether a sale of this wallet can be judged and signed."""
        return wallet_id in self._wallets and wallet_id in self._keys and user_id in self._settings

    def position_of(self, position_id: str) -> Position | None:
        return self._positions.get(position_id)

    def open_of(self, user_id: str | None) -> list[Position]:
        """Oldest first."""
        known = self._positions.values() if user_id is None else self._positions.of_user(user_id)
        return sorted((row for row in known if row.state is PositionState.OPEN), key=lambda row: row.opened_at_ms)

    def intent_by_id(self, intent_id: str) -> Intent | None:
        return self._intents.get(intent_id)

    def intent_by_key(self, key: str) -> Intent | None:
        return self._intents.get(self._intent_of_key.get(key, ""))

    def attempt_of(self, signature: str) -> Attempt | None:
        return self._attempts.get(signature)

    def attempts_of(self, intent_id: str) -> list[Attempt]:
        return self._attempts_of(intent_id)

    def moving(self) -> list[tuple[Intent, list[Attempt]]]:
        """Every intent that has not ended, oldest first, with its attempts in order."""
        rows = sorted(self._moving.values(), key=lambda intent: intent.created_at_ms)
        return [(intent, self._attempts_of(intent.id)) for intent in rows]

    # ------------------------------------------------------------------------------------- what the database has said

    def know_users(self, users: Iterable[User]) -> None:
        self._users.update((user.id, user) for user in users)

    def know_wallets(self, wallets: Iterable[Wallet]) -> None:
        self._wallets.update((wallet.id, wallet) for wallet in wallets)

    def know_key(self, wallet_id: str, key: SealedKey) -> None:
        self._keys[wallet_id] = key

    def know_settings(self, user_id: str, settings: UserSettings) -> None:
        self._settings[user_id] = settings

    def know_rows(self, rows: Rows) -> None:
        """Take the rows of one moment in place of everything that was open or on its way."""
        for intent in self._moving.values():
            self._forget_intent(intent)
        for table in (self._positions, self._moving, self._attempts, self._attempts_by_intent, self._trades):
            table.clear()
        self.ledger.clear()
        self._closed_at_ms.clear()
        for position in rows.positions:
            self.know_position(position)
        for intent, attempts in rows.moving:
            self.know_intent(intent)
            for attempt in attempts:
                self._put_attempt(attempt)
        self._forget_oldest()

    def know_intent(self, intent: Intent) -> None:
        """An intent as its row is; of one that has ended only its key is of use."""
        self._intent_of_key[intent.request.key] = intent.id
        self._put_intent(intent)
        if intent.state in TERMINAL:
            for signature in self._attempts_by_intent.pop(intent.id, {}):
                del self._attempts[signature]
            self._forget_oldest()

    def know_attempt(self, attempt: Attempt) -> None:
        """An attempt was committed, or has left; its intent goes with it. One of an unknown intent is left out."""
        intent = self._intents.get(attempt.intent_id)
        if intent is None or intent.state in TERMINAL:
            return
        self._put_attempt(attempt)
        state = IntentState.SIGNED if attempt.state is AttemptState.SIGNED else IntentState.SENT
        self._put_intent(replace(intent, state=state))

    def know_attempt_ended(self, signature: str | None, state: AttemptState | None) -> None:
        """One of several attempts of an intent has ended, and the intent has not."""
        attempt = self._attempts.get(signature or "")
        if attempt is not None and state is not None:
            self._put_attempt(replace(attempt, state=state))

    def know_state(self, intent_id: str, state: IntentState) -> None:
        """An intent has moved; one that is not known here is left out."""
        if (intent := self._intents.get(intent_id)) is not None:
            self.know_intent(replace(intent, state=state))

    def know_brought(self, intent_id: str, brought: Brought | None, now_ms: int) -> None:
        """The tokens of a written-off purchase have a position; the rows that it has beside it are no matter of memory."""
        intent = self._intents.get(intent_id)
        if intent is None or brought is None or intent.request.user_id not in self._settings:
            return
        standing, settings = self._standing_position(intent.request), self._settings[intent.request.user_id]
        _, position = position_with(standing, intent, brought, settings=settings, now_ms=now_ms)
        self.know_position(position)

    def know_reversed(self, reversed_: Reversed) -> None:
        """An order is on its way again, because the network took back where it had landed."""
        self.know_intent(reversed_.intent)
        self.know_attempt(reversed_.attempt)
        if reversed_.position is not None:
            self.know_position(reversed_.position)

    def know_position(self, position: Position) -> None:
        """A position as its row is; one that is closed is forgotten."""
        if position.state is PositionState.OPEN:
            self._positions[position.id] = position
        else:
            self._positions.discard(position.id)

    def note_peak(self, position_id: str, peak_lamports: int, token_raw: int) -> None:
        """The highest quote seen for what is held; of a position that is not known here nothing."""
        if (position := self._positions.get(position_id)) is not None:
            self._positions[position_id] = position_noted(position, peak_lamports, token_raw)

    def _results(self, since_ms: int, user_id: str | None = None, mode: Mode | None = None) -> int:  # noqa: ARG002
        """What a day brought is history, which is not here; only buys are judged by it, and none is admitted from memory."""
        return 0

    def _forget_oldest(self) -> None:
        """Now and then, so that not every end looks through all of them."""
        if len(self._intents) - len(self._moving) < 2 * ENDED_KEPT:
            return
        ended = [intent for intent in self._intents.values() if intent.id not in self._moving]
        for intent in ended[:-ENDED_KEPT]:
            self._forget_intent(intent)

    def _forget_intent(self, intent: Intent) -> None:
        del self._intents[intent.id]
        self._intent_of_key.pop(intent.request.key, None)

    def _put_message(self, message: OutboxMessage) -> None:
        """Messages are written with the rows that they tell of, when the database is back; none is kept here."""
