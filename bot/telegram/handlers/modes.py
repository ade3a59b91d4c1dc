"""Whether a user's orders move money: his mode, and how he changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.commands import Command
from bot.errors import Conflict
from bot.ports import Chain, Store, User, Wallet
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.words import mode_label
from bot.trading.intent import Mode
from bot.trading.units import counted, format_sol

MEANINGS = {
    Mode.LIVE: "orders are sent and move what your wallet holds",
    Mode.DRY_RUN: "orders are decided, priced and signed like live ones and never sent; a model of landing fills them with play"
    " money",
    Mode.PAPER: "orders are decided and priced, never signed or sent; a model of landing fills them with play money",
}

AGREED = "agree"
REAL_MONEY = (
    "Mode live trades with real SOL. You can lose all that your wallet holds: coins like these mostly end at nothing, orders can"
    " fail and cost fees, exits can come late or at worse prices. This machine holds your wallet's key. Put in no more than"
    f" you can lose. Your mode is as before; to go on, send /mode live {AGREED}"
)


class Modes(Protocol):
    """The modes that the operator's profile allows, and the way from one to another."""

    @property
    def modes(self) -> tuple[Mode, ...]: ...

    async def enter(self, user: User, mode: Mode) -> Wallet: ...

    async def virtual_wallet(self, user: User) -> Wallet: ...


@dataclass(frozen=True, slots=True)
class ModeHandlers:
    """`/mode`. A user's positions stay in the mode in which he opened them, and their exits go on."""

    modes: Modes
    store: Store
    chain: Chain
    moves_money: bool

    async def mode(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) > 2 or (len(arguments) == 2 and arguments[1].lower() != AGREED):
            raise wrong_usage(command)
        user = known(incoming)
        if not arguments:
            return self._standing(user)
        wished = next((one for one in self.modes.modes if one.value == arguments[0].lower()), None)
        if wished is None:
            raise UsageError(f"here a user's mode is one of: {', '.join(one.value for one in self.modes.modes)}")
        if wished is Mode.LIVE and user.mode is not Mode.LIVE and self.moves_money and len(arguments) == 1:
            return REAL_MONEY
        try:
            wallet = await self.modes.enter(user, wished)
        except Conflict as error:
            raise UsageError(f"{error}; ask the operator") from None
        return await self._changed(user, wished, wallet)

    def _standing(self, user: User) -> str:
        choices = [f"{one.value}: {MEANINGS[one]}." for one in self.modes.modes]
        return "\n".join([f"{mode_label(user.mode.value)} Your mode is {user.mode.value}.", *choices])

    async def _changed(self, user: User, mode: Mode, wallet: Wallet) -> str:
        balances = await self.chain.balances(wallet.address)
        others = [row for row in await self.store.open_positions(user.id) if row.mode is not mode]
        sniper = "on and buys in this mode now" if (await self.store.settings(user.id)).snipe_enabled else "off"
        auto = (
            " Your automated trader is on and buys in this mode now; /autostop stops it."
            if (await self.store.auto_plan(user.id)).is_on
            else ""
        )
        rules = [row.label for row in await self.store.copy_rules(user.id) if row.mode is not mode]
        copied = (
            f" You copy {', '.join(rules)} in mode {user.mode.value}, and nothing is bought with them while you are not in it."
            if rules
            else ""
        )
        left = (
            f" {counted(len(others), 'position')} of mode {user.mode.value} stay there: their exits go on, and /sell and"
            " /panic sell them."
            if others
            else ""
        )
        return (
            f"{mode_label(mode.value)} From now on {MEANINGS[mode]}. Your wallet for it is {wallet.address}, with"
            f" {format_sol(balances.lamports)} SOL. Your sniper is {sniper}.{auto}{copied}{left}"
        )
