"""SOL in dollars: what an answer must be, how long it stands, and the wire against the local chain's own stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.clock import virtual_clock
from bot.errors import DollarsUnavailable, StartupError
from bot.execution.dollar_book import DollarBook
from bot.localnet import dollars
from bot.localnet.doors.http import HttpDoor, Show
from bot.localnet.faults import FaultTable
from bot.market.memory import MemorySolPrice
from bot.market.sol_price import SOL, JupiterSolPrice, micro_usd_of, open_sol_price
from bot.ports import SolPrice

DEADLINE_S = 10


class NoRates:
    """Nobody is refused."""

    def refuses_for_s(self) -> int | None:
        return None


@asynccontextmanager
async def serving(show: Show) -> AsyncIterator[str]:
    """The local chain's door with this to be looked at; its address."""
    door = HttpDoor(FaultTable(trio.current_time), NoRates(), lambda body: body, show=show)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, door.serve, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("price", "micro"), [("147.47", 147_470_000), ("0.0000001", 1), ("1e2", 100_000_000), ("147.1234567", 147_123_457)]
)
def test_a_price_is_read_exactly(price: str, micro: int) -> None:
    assert micro_usd_of(f'{{"{SOL}": {{"usdPrice": {price}, "decimals": 9}}}}'.encode(), "x") == micro


@given(st.binary())
def test_whatever_is_no_price_is_unavailable(body: bytes) -> None:
    with pytest.raises(DollarsUnavailable):
        micro_usd_of(body, "x")


def test_a_price_that_nests_too_deeply_is_unavailable() -> None:
    with pytest.raises(DollarsUnavailable):
        micro_usd_of(f'{{"{SOL}": {{"usdPrice": '.encode() + b"[" * 100_000, "x")


@pytest.mark.parametrize("price", ["0", "-1", "1e12", "1e999999", "1e999999999", "null", '"NaN"', '"147"', "{}"])
def test_a_price_that_makes_no_sense_is_unavailable(price: str) -> None:
    with pytest.raises(DollarsUnavailable):
        micro_usd_of(f'{{"{SOL}": {{"usdPrice": {price}}}}}'.encode(), "x")


@given(st.integers(0, 10**9), st.integers(0, 10**6))
def test_the_stand_in_never_leaps(slot: int, seed: int) -> None:
    cents = dollars.sol_cents(slot, seed)
    assert abs(cents - dollars.MIDDLE_CENTS) <= dollars.SWING_CENTS
    assert abs(dollars.sol_cents(slot + 1, seed) - cents) <= 1


async def test_a_price_stands_until_it_is_too_old(autojump_clock: MockClock) -> None:
    book = DollarBook(virtual_clock(trio.current_time, epoch_ms=0, seed=1), max_age_ms=5_000)
    assert book.micro_usd() is None
    assert book.age_ms() is None
    book.note(7)
    await trio.sleep(5)
    assert book.micro_usd() == 7
    await trio.sleep(0.001)
    assert book.micro_usd() is None
    assert book.age_ms() == 5_001


@pytest.mark.parametrize("kind", ["memory", "wire"])
async def test_contract_a_source_says_a_price_or_that_it_cannot(kind: str) -> None:
    with trio.fail_after(DEADLINE_S):
        if kind == "memory":
            here, away = MemorySolPrice(150_000_000), MemorySolPrice(None)
            await _says(here, away, 150_000_000)
            return
        async with (
            serving(lambda target: dollars.answer(target, 9, 3)) as url,
            serving(lambda _: b"{}") as empty,
            open_sol_price(f"{url}/price/v3") as source,
            open_sol_price(f"{empty}/price/v3?key=secret") as without,
        ):
            assert source is not None
            assert without is not None
            await _says(source, without, dollars.sol_cents(9, 3) * 10_000)


async def _says(here: SolPrice, away: SolPrice, price: int) -> None:
    assert await here.micro_usd() == price
    with pytest.raises(DollarsUnavailable) as refused:
        await away.micro_usd()
    assert "secret" not in str(refused.value)


async def test_an_address_that_is_none_is_refused_at_start_and_none_is_nobody() -> None:
    with pytest.raises(StartupError, match=r"usd\.url"):
        async with open_sol_price("ftp://secret@x"):
            pass
    async with open_sol_price(None) as nobody:
        assert nobody is None


async def test_a_source_that_hangs_up_or_refuses_is_unavailable() -> None:
    with trio.fail_after(DEADLINE_S):
        async with serving(lambda _: None) as url, httpx.AsyncClient() as client:
            with pytest.raises(DollarsUnavailable, match="HTTP status 405"):
                await JupiterSolPrice(client, f"{url}/price/v3").micro_usd()
        async with httpx.AsyncClient() as client:
            with pytest.raises(DollarsUnavailable, match="ConnectError"):
                await JupiterSolPrice(client, f"{url}/price/v3").micro_usd()
