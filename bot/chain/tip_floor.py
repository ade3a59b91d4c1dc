"""What tips landed lately, from a block engine's own feed: no more needs to be given than what mostly lands.

The feed is `GET /api/v1/bundles/tip_floor` of the Jito block engine's documentation of February 2026: an array of one object
with percentiles of landed tips, in SOL. It is a hint: it can lower what an order tips and never raise it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import ROUND_CEILING, Decimal
from typing import NoReturn

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.http_api import Api, open_http_api
from bot.errors import ChainUnavailable
from bot.trading.units import LAMPORTS_PER_SOL

PATH = "/api/v1/bundles/tip_floor"
LOOK_EVERY_S = 10.0
MAX_AGE_S = 60.0
ANSWER_WITHIN_S = 3.0
MOST_SOL = 1  # nobody tips more for three of four bundles

log = structlog.get_logger()


class _Landed(msgspec.Struct, frozen=True):
    """Three of four bundles that landed tipped no more than this."""

    landed_tips_75th_percentile: Decimal


_feed = msgspec.json.Decoder(list[_Landed])


def lamports_of(body: bytes, name: str) -> int:
    """What an answer of the feed says, at least one lamport; raises ChainUnavailable for one that says nothing usable."""
    try:
        [told] = _feed.decode(body)
    except (*wire.UNREADABLE, ValueError):
        raise ChainUnavailable(f"{name}: the answer is no feed of landed tips") from None
    sol = told.landed_tips_75th_percentile
    if not (sol.is_finite() and 0 < sol <= MOST_SOL):
        raise ChainUnavailable(f"{name}: landed tips of {str(sol)[:40]} SOL are none")
    return int((sol * LAMPORTS_PER_SOL).to_integral_value(rounding=ROUND_CEILING))


class TipFloor:
    """The feed at one address. `api` is that address; `name` of it is safe to print."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._told: tuple[int, float] | None = None  # lamports, trio's time
        self._is_in_trouble = False

    def __repr__(self) -> str:
        return f"<TipFloor {self._api.name}>"

    def lamports(self) -> int | None:
        """What three of four bundles that landed tipped at most; None when nobody said so in the last minute."""
        if self._told is None or trio.current_time() > self._told[1] + MAX_AGE_S:
            return None
        return self._told[0]

    async def keep(self) -> NoReturn:
        """Ask every ten seconds until cancelled."""
        while True:
            try:
                self._told = (await self._ask(), trio.current_time())
                self._is_in_trouble = False
            except ChainUnavailable as error:
                if not self._is_in_trouble:
                    log.info("tip_floor_missing", reason=str(error))
                self._is_in_trouble = True
            await trio.sleep(LOOK_EVERY_S)

    async def _ask(self) -> int:
        with trio.move_on_after(ANSWER_WITHIN_S):
            status, body = await self._api.ask("GET", "")
            if status != 200:
                raise ChainUnavailable(f"{self._api.name}: HTTP status {status}")
            return lamports_of(body, self._api.name)
        raise ChainUnavailable(f"{self._api.name}: no answer within {ANSWER_WITHIN_S:g} s")


@asynccontextmanager
async def open_tip_floor(url: str | None) -> AsyncIterator[TipFloor | None]:
    """The feed at `url` for the time of the block, None without one; raises StartupError for a URL that is none."""
    if url is None:
        yield None
        return
    async with open_http_api(url, None) as api:
        yield TipFloor(api)
