"""Blockhashes that were seen, so that an exit can be signed on an old one: it is proven dead soon when it does not land."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from bot.ports import Blockhash

LIFE_BLOCKS = 150  # a blockhash is valid for so many blocks after its own
EXIT_LIFE_BLOCKS = 30
FRESH_S = 1.5  # how old the newest may be for the height to be known well enough
MEMORY = 300


@dataclass(slots=True)
class SeenBlockhashes:
    """Remembers what each look brought, oldest first. Times are trio's."""

    _seen: deque[Blockhash] = field(default_factory=lambda: deque(maxlen=MEMORY))
    _seen_at_s: float = float("-inf")

    def learn(self, blockhash: Blockhash, now_s: float) -> None:
        """Take what an endpoint said is the latest; one that is behind changes nothing."""
        if self._seen and blockhash.last_valid_block_height < self._seen[-1].last_valid_block_height:
            return
        self._seen_at_s = now_s
        if not self._seen or blockhash.value != self._seen[-1].value:
            self._seen.append(blockhash)

    def short_lived(self, now_s: float) -> Blockhash | None:
        """The oldest with at least EXIT_LIFE_BLOCKS left; None when the newest that is known is too old to tell."""
        if now_s - self._seen_at_s > FRESH_S:
            return None
        least = self._seen[-1].last_valid_block_height - LIFE_BLOCKS + EXIT_LIFE_BLOCKS
        return next(one for one in self._seen if one.last_valid_block_height >= least)
