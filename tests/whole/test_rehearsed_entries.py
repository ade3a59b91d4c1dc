"""What an entry needs of the chain is known before it is wanted: a sniper's buy of a watched token asks nobody anything."""

from __future__ import annotations

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.execution.balance_book import BalanceBook
from bot.execution.rehearsals import HOLDS_S, Rehearsals
from bot.localnet.inprocess import InProcessChain
from bot.ports import Wallet
from bot.trading.intent import Mode, Protection
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.whole.crowd import Crowd
from tests.whole.test_token_safety import make_crowd
from tests.whole.virtual import bought, make_world, open_for_entries, running_bot

SNIPING = UserSettings(
    snipe_enabled=True,
    snipe_only_strong_buy=True,
    slippage_buy_bps=1_500,
    max_hold_s=None,
    protection_buy=Protection.OPEN,
)
WALLET = Wallet("w", "u", "Address", Mode.LIVE)
SEND = "sendTransaction"
FOLLOWS = ("getSignatureStatuses", "getBlockHeight")  # for orders that have left


class ListeningChain(InProcessChain):
    """The chain, with the moment and the method of each request."""

    asked: list[tuple[float, str]]

    async def request(self, raw: bytes, endpoint: int = 0) -> bytes:
        self.asked.append((trio.current_time(), msgspec.json.decode(raw)["method"]))
        return await super().request(raw, endpoint)

    def asked_for_sends(self) -> list[str]:
        """What was asked in the moment of the first send, up to its last one; no request takes time here, nor does an entry."""
        sent_at_s = next(at_s for at_s, method in self.asked if method == SEND)
        methods = [method for at_s, method in self.asked if at_s == sent_at_s]
        while methods[-1] != SEND:
            methods.pop()
        return methods


NEARLY_ALL_RAW = 11 * 10**12  # of what a third of a SOL buys on a new curve


def listening(endpoints: int = 2) -> ListeningChain:
    chain = ListeningChain(seed=1, endpoints=endpoints)
    chain.asked = []
    return chain


async def wanted_at_last(crowd: Crowd, chain: ListeningChain) -> str:
    """A launch that is promising for a while, until one buy more makes it strong."""
    mint = crowd.launch()
    await trio.sleep(1)
    for trader in range(2, 11):
        crowd.buy(mint, trader, LAMPORTS_PER_SOL * 35 // 100)
    await trio.sleep(0.7)
    for trader in (2, 3):
        crowd.sell_all(mint, trader)
    await trio.sleep(0.8)
    chain.asked.clear()
    crowd.buy(mint, 11, LAMPORTS_PER_SOL * 35 // 100)
    return mint


@pytest.mark.parametrize("endpoints", [1, 2, 3])
async def test_a_snipe_of_a_watched_token_asks_the_chain_nothing(autojump_clock: MockClock, endpoints: int) -> None:
    chain = listening(max(endpoints, 2))
    world = make_world(chain)
    world.endpoints = endpoints
    for number in range(3):
        await world.user(f"user-{number}", SNIPING)
    crowd = make_crowd(chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await wanted_at_last(crowd, chain)
        await bought(world, 3)
        asked = chain.asked_for_sends()
        assert asked.count(SEND) == 3 * endpoints
        assert set(asked) <= {SEND, *FOLLOWS}, asked
        assert await world.books_equal_chain()
        assert world.reports == []


async def test_a_snipe_of_a_token_that_is_wanted_at_once_asks_for_itself(autojump_clock: MockClock) -> None:
    chain = listening()
    world = make_world(chain)
    await world.user("quick", SNIPING)
    crowd = make_crowd(chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = crowd.launch()
        await trio.sleep(1)
        for trader in range(2, 14):
            crowd.buy(mint, trader, LAMPORTS_PER_SOL * 35 // 100)
        for trader in (2, 3):
            crowd.sell(mint, trader, NEARLY_ALL_RAW)
        chain.asked.clear()
        await bought(world, 1)
        assert "simulateTransaction" in chain.asked_for_sends()


async def test_a_rehearsal_holds_for_its_token_and_mode_and_for_some_seconds(autojump_clock: MockClock) -> None:
    rehearsals = Rehearsals()
    rehearsals.note("Mint", Mode.LIVE, 90_000)
    assert rehearsals.units("Mint", Mode.LIVE) == 90_000
    assert rehearsals.units("Mint", Mode.DRY_RUN) is None
    assert rehearsals.units("Other", Mode.LIVE) is None
    await trio.sleep(HOLDS_S)
    assert rehearsals.units("Mint", Mode.LIVE) is None


def test_what_our_orders_took_is_counted_once_whichever_look_shows_it() -> None:
    book = BalanceBook()
    book.looked(WALLET, 1_000, 100, now_ms=1)
    book.moved("w", -300, 105)
    assert book.recent("w", 1) == 700
    book.looked(WALLET, 1_000, 103, now_ms=2)
    assert book.recent("w", 1) == 700, "a look from before the landing shows it as if nothing had been spent"
    book.looked(WALLET, 600, 110, now_ms=3)
    book.moved("w", -100, 108)
    assert book.recent("w", 1) == 600, "the look has that landing in it"


def test_two_landings_count_in_whichever_order_they_are_settled() -> None:
    book = BalanceBook()
    book.looked(WALLET, 1_000, 100, now_ms=1)
    book.moved("w", -300, 110)
    book.moved("w", -200, 105)
    assert book.recent("w", 1) == 500


def test_what_is_too_old_or_was_taken_back_is_not_known() -> None:
    book = BalanceBook()
    book.looked(WALLET, 1_000, 100, now_ms=5_000)
    assert book.recent("w", 5_001) is None
    assert book.recent("w", 5_000) == 1_000
    book.forget("w")
    assert book.recent("w", 0) is None
    book.moved("w", -1, 200)
    assert book.recent("w", 0) is None
    assert book.recent("nobody", 0) is None
