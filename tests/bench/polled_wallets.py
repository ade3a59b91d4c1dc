"""Ten thousand followed wallets without a source that tells of them: how old what is known of each gets, at which credit.

On trio's virtual clock, so that hours take seconds and the machine has no part in it; the scanners, their schedule and the
pool of endpoints are the real ones. What a look burns is real CPU time, beside its request alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import trio
from trio.testing import MockClock

from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from actors.wallet_scanner import Followed, WalletScanner
from bot.chain.allowance import AllowanceRule
from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.clock import virtual_clock
from bot.execution.scan_schedule import ScanRule, ScanSchedule
from bot.ports import WalletCursor
from bot.storage.memory import MemoryStore
from bot.trading.units import span
from tests.bench.measure import cpu_s
from tests.bench.table import Line, duration, times

EPOCH_MS = 1_793_491_200_000  # the first of November 2026: a month's budget is spread over what is left of it
ROUNDS = 2  # looks at each wallet, after the first
MONTH = 10_000_000
DEADLINE_S = 2.5


class EmptyHistories:
    """An endpoint that lists no transaction of any wallet, and counts how often it was asked."""

    name = "histories:1"
    asked = 0

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        self.asked += 1
        return b'{"jsonrpc":"2.0","id":%d,"result":[]}' % msgspec.json.decode(body)["id"]


@dataclass(frozen=True, slots=True)
class Polled:
    """`said_s` is what status says of the age, the others what was seen; requests a second, and CPU seconds of a look."""

    said_s: float
    ages_s: list[float]
    allowed_per_s: float
    asked_per_s: float
    look_s: float
    request_s: float


def polled(addresses: list[str]) -> list[Line]:
    """Once with nothing but the settings' own limit, and once with a month's budget."""
    free = _lines(f"{len(addresses):,} wallets polled, no budget", trio.run(_poll, addresses, None, clock=_clock()))
    month = f"{len(addresses):,} wallets polled, {MONTH:,} requests a month"
    return [*free, *_lines(month, trio.run(_poll, addresses, MONTH, clock=_clock()))]


def _clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def _lines(what: str, found: Polled) -> list[Line]:
    ages_s = sorted(found.ages_s)
    return [
        Line(f"{what}: oldest look", span(ages_s[-1]), f"status says: {span(found.said_s)}"),
        Line("  half of the looks are no older than", span(ages_s[len(ages_s) // 2])),
        Line("  asked for", f"{found.asked_per_s:.3g}/s", f"allowed: {found.allowed_per_s:.3g}/s"),
        Line(
            "  CPU of a look",
            duration(found.look_s),
            f"its request alone: {duration(found.request_s)}",
            times(found.request_s / found.look_s),
        ),
    ]


async def _poll(addresses: list[str], per_month: int | None) -> Polled:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    door, store, followed = EmptyHistories(), MemoryStore(), Followed()
    allowance = AllowanceRule(per_month=per_month)
    history = PumpWallets(Endpoints([RpcClient(door, DEADLINE_S)], clock, allowances=[allowance]))
    schedule = ScanSchedule(ScanRule(), history.credit_per_s)
    async with open_supervisor(SupervisorSpec("wallet_scanners", "dynamic")) as supervisor:
        for address in addresses:
            await store.move_cursor(WalletCursor(address, None, 0))
            scanner = WalletScanner(address, store, history, clock, followed, schedule)
            await supervisor.start_child(ChildSpec(address, scanner.run))
        said_s = schedule.longest_interval_s()
        await trio.sleep(said_s * 1.1)
        asked, burned_s = door.asked, cpu_s()
        await trio.sleep(said_s * ROUNDS)
        asked, burned_s = door.asked - asked, cpu_s() - burned_s
        said_s, now_ms = schedule.longest_interval_s(), clock.now_ms()
        ages_s = [(now_ms - one.look.checked_at_ms) / 1_000 for one in followed.scanners.values()]
        allowed_per_s = schedule.requests_per_s()
    return Polled(
        said_s=said_s,
        ages_s=ages_s,
        allowed_per_s=allowed_per_s,
        asked_per_s=asked / (said_s * ROUNDS),
        look_s=burned_s / asked,
        request_s=await _request_s(history, addresses),
    )


async def _request_s(history: PumpWallets, addresses: list[str]) -> float:
    """CPU seconds of one request for a history, without a scanner."""
    began_s = cpu_s()
    for address in addresses:
        await history.transactions(address, limit=100)
    return (cpu_s() - began_s) / len(addresses)
