"""Those who tell what people write, of a chain in this process, as the adapters ask them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from bot.adapters import SocialSources
from bot.errors import HearsayUnavailable
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, TooManyRequests
from bot.market import ratings, reddit
from bot.market.discord import Discord
from bot.market.reddit import Reddit, Token
from bot.market.twitter import Twitter
from bot.market.web import ANSWER_BYTES_MAX, Headers, Pace

PACE_S = 0.2


class PeopleFetch:
    """One service below `place` of the stand-in `name`, with the headers of that moment; `asked` are the paths, in order."""

    def __init__(self, chain: InProcessChain, name: str, place: str, headers: Headers) -> None:
        self._chain, self._name, self._place, self._headers = chain, name, place, headers
        self.asked: list[str] = []

    async def get(self, path: str) -> bytes:
        return await self._ask(path, None)

    async def post(self, path: str, form: Mapping[str, str]) -> bytes:
        return await self._ask(path, urlencode(form).encode())

    async def _ask(self, path: str, form: bytes | None) -> bytes:
        self.asked.append(path)
        try:
            status, body = await self._chain.ask_teller(self._name, self._place + path, self._headers(), form)
        except TooManyRequests as error:
            raise HearsayUnavailable(f"{self._name}: HTTP status 429", wait_s=float(error.retry_after_s)) from None
        except NodeUnreachable as error:
            raise HearsayUnavailable(f"{self._name}: {error}") from None
        if status != 200 or len(body) > ANSWER_BYTES_MAX:
            raise HearsayUnavailable(f"{self._name}: HTTP status {status}", is_absent=status == 404)
        return body


def in_process_social(chain: InProcessChain) -> SocialSources:
    """All of the chain's."""

    def social(place: str, headers: Headers) -> PeopleFetch:
        return PeopleFetch(chain, "social", place, headers)

    def moods(place: str, headers: Headers) -> PeopleFetch:
        return PeopleFetch(chain, "ratings", place, headers)

    token = Token(social("/reddit", reddit.basic("id", lambda: "secret")))
    search = social("/reddit", lambda: {"user-agent": "trading-bot", **token.headers()})
    return SocialSources(
        (
            Twitter(social("/x", lambda: {"authorization": "Bearer any"}), Pace(PACE_S)),
            Reddit(search, token, Pace(PACE_S)),
            Discord(social("/discord", lambda: {"authorization": "Bot any"}), ("1",), Pace(PACE_S)),
        ),
        (
            ratings.coingecko(moods("/coingecko", lambda: {"x-cg-demo-api-key": "any"}), Pace(PACE_S)),
            ratings.lunarcrush(moods("/lunarcrush", lambda: {"authorization": "Bearer any"}), Pace(PACE_S)),
        ),
    )
