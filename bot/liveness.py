"""What the bot says of itself to whoever keeps the process alive: one line, whether it has booted, what makes no progress."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import structlog
import trio

from actors.runtime import LoopWatchdog
from actors.systemd_notifier import EXTEND_S, extend_timeout
from bot.trading.trading_state import GLOBAL, RPC_BUDGET
from bot.trading.units import counted
from bot.tree import TradingBot

log = structlog.get_logger()

LOOP_STALL_S = 2.0  # every timer, price and exit of the bot is late by this much, so it is worth a stack
# An actor that is hung is ended and started again by supervision (hung_after_ms in supervision.toml). A message that is
# older than this says that supervision itself does not work any more.
MESSAGE_AGE_MAX_S = 300.0
HUNG_NAMED = 5
BOOT_WITHIN_S = 300.0
BOOT_TICK_S = 1.0
BOOT_NEEDS = frozenset(
    {"rpc", "database", RPC_BUDGET}
)  # the causes of those without whom books and chain cannot be compared


def status_line(bot: TradingBot) -> str:
    """State, level, causes and positions in one line, without a question to database or chain."""
    causes = ", ".join(dict.fromkeys(cause.name for cause in bot.guard.causes() if cause.scope == GLOBAL))
    paused_users = len({cause.scope for cause in bot.guard.causes() if cause.scope != GLOBAL})
    parts = [f"{bot.guard.state}, level {bot.guard.level}"]
    if (halt := bot.guard.halt) is not None:
        parts.append(f"halted by {halt.cause}")
    if causes:
        parts.append(f"paused by {causes}")
    if paused_users:
        parts.append(f"{counted(paused_users, 'user')} paused")
    return "; ".join([*parts, f"positions watched: {_watched(bot)}"])


def watched(bot: TradingBot) -> int | None:
    """How many open positions somebody looks after; None while that is not all of them, or not known yet.

    It waits for no comparison with the chain: a wallet with an order on its way may take minutes, and holds up no exit.
    """
    if bot.root is None or (bot.guard.halt is None and bot.reconciler.check.alone != 0):
        return None
    return _watched(bot)


def _watched(bot: TradingBot) -> int:
    return len(bot.looks) + len(bot.fallback.watched)


def has_booted(bot: TradingBot) -> bool:
    """Whether nothing is left that a boot should wait for: the books are compared, or cannot be before something is back."""
    if bot.root is None:
        return False
    waits_for_others = any(cause.name in BOOT_NEEDS for cause in bot.guard.causes())
    return bot.reconciler.reconciled or bot.guard.halt is not None or waits_for_others


def hung(bot: TradingBot, loop: LoopWatchdog) -> list[str]:
    """What has stopped making progress: the loop, or an actor with one message for too long. Idle is healthy."""
    red = []
    if not (seen := loop.statistics()).is_green:
        red.append(f"the loop is {seen.lag_s:.1f} s late")
    if bot.root is not None:
        red += islice(bot.root.hung(MESSAGE_AGE_MAX_S), HUNG_NAMED)
    return red


async def ask_for_boot_time(
    tell: Callable[..., None], up: trio.Event, waits: Callable[[], str], *, is_followed: bool = False
) -> None:
    """Ask systemd for more time until the tree runs, and for `BOOT_WITHIN_S` at most.

    What comes before the tree may take long for good reasons: a database that recovers after a crash, a migration. Each
    step has its own deadline; this one is for what has none. One that waits for its database or as a standby,
    which `waits` says in words, is ready as long as it waits, and gives signs of life until the tree does. So does one that
    `is_followed` from the beginning, because systemd took it over from the bot before as one that is ready.
    """
    ready = is_followed
    with trio.move_on_after(BOOT_WITHIN_S) as patience:
        while not up.is_set():
            fields = ["STATUS=starting", extend_timeout(EXTEND_S)]
            if line := waits():
                ready = True
                patience.deadline = trio.current_time() + BOOT_WITHIN_S
                fields = [f"STATUS={line}", "READY=1"]
            if ready:
                fields.append("WATCHDOG=1")
            try:
                tell(*fields)
            except OSError as error:
                log.warning("systemd_not_told", reason=str(error))
            with trio.move_on_after(BOOT_TICK_S):
                await up.wait()


def log_loop_stall(stack: str, lag_s: float) -> None:
    """Called by the watchdog's thread while the loop stands still: the log gets the code that blocks it at once."""
    log.error("loop_stalled", lag_s=round(lag_s, 3), stack=stack)
