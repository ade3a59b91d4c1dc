"""What a user asks of his wallets and orders, and anybody of the bot itself. Nothing here names a machine or an endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.clock import Clock, rfc3339_s
from bot.commands import Command
from bot.errors import StoreUnavailable
from bot.ports import Store, User, WalletLedger
from bot.telegram.chat import Handler, Incoming
from bot.telegram.diag_text import diag_text
from bot.telegram.handlers.account import known
from bot.telegram.handlers.books import asked_books
from bot.telegram.order_text import order_lines
from bot.telegram.parsing import wrong_usage
from bot.telegram.replies import deposit_words
from bot.telegram.standing_text import standing_lines
from bot.telegram.token_text import age
from bot.telegram.wallet_words import bought_from
from bot.telegram.words import mode_label
from bot.trading.intent import Mode
from bot.trading.risk_gate import kept_for_exits
from bot.trading.units import counted, format_sol, span

ORDERS_SHOWN = 20
LOCAL = "local"
SERVICES = {
    "database": "the books",
    "rpc": "the chain",
    "stream": "news of launches",
    "telegram": "Telegram",
    "engine": "protected orders",
}


@dataclass(frozen=True, slots=True)
class About:
    """What the bot is: its version, and the cluster that it trades on, `local` for a chain of its own."""

    version: str
    cluster: str


@dataclass(frozen=True, slots=True)
class Pulse:
    """How the bot is now: its trading state, how long it has run, and by name whether each service in use answers."""

    state: str
    level: int
    uptime_s: float
    services: dict[str, bool]


@dataclass(frozen=True, slots=True)
class AboutHandlers:
    """`diagnose` gives what stands between a user's sniper and a buy; see `bot/trace.py` for the record."""

    store: Store
    clock: Clock
    about: About
    pulse: Callable[[], Pulse]
    status_line: Callable[[str], str]
    diagnose: Callable[[User], Awaitable[dict[str, Any]]]

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        return {
            "deposit": self.deposit,
            "orders": self.orders,
            "health": self.health,
            "version": self.version,
            "diag": self.diag,
        }

    async def orders(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        mine = [one for one in await self.store.in_flight() if one[0].request.user_id == user.id]
        standing = await self._standing(user)
        if not mine and not standing:
            label = mode_label(user.mode.value)
            return (
                f"{label} No order of yours is on its way, and none waits for a price or a time. /history has what was done,"
                " /positions what you hold."
            )
        now_ms = self.clock.now_ms()
        lines = [counted(len(mine), "order") + " on the way, the oldest first:"] if mine else []
        for intent, attempts in mine[:ORDERS_SHOWN]:
            lines += order_lines(intent, attempts, now_ms)
        if len(mine) > ORDERS_SHOWN:
            lines.append(f"{len(mine) - ORDERS_SHOWN} more are not shown.")
        return "\n".join([*lines, *standing])

    async def _standing(self, user: User) -> list[str]:
        """Those that wait; what is on its way is known without the database, and they are not."""
        try:
            standing = await self.store.standing_orders(user.id)
            zone = (await self.store.settings(user.id)).timezone
        except StoreUnavailable:
            return [
                "Orders that wait for a price or a time cannot be read now, and none is sent: the database is away."
            ]
        lines = (
            [counted(len(standing), "order") + " waiting for a price or a time, the oldest first:"] if standing else []
        )
        return lines + [line for order in standing for line in standing_lines(order, zone)]

    async def wallets(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        positions = await self.store.open_positions(user.id)
        lines = []
        mine = await self.store.wallets(user.id)
        taken_out = {row.wallet_id: row.exported_at_ms for row in await self.store.key_exports(user.id)}
        for wallet in mine:
            held = [row for row in positions if row.wallet_id == wallet.id]
            used = ", in use" if wallet.mode is user.mode else ", kept: /mode changes to it"
            used = f" ({wallet.name}: {bought_from(wallet, mine)}){used}"
            cost = format_sol(sum(row.cost_lamports for row in held))
            lines += [
                f"{mode_label(wallet.mode.value)} {wallet.address}{used}",
                f"  {counted(len(held), 'open position')} at a cost of {cost} SOL;"
                f" {self._compared(await self.store.wallet_ledger(wallet.id))}.",
            ]
            if (at_ms := taken_out.get(wallet.id)) is not None:
                lines.append(
                    f"  its key was taken out at {rfc3339_s(at_ms)}: whoever has that file and its code can empty it"
                )
        return "\n".join([*lines, "/balance looks at what the chain shows, /deposit says how to put SOL in."])

    def _compared(self, ledger: WalletLedger) -> str:
        """What the ledger says, and what the latest comparison with the chain found."""
        check = ledger.check
        if check is None:
            return "its books have not been compared with the chain yet, which is done within a minute"
        told = f"{format_sol(ledger.booked_lamports)} SOL by the ledger"
        ago = age(self.clock.now_ms() - check.at_ms)
        if check.is_exact:
            return f"{told}, exact to the lamport when compared with the chain {ago} ago"
        difference = format_sol(check.chain_lamports - check.booked_lamports, signed=True)
        return f"{told}; {ago} ago the chain showed {difference} SOL beside it, which is being looked into"

    async def deposit(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        asked = await asked_books(self.store, incoming, arguments)
        if asked.words:
            raise wrong_usage(command)
        wallet, *others = [one for one in await self.store.wallets(asked.user.id) if one.mode is asked.mode]
        more = [f"{one.name}, {bought_from(one, [wallet, *others])}:\n{one.address}" for one in others]
        named = [f"{wallet.name}, {bought_from(wallet, [wallet, *others])}:"] if others else []
        if asked.mode is not Mode.LIVE:
            words = deposit_words(asked.mode.value)
            return "\n".join([f"{asked.label} {words}", *named, wallet.address, *more])
        return "\n".join([f"{asked.label} {self._where()}", *named, wallet.address, *more, *self._counts()])

    def _where(self) -> str:
        if self.about.cluster == LOCAL:
            return (
                "Your deposit address on this bot's own local chain, where SOL is play money. Send nothing to it from another"
                " network: it does not arrive here."
            )
        return f"Your deposit address. Send SOL to it on Solana ({self.about.cluster}) and on no other network:"

    def _counts(self) -> list[str]:
        return [
            "What arrives is yours to trade as soon as the chain shows it; /balance looks, /history has it within a minute.",
            f"{format_sol(kept_for_exits(1))} SOL are kept aside for the sale of a first position, so send more than that."
            " Tokens that you send there are kept and never sold by this bot.",
        ]

    async def health(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        pulse = self.pulse()
        told = [
            f"{name}: {'up' if pulse.services[key] else 'DOWN'}"
            for key, name in SERVICES.items()
            if key in pulse.services
        ]
        lines = [
            f"The bot has been up for {span(pulse.uptime_s)}. Trading is {pulse.state}, level {pulse.level}.",
            f"{'; '.join(told) or 'no service has been asked yet'}.",
        ]
        if pulse.level > 1:
            lines.append(
                "Something is out of order; operators are told, and positions keep their exits where they can."
            )
        if incoming.user is not None:
            lines.append(f"For you: {self.status_line(incoming.user.id)}")
        return "\n".join(lines)

    async def version(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        chain = "a local chain of its own" if self.about.cluster == LOCAL else f"Solana, {self.about.cluster}"
        return f"trading-bot {self.about.version}, on {chain}."

    async def diag(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        return f"{mode_label(user.mode.value)} {diag_text(await self.diagnose(user))}"
