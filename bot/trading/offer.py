"""Orders that wait for their user's word: an exact request, bound to its user, a code and an expiry.

The request's key follows from user and code. However often an offer is confirmed, it is the same order, and whoever
knows a code but is somebody else has nothing.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from bot.trading.intent import TradeRequest

CODE_LENGTH = 8
OFFER_MS = 60_000
OFFERS_MAX = 10_000  # in the whole bot; the oldest go first


def offer_code(fresh_id: str) -> str:
    """The code of a new offer, from a fresh identifier (a random UUID as text)."""
    return fresh_id[:CODE_LENGTH]


def offer_key(user_id: str, code: str) -> str:
    """The key of the order that a user's offer becomes."""
    return f"offer:{user_id}:{code}"


@dataclass(frozen=True, slots=True)
class Offer:
    """One order that was shown. `request` is exactly what a confirmation submits.

    `position_id` is the only position that it may sell, empty where it names a token. One that `names_mode` was asked for in
    its mode whatever its user's own is.
    """

    code: str
    request: TradeRequest
    expires_at_ms: int
    position_id: str = ""
    names_mode: bool = False


@dataclass(slots=True)
class Offers:
    """The open offers of this process; a restart forgets them all, and whoever was shown one asks again."""

    _open: OrderedDict[str, Offer] = field(default_factory=OrderedDict)
    _taken: Counter[str] = field(default_factory=Counter)  # confirmations of which something came, or may still come
    _under_way: Counter[str] = field(default_factory=Counter)  # confirmations that have no answer yet

    def put(self, offer: Offer, now_ms: int) -> None:
        """Keep an offer until it expires, and until its confirmations have their answer."""
        for key, old in list(self._open.items()):
            if now_ms >= old.expires_at_ms and not self._under_way[key]:
                self._forget(key)
        self._open[offer.request.key] = offer
        while len(self._open) > OFFERS_MAX:
            self._forget(next(iter(self._open)))

    def take(self, user_id: str, code: str, now_ms: int) -> TradeRequest | None:
        """The request of an offer that this user has and that has not expired; again and again the same one.

        Whoever takes it says with `answered` what came of it.
        """
        key = offer_key(user_id, code)
        offer = self._open.get(key)
        if offer is None or now_ms >= offer.expires_at_ms:
            return None
        self._taken[key] += 1
        self._under_way[key] += 1
        return offer.request

    def of(self, user_id: str, code: str) -> Offer | None:
        """A user's offer, whether its time is over or not."""
        return self._open.get(offer_key(user_id, code))

    def answered(self, user_id: str, code: str, *, nothing_came: bool) -> None:
        """One confirmation has its answer. An offer of which nothing came can be confirmed again in its time, and cancelled."""
        key = offer_key(user_id, code)
        if key in self._open:
            self._under_way[key] -= 1
            self._taken[key] -= nothing_came

    def is_taken(self, user_id: str, code: str) -> bool:
        """Whether this user has confirmed this offer, and something came of it or may still come."""
        return self._taken[offer_key(user_id, code)] > 0

    def has_expired(self, user_id: str, code: str, now_ms: int) -> bool:
        """Whether this user had this offer and let its time go by; unknown again once others have been made."""
        offer = self._open.get(offer_key(user_id, code))
        return offer is not None and now_ms >= offer.expires_at_ms

    def cancel(self, user_id: str, code: str) -> bool:
        """Take an offer back; False for one that is not there or of whose confirmation something came."""
        key = offer_key(user_id, code)
        if key not in self._open or self._taken[key] > 0:
            return False
        self._forget(key)
        return True

    def _forget(self, key: str) -> None:
        del self._open[key]
        del self._taken[key], self._under_way[key]
