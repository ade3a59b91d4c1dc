"""From rows of a recording to the launches and trades that the bot's stream tells.

What a recording does not say is stood in for, and never by what comes later: its own first row is all that a token's launch
and its opening are made of. Who traded is drawn from a pool of stand-ins where no trader is named, and nobody of them is the
creator; docs/backtest.md says what that means for an opinion.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    INITIAL_VIRTUAL_TOKEN_RAW,
    Curve,
)
from bot.trading.landing import SLOT_MS
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.units import LAMPORTS_PER_SOL, TOKEN_DECIMALS

PRODUCT = INITIAL_VIRTUAL_QUOTE_LAMPORTS * INITIAL_VIRTUAL_TOKEN_RAW
BEYOND_REAL_RAW = INITIAL_VIRTUAL_TOKEN_RAW - INITIAL_REAL_TOKEN_RAW
TOKEN_PROGRAM = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"  # noqa: S105 - the launchpad's own choice, its address
DUST_LAMPORTS = 3_000_000  # changes below it are the rounding of recordings that have no amounts
TRADERS = 200
# Where a recording begins with a token that has traded already: how old it is by then, and in which shares (of ten) its
# buyers came. The age is the median of the largest recording that is known, 21 s.
OPENING_AGE_MS = 21_000
OPENING = (1, 2, 2, 2, 3)
OPENING_ENDS = 0.1  # share of the age that lies between the last of them and the first row
SLOT_OF_EPOCH = 1_000_000  # no slot is zero, and none is before that of the first row


class Row(NamedTuple):
    """One row; None where the recording does not say."""

    mint: str
    ts_ms: int
    side: str | None
    sol_lamports: int | None
    tokens_raw: int | None
    trader: str | None
    v_sol: float
    v_tok: float | None
    real_sol: int | None
    real_tok: int | None
    slot: int | None
    signature: str | None
    name: str | None
    symbol: str | None
    uri: str | None
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes known at `at_ms`: the reserves of a curve, and the event that made them so, None for a mere look."""

    at_ms: int
    mint: str
    curve: Curve
    event: TokenLaunch | CurveTrade | None


def slot_at(at_ms: int) -> int:
    """The slot of a moment, by the market's own clock; recorded numbers of slots are not used, since many have none."""
    return SLOT_OF_EPOCH + at_ms // SLOT_MS


@dataclass(slots=True)
class Teller:
    """Remembers what each token's curve held last. `fingerprint` makes the stand-ins' names those of one recording."""

    fingerprint: str
    _curves: dict[str, Curve] = field(default_factory=dict)
    _rows: int = 0

    def tell(self, row: Row) -> Iterator[Told]:
        """What one more row tells."""
        self._rows += 1
        known = self._curves.get(row.mint)
        curve = curve_of(row)
        self._curves[row.mint] = curve
        if known is None:
            yield from self._opening(row, curve)
            if row.side in (None, "create", "snapshot", "dust"):
                return
            known = _before(row, curve)
        yield Told(row.ts_ms, row.mint, curve, self._trade(row, known, curve))

    def _trade(self, row: Row, known: Curve, curve: Curve) -> CurveTrade | None:
        change = curve.virtual_quote_lamports - known.virtual_quote_lamports
        moved_raw = known.virtual_token_raw - curve.virtual_token_raw
        side = row.side
        if side is None:
            side = "dust" if abs(change) < DUST_LAMPORTS else "buy" if change > 0 else "sell"
        if side not in ("buy", "sell"):
            return None
        return CurveTrade(
            mint=row.mint,
            trader=row.trader or self._stand_in(row.mint),
            is_buy=side == "buy",
            token_raw=_amount(row.tokens_raw, moved_raw),
            quote_lamports=_amount(row.sol_lamports, change),
            curve=curve,
            signature=row.signature or f"recorded {self.fingerprint} {self._rows}",
            slot=curve.slot,
            seen_at_ms=row.ts_ms,
        )

    def _opening(self, row: Row, curve: Curve) -> Iterator[Told]:
        """The launch; and, where the token had traded before, the buys that brought its curve to where it was found.

        They lie in the past, as they do for whoever hears of a token late: the reserves that can be traded at are those of
        the row, never those on the way there.
        """
        first = row.side == "create"
        age_ms = 0 if first else _age_ms(row)
        born_ms = row.ts_ms - age_ms
        start = curve if first else _fresh(curve, slot_at(born_ms))
        yield Told(row.ts_ms, row.mint, curve, self._launch(row, start, born_ms))
        found = curve if row.side not in ("buy", "sell") else _before(row, curve)
        flow = found.virtual_quote_lamports - start.virtual_quote_lamports
        if first or flow < DUST_LAMPORTS:
            return
        standing, done = start, 0
        for number, share in enumerate(OPENING):
            done += share
            at_ms = born_ms + int(age_ms * (1 - OPENING_ENDS) * (number + 1) / len(OPENING))
            quote = start.virtual_quote_lamports + flow * done // sum(OPENING)
            reached = found if done == sum(OPENING) else _on_way(start, found, quote)
            bought = CurveTrade(
                mint=row.mint,
                trader=self._stand_in(f"{row.mint} {number}"),
                is_buy=True,
                token_raw=max(standing.virtual_token_raw - reached.virtual_token_raw, 0),
                quote_lamports=reached.virtual_quote_lamports - standing.virtual_quote_lamports,
                curve=_at(reached, slot_at(at_ms)),
                signature=f"recorded {self.fingerprint} {self._rows} opening {number}",
                slot=slot_at(at_ms),
                seen_at_ms=at_ms,
            )
            standing = reached
            yield Told(row.ts_ms, row.mint, curve, bought)

    def _launch(self, row: Row, start: Curve, born_ms: int) -> TokenLaunch:
        creator = row.trader if row.side == "create" and row.trader else f"creator of {row.mint}"
        return TokenLaunch(
            mint=row.mint,
            name=row.name or f"Recorded {row.mint[:8]}",
            symbol=row.symbol or row.mint[:6].upper(),
            uri=row.uri or "",
            creator=creator,
            token_program=TOKEN_PROGRAM,
            curve=start,
            signature=row.signature or f"recorded {self.fingerprint} {self._rows} launch",
            slot=slot_at(born_ms),
            seen_at_ms=born_ms,
            source="recording",
        )

    def _stand_in(self, word: str) -> str:
        """Somebody of the pool, by what is known so far alone."""
        drawn = hashlib.sha256(f"{self.fingerprint} {self._rows} {word}".encode(errors="replace")).digest()
        return f"trader {int.from_bytes(drawn[:4], 'big') % TRADERS}"


