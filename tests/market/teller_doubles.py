"""The stand-ins of DexScreener and Birdeye in this process, as the adapters ask them."""

from __future__ import annotations

from bot.errors import HearsayUnavailable
from bot.localnet.inprocess import InProcessChain, NodeUnreachable, TooManyRequests
from bot.market.birdeye import birdeye_overview, birdeye_security
from bot.market.dexscreener import DexScreener
from bot.market.web import ANSWER_BYTES_MAX, Pace
from bot.ports import Hearsay, Teller


class InProcessFetch:
    """One of them by its name; faults act as they do on a socket. `asked` are the paths, in order."""

    def __init__(self, chain: InProcessChain, name: str) -> None:
        self._chain, self._name = chain, name
        self.asked: list[str] = []

    async def get(self, path: str) -> bytes:
        self.asked.append(path)
        try:
            status, body = await self._chain.ask_teller(self._name, path, {"x-api-key": "any"})
        except TooManyRequests as error:
            raise HearsayUnavailable(f"{self._name}: HTTP status 429", wait_s=float(error.retry_after_s)) from None
        except NodeUnreachable as error:
            raise HearsayUnavailable(f"{self._name}: {error}") from None
        if status != 200 or len(body) > ANSWER_BYTES_MAX:
            raise HearsayUnavailable(f"{self._name}: HTTP status {status}")
        return body


def in_process_tellers(chain: InProcessChain) -> tuple[Teller[Hearsay], ...]:
    """All of the chain's."""
    birdeye, pace = InProcessFetch(chain, "birdeye"), Pace(0.2)
    pairs = DexScreener(InProcessFetch(chain, "dexscreener"), Pace(0.2))
    return (pairs, birdeye_overview(birdeye, pace), birdeye_security(birdeye, pace))
