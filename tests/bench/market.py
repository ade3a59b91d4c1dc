"""What one event of the launch stream costs: to decode it, to count it and to have an opinion."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec
import trio

from bot.analysis.features import TokenWindow
from bot.analysis.opinion import rule_opinion
from bot.chain import wire
from bot.chain.addresses import PUMP_PROGRAM
from bot.chain.pumpfun import events_in_logs, launchpad_events
from bot.localnet.inprocess import InProcessChain
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch
from bot.trading.units import LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, Market
from tests.bench.measure import Metrics, compete, cpu_s
from tests.bench.table import Line, duration, line
from tests.whole.crowd import Crowd

ROUNDS = 9
TRADES = 300
TRADERS = 60
WINDOWS = 20
DECODES = 3_000
TRADE_GAP_MS = 50

_frame = msgspec.json.Decoder(wire.Frame)
_logs = msgspec.json.Decoder(wire.InContext[wire.Logs])


def features(draw: random.Random) -> list[Line]:
    """A tracker's work per trade: count it, make the features of this moment and judge them."""
    trades, launch = busy_launch(draw)

    def judge() -> Metrics:
        began = cpu_s()
        for _ in range(WINDOWS):
            window = TokenWindow(launch)
            for trade in trades:
                window.add(trade)
                rule_opinion(window.features(trade.seen_at_ms))
        return {"opinion": (cpu_s() - began) / (WINDOWS * TRADES)}

    def count() -> Metrics:
        began = cpu_s()
        for _ in range(WINDOWS):
            window = TokenWindow(launch)
            for trade in trades:
                window.add(trade)
        return {"count": (cpu_s() - began) / (WINDOWS * TRADES)}

    def total() -> Metrics:
        began = cpu_s()
        for _ in range(WINDOWS):
            bought_lamports = 0
            for trade in trades:
                bought_lamports += trade.quote_lamports
        return {"sum": (cpu_s() - began) / (WINDOWS * TRADES)}

    rounds = compete([judge, count, total], rounds=ROUNDS, draw=draw)
    return [
        line(rounds, "features and opinion per trade", "opinion", "sum", duration),
        line(rounds, "  of that, counting the trade", "count", "sum", duration),
    ]


def busy_launch(draw: random.Random) -> tuple[Sequence[CurveTrade], TokenLaunch]:
    """Buys of drawn sizes by drawn traders, every fourth trade a sale by somebody who holds."""
    market = Market()
    for number in range(TRADES):
        at_ms = number * TRADE_GAP_MS
        holders = [trader for trader, token_raw in market.bags.items() if token_raw]
        if number % 4 == 3 and holders:
            market.sell(draw.choice(holders), 0.5, at_ms)
        else:
            market.buy(f"trader-{draw.randrange(TRADERS)}", draw.uniform(0.005, 0.5), at_ms)
    return market.told, market.launch


def decode(draw: random.Random) -> list[Line]:
    """From a websocket frame to the domain's record, against msgspec reading the frame's envelope alone."""
    launch, buy = frames()
    turns = [
        lambda: _decode_events("launch", launch, TokenLaunch),
        lambda: _decode_envelope("envelope of a launch", launch),
        lambda: _decode_events("trade", buy, CurveTrade),
        lambda: _decode_envelope("envelope of a trade", buy),
    ]
    rounds = compete(turns, rounds=ROUNDS, draw=draw)
    return [
        line(rounds, f"log notification to CurveTrade ({len(buy):,} bytes)", "trade", "envelope of a trade", duration),
        line(
            rounds,
            f"log notification to TokenLaunch ({len(launch):,} bytes)",
            "launch",
            "envelope of a launch",
            duration,
        ),
    ]


def _decode_events(name: str, frame: str, expected: type[LaunchpadEvent]) -> Metrics:
    """The steps of the launch stream, without its channel."""
    began = cpu_s()
    for _ in range(DECODES):
        params = _frame.decode(frame).params
        assert params is not None
        told = _logs.decode(params.result)
        payloads = events_in_logs(told.value.logs).payloads
        events = launchpad_events(payloads, signature=told.value.signature, slot=told.context.slot, seen_at_ms=BORN_MS)
    elapsed = cpu_s() - began
    assert [type(event) for event in events] == [expected]
    return {name: elapsed / DECODES}


def _decode_envelope(name: str, frame: str) -> Metrics:
    began = cpu_s()
    for _ in range(DECODES):
        _frame.decode(frame)
    return {name: (cpu_s() - began) / DECODES}


def frames() -> tuple[str, str]:
    """The notifications of a launch and of a buy as the local chain's node tells them."""

    async def main() -> tuple[str, str]:
        chain = InProcessChain(seed=1)
        crowd = Crowd(chain)
        stream = chain.open_stream()
        stream.request("logsSubscribe", [{"mentions": [str(PUMP_PROGRAM)]}, {"commitment": "processed"}])
        mint = crowd.launch()
        chain.step()
        launch = msgspec.json.encode(await stream.receive()).decode()
        crowd.buy(mint, 2, LAMPORTS_PER_SOL)
        chain.step()
        buy = msgspec.json.encode(await stream.receive()).decode()
        stream.close()
        return launch, buy

    return trio.run(main)