def curve_of(row: Row) -> Curve:
    """The reserves behind a row; by the standard curve's rule where it tells its virtual SOL alone.

    A curve that has ended stands at its last price: what its pool did is not in the recording.
    """
    quote = max(round(row.v_sol * LAMPORTS_PER_SOL), 1)
    usable = row.v_tok is not None and math.isfinite(row.v_tok) and 0 < row.v_tok < 2 * INITIAL_VIRTUAL_TOKEN_RAW
    token = max(round((row.v_tok or 0.0) * 10**TOKEN_DECIMALS), 1) if usable else max(PRODUCT // quote, 1)
    real_quote = row.real_sol if row.real_sol is not None else quote - INITIAL_VIRTUAL_QUOTE_LAMPORTS
    real_token = row.real_tok if row.real_tok is not None else token - BEYOND_REAL_RAW
    return Curve(
        virtual_token_raw=token,
        virtual_quote_lamports=quote,
        real_token_raw=max(real_token, 0),
        real_quote_lamports=max(real_quote, 0),
        complete=False,
        creator=f"creator of {row.mint}",
        slot=slot_at(row.ts_ms),
    )


def _fresh(curve: Curve, slot: int) -> Curve:
    """A curve of the same kind before anybody traded on it; a strange one began where its product says."""
    product = curve.virtual_quote_lamports * curve.virtual_token_raw
    standard = abs(product - PRODUCT) * 100 < PRODUCT
    quote = (
        INITIAL_VIRTUAL_QUOTE_LAMPORTS if standard else max(curve.virtual_quote_lamports - curve.real_quote_lamports, 1)
    )
    token = INITIAL_VIRTUAL_TOKEN_RAW if standard else max(product // quote, 1)
    real = max(curve.real_token_raw + token - curve.virtual_token_raw, 0)
    return Curve(token, quote, real, 0, complete=False, creator=curve.creator, slot=slot)


def _on_way(start: Curve, found: Curve, quote: int) -> Curve:
    """Between two states of one curve, where it holds so much virtual SOL."""
    token = max(start.virtual_quote_lamports * start.virtual_token_raw // quote, 1)
    moved_quote, moved_token = quote - start.virtual_quote_lamports, start.virtual_token_raw - token
    real_token = max(start.real_token_raw - moved_token, 0)
    return Curve(token, quote, real_token, max(moved_quote, 0), complete=False, creator=found.creator, slot=found.slot)


def _before(row: Row, curve: Curve) -> Curve:
    """What the curve held before the trade of a row."""
    lamports, raw = row.sol_lamports or 0, row.tokens_raw or 0
    sign = 1 if row.side == "buy" else -1
    quote = max(curve.virtual_quote_lamports - sign * lamports, 1)
    token = max(curve.virtual_token_raw + sign * raw, 1)
    real_quote = max(curve.real_quote_lamports - sign * lamports, 0)
    real_token = max(curve.real_token_raw + sign * raw, 0)
    return Curve(token, quote, real_token, real_quote, complete=False, creator=curve.creator, slot=curve.slot)


def _at(curve: Curve, slot: int) -> Curve:
    return Curve(
        curve.virtual_token_raw,
        curve.virtual_quote_lamports,
        curve.real_token_raw,
        curve.real_quote_lamports,
        complete=curve.complete,
        creator=curve.creator,
        slot=slot,
    )


def _amount(told: int | None, change: int) -> int:
    """As it was recorded; where it was not, or cannot be, what the reserves moved by."""
    return told if told is not None and 0 <= told < 1 << 63 else abs(change)


def _age_ms(row: Row) -> int:
    usable = row.age_s is not None and math.isfinite(row.age_s) and 0 <= row.age_s < 10 * 365 * 86_400
    return int((row.age_s or 0.0) * 1000) if usable else OPENING_AGE_MS
