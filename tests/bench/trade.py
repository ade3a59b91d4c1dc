"""A whole trade through the whole bot: a buy and a sale, from the request at the desk to the message to its owner.

The bot runs on its in-memory store and the local chain in this process, in virtual time, so that nothing waits for the
machine and all that is burned is the CPU time of the code itself.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass

import trio
from trio.testing import MockClock

from bot.garbage import collect_everything
from bot.localnet.inprocess import InProcessChain
from bot.localnet.records import Block
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from tests.bench.measure import Metrics, compete, cpu_s
from tests.bench.table import Line, line, rate
from tests.whole.crowd import Crowd
from tests.whole.virtual import World, make_world, open_for_entries, running_bot, until

ROUNDS = 5
TRADES = 25
WITHIN_VIRTUAL_S = 30
CHAIN_SEED = 1
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 100

# No exit of its own: the benchmark says when to sell.
SETTINGS = UserSettings(take_profit_bps=None, stop_loss_bps=None, max_hold_s=None)


class RecordedChain(InProcessChain):
    """Remembers the bytes of every transaction by block, so that another chain can execute the very same ones."""

    def __init__(self) -> None:
        super().__init__(seed=CHAIN_SEED)
        self.recorded: list[list[bytes]] = []

    def step(self, blocks: int = 1) -> Block:
        for _ in range(blocks):
            block = super().step()
            self.recorded.append([landed.record.raw for landed in block.transactions])
        return block


@dataclass(frozen=True, slots=True)
class Traded:
    """What one run of the bot burned, in CPU seconds, and what its chain did from the first order to the last row."""

    trading_s: float
    idling_s: float
    blocks_before: list[list[bytes]]
    blocks: list[list[bytes]]


def trade(draw: random.Random) -> list[Line]:
    """The bot trades and then idles for as long; afterwards a fresh chain executes what the first one did."""
    rounds = compete([_run], rounds=ROUNDS, draw=draw)
    return [
        line(rounds, "whole trade, buy and sale", "trade", "chain executing the two", rate),
        line(rounds, "  of that, bot and chain idling for as long", "idle", "chain executing the two", rate),
        line(rounds, "  of that, the chain alone, empty blocks too", "chain", "chain executing the two", rate),
    ]


def _run() -> Metrics:
    """One turn for all, because the chain alone executes what the bot has made."""
    traded = trio.run(_trade_and_idle, clock=MockClock(autojump_threshold=0))
    collect_everything()
    executing_s, producing_s = _replay(traded)
    return {
        "trade": traded.trading_s / TRADES,
        "idle": traded.idling_s / TRADES,
        "chain executing the two": executing_s / TRADES,
        "chain": (executing_s + producing_s) / TRADES,
    }


async def _trade_and_idle() -> Traded:
    chain = RecordedChain()
    world = make_world(chain)
    user, wallet = await world.user("bench", SETTINGS)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = Crowd(chain).launch()
        await trio.sleep(1)
        blocks_before, began_s, virtual_began_s = len(chain.recorded), cpu_s(), trio.current_time()
        for number in range(1, TRADES + 1):
            buy = _request(user, wallet, mint, f"buy {number}", spend_lamports=SPEND_LAMPORTS)
            await _until_told(bot, world, buy)
            await _until_told(bot, world, _request(user, wallet, mint, f"sell {number}", share_bps=BPS))
        trading_s, virtual_s = cpu_s() - began_s, trio.current_time() - virtual_began_s
        blocks = len(chain.recorded)
        began_s = cpu_s()
        await trio.sleep(virtual_s)
        idling_s = cpu_s() - began_s
        day = await world.store.day(0)
    assert (day.buys, day.sells, world.reports) == (TRADES, TRADES, []), day
    return Traded(trading_s, idling_s, chain.recorded[:blocks_before], chain.recorded[blocks_before:blocks])


async def _until_told(bot: TradingBot, world: World, request: TradeRequest) -> None:
    """One order, until its fill is settled and its owner has the message."""
    messages = len(world.told)
    outcome = await bot.desk.submit(request)
    assert isinstance(outcome, Submitted), outcome
    await until(lambda: len(world.told) > messages, within_s=WITHIN_VIRTUAL_S)


def _request(
    user: User, wallet: Wallet, mint: str, key: str, *, spend_lamports: int = 0, share_bps: int = 0
) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=user.id,
        wallet_id=wallet.id,
        mode=Mode.LIVE,
        side=Side.BUY if spend_lamports else Side.SELL,
        mint=mint,
        context=Context.MANUAL_COMMAND,
        slippage_bps=1_000,
        protection=Protection.OPEN,
        causation_id=key,
        reason="benchmark",
        spend_lamports=spend_lamports,
        share_bps=share_bps,
    )


def _replay(traded: Traded) -> tuple[float, float]:
    """CPU seconds of the blocks that hold the bot's transactions, and of the empty ones between them.

    Blockhashes follow from the seed and the height alone, so the same bytes are valid on this chain in the same block.
    """
    chain = RecordedChain()
    for block in traded.blocks_before:
        execute(chain, block)
    executing_s = producing_s = 0.0
    for block in traded.blocks:
        began_s = cpu_s()
        execute(chain, block)
        elapsed_s = cpu_s() - began_s
        if block:
            executing_s += elapsed_s
        else:
            producing_s += elapsed_s
    assert chain.recorded == [*traded.blocks_before, *traded.blocks], "the two chains went different ways"
    return executing_s, producing_s


def execute(chain: InProcessChain, transactions: Sequence[bytes]) -> None:
    for raw in transactions:
        text = base64.b64encode(raw).decode()
        chain.call("sendTransaction", text, {"encoding": "base64", "skipPreflight": True})
    chain.step()
