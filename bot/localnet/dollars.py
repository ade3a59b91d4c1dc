"""What a SOL costs in dollars, in the form of Jupiter's price interface v3: a made-up walk that follows the slots."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

PATH = "/price/v3"
SOL = "So11111111111111111111111111111111111111112"
MIDDLE_CENTS = 15_000
SWING_CENTS = 1_000
PERIOD_SLOTS = 20_000  # from the lowest to the highest and back


def sol_cents(slot: int, seed: int) -> int:
    """Cents of a dollar for a SOL: up and down evenly, beginning where the seed says."""
    place = (slot + seed * 7_919) % PERIOD_SLOTS
    half = PERIOD_SLOTS // 2
    climbed = place if place <= half else PERIOD_SLOTS - place
    return MIDDLE_CENTS - SWING_CENTS + 2 * SWING_CENTS * climbed // half


def answer(target: bytes, slot: int, seed: int) -> bytes | None:
    """The body for a request's target; None for another path than that of prices. Other tokens than SOL have no price."""
    parts = urlsplit(target.decode("ascii", errors="replace"))
    if parts.path != PATH:
        return None
    asked = ",".join(parse_qs(parts.query).get("ids", [])).split(",")
    price = {"usdPrice": sol_cents(slot, seed) / 100, "blockId": slot, "decimals": 9}
    return json.dumps({SOL: price} if SOL in asked else {}).encode()
