"""Since when each wallet's token accounts have been seen empty, so that their rent may be taken back after a while.

In memory alone: a restart begins to count anew. What is seen is what the reconciler's looks at the chain show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.ports import WalletBalances

DOUBLINGS_MAX = 8  # of the wait after a closing that did not come to its end


@dataclass(slots=True)
class _Emptied:
    """Empty at each look from `since_ms` on; `tries` closings of it have been begun since."""

    since_ms: int
    tries: int = 0


@dataclass(slots=True)
class EmptiedBook:
    """Milliseconds since 1970, by wallet and mint."""

    _emptied: dict[str, dict[str, _Emptied]] = field(default_factory=dict)

    def looked(self, wallet_id: str, look: WalletBalances, now_ms: int) -> None:
        """The chain was asked: what holds nothing is there and empty, everything else is forgotten."""
        known = self._emptied.get(wallet_id, {})
        empty = {
            mint: known.get(mint) or _Emptied(now_ms) for mint, token_raw in look.token_raw.items() if not token_raw
        }
        if empty:
            self._emptied[wallet_id] = empty
        else:
            self._emptied.pop(wallet_id, None)

    def due(self, wallet_id: str, after_ms: int, now_ms: int) -> list[str]:
        """The mints whose accounts were seen empty for so long, those that are longest first.

        After each closing that was begun an account waits anew, twice as long as before.
        """
        known = self._emptied.get(wallet_id, {})
        due = [
            (one.since_ms, mint)
            for mint, one in known.items()
            if now_ms - one.since_ms >= after_ms << min(one.tries, DOUBLINGS_MAX)
        ]
        return [mint for _, mint in sorted(due)]

    def tried(self, wallet_id: str, mints: list[str], now_ms: int) -> None:
        """A closing of these has been begun, whatever comes of it."""
        for mint in mints:
            if (one := self._emptied.get(wallet_id, {}).get(mint)) is not None:
                one.since_ms, one.tries = now_ms, one.tries + 1
