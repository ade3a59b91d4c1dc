"""What users do with codes of their second factor: they freeze and thaw wallets, send SOL home, and take keys out.

Each has an address for withdrawals and a safe one from the start. The vault's clock goes ahead of the others' by half a
minute with each code, so that nobody waits for the next one.
"""

from __future__ import annotations

from base64 import b32decode
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from solders.keypair import Keypair

from bot.execution.withdrawal_messages import address_allowed_message
from bot.ports import AllowedAddress, NoteKind, User, Wallet
from bot.trading.intent import Context, Protection, Side, TradeRequest
from bot.trading.trading_state import FROZEN
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.vault import totp
from tests.simulation.events import Event
from tests.simulation.world import DoorWorld

log = structlog.get_logger()

HOME, REFUGE = (str(Keypair.from_seed(bytes([number]) * 32).pubkey()) for number in (7, 9))
FOR_FEES_LAMPORTS = (
    LAMPORTS_PER_SOL // 4
)  # with less somebody puts SOL into his wallet, so that what is left there can be sold


@dataclass(slots=True)
class Owners:
    """What the users have on their other devices, by user id; `orders` counts withdrawals."""

    world: DoorWorld
    secrets: dict[str, bytes] = field(default_factory=dict)
    orders: int = 0

    def code(self, user_id: str) -> str:
        """One that nobody has used yet."""
        self.world.vault.ahead_ms += totp.STEP_MS
        now_ms = self.world.clock.now_ms() + self.world.vault.ahead_ms
        return totp.code_at(self.secrets[user_id], now_ms // totp.STEP_MS)

    async def open(self, users: Sequence[tuple[User, Wallet]]) -> None:
        """Each makes a second factor, and allows an address for withdrawals and a safe one, before the bot is there."""
        store, vault, now_ms = self.world.store, self.world.vault, self.world.clock.now_ms()
        for user, wallet in users:
            made = await vault.new_code(user.id, None, "")
            self.secrets[user.id] = b32decode(made.key)
            note = await vault.confirm_code(user.id, made.pending, self.code(user.id))
            key = await store.sealed_key(wallet.id)
            for is_safe, address in ((False, HOME), (True, REFUGE)):
                allow = vault.allow_safe if is_safe else vault.allow
                given = await allow(wallet, key, address, note, self.code(user.id))
                note = given.current
                row = AllowedAddress(
                    f"{user.id}-{is_safe}", user.id, wallet.id, address, now_ms, now_ms, is_safe=is_safe
                )
                told = address_allowed_message(self.world.clock, wallet, row, 0)
                await store.allow_address(row, {row.note: given.note, NoteKind.CODE: note}, told, now_ms)

    async def freezes(self, bot: TradingBot, wallet: Wallet) -> None:
        await bot.guard.freeze_wallet(wallet)

    async def thaws(self, bot: TradingBot, wallet: Wallet) -> None:
        """As the command does."""
        if FROZEN not in bot.guard.freezes(wallet.user_id, wallet.id) or wallet.user_id not in self.secrets:
            return
        current = (await bot.adapters.store.notes(wallet.user_id))[NoteKind.CODE]
        await bot.freezes.let_go(wallet, current, self.code(wallet.user_id))

    async def withdraws(self, bot: TradingBot, wallet: Wallet, event: Event) -> None:
        """Send so much home, or everything that may leave."""
        self.orders += 1
        request = TradeRequest(
            key=f"out-{self.orders}",
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            side=Side.WITHDRAW,
            mint="",
            context=Context.MANUAL_COMMAND,
            slippage_bps=0,
            protection=Protection.OPEN,
            causation_id=f"out-{self.orders}",
            reason="command",
            spend_lamports=event.amount,
            share_bps=0 if event.amount else BPS,
            to_address=HOME,
        )
        outcome = await bot.desk.withdraw(request, self.code(wallet.user_id))
        log.info("simulation_withdrew", key=request.key, outcome=repr(outcome))

    async def takes_key(self, bot: TradingBot, wallet: Wallet) -> None:
        """Ask for a key with a code, take it with another one, and hear what opens its page."""
        store, vault = bot.adapters.store, bot.adapters.vault
        key = await store.sealed_key(wallet.id)
        current = (await store.notes(wallet.user_id))[NoteKind.CODE]
        wish = await vault.demand_export(wallet, key, current, self.code(wallet.user_id))
        given = await vault.export_key(wallet, key, wish.note, wish.current, self.code(wallet.user_id))
        await store.keep_notes(
            wallet.user_id, {NoteKind.CODE.value: given.current}, "code used", self.world.clock.now_ms()
        )
        await vault.page_code(wallet.user_id, given.unlock)

    def not_thawed(self, bot: TradingBot) -> list[str]:
        """Wallets for which the vault signs nothing though nothing freezes them any more."""
        return [
            wallet.id
            for wallet in self.world.store._wallets.values()
            if self.world.vault.is_frozen(wallet) and FROZEN not in bot.guard.freezes(wallet.user_id, wallet.id)
        ]

    def puts_in_for_fees(self, wallet: Wallet) -> None:
        """What was swept or withdrawn leaves nothing to sell the rest with."""
        chain = self.world.chain
        if chain.call("getBalance", wallet.address, {"commitment": "processed"})["value"] < FOR_FEES_LAMPORTS:
            chain.call("requestAirdrop", wallet.address, 2 * FOR_FEES_LAMPORTS)
