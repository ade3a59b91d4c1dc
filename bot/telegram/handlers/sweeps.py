"""Safe addresses: where what is in a wallet goes whenever it is frozen. Each takes a code, and counts a day later."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands import Command
from bot.errors import Conflict, KeyUnavailable
from bot.execution.withdrawal_messages import address_allowed_message
from bot.ports import AllowedAddress, NoteKind, User, Wallet, safe_address
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.security import NO_CODES, code_in, refused_by_vault
from bot.telegram.handlers.withdraw import ADDRESSES_MAX, LIVE, WithdrawHandlers, address_in, named_wallet
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.intent import Mode
from bot.trading.units import span


@dataclass(frozen=True, slots=True)
class SweepHandlers:
    """`/sweep`. What an address may be is judged as for `/withdraw`, by its handlers."""

    withdrawals: WithdrawHandlers

    async def sweep(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        user = known(incoming)
        wallets = [one for one in await self.withdrawals.store.wallets(user.id) if one.mode is Mode.LIVE]
        if not wallets:
            raise UsageError("you have no wallet that holds more than play money, and that is not swept anywhere")
        match [arguments[0].lower() if arguments else "", *arguments[1:]]:
            case [""]:
                return await self._listed(user, wallets, command)
            case ["safe", address, code, *named] if len(named) <= 1:
                return await self._register(named_wallet(wallets, named), address, code_in(code, command))
            case ["cancel", *named] if len(named) <= 1:
                return await self._cancel(named_wallet(wallets, named))
            case _:
                raise wrong_usage(command)

    async def _safe(self, user_id: str) -> list[AllowedAddress]:
        return [row for row in await self.withdrawals.store.allowed_addresses(user_id) if row.is_safe]

    async def _listed(self, user: User, wallets: list[Wallet], command: Command) -> str:
        rows, now_ms, lines = await self._safe(user.id), self.withdrawals.clock.now_ms(), []
        for wallet in wallets:
            counts = safe_address(rows, wallet.id, now_ms)
            lines.append(f"{wallet.name}: {'no safe address counts' if counts is None else counts.address}")
            lines += [
                f"  {row.address} takes its place in {span((row.not_before_ms - now_ms) / 1000)}"
                for row in rows
                if row.wallet_id == wallet.id and row.not_before_ms > now_ms
            ]
        return "\n".join(
            [
                f"{LIVE} When a wallet is frozen, by /freeze or because something left it that was not signed here, its SOL and"
                " the tokens of its positions are swept to its safe address:",
                *lines,
                f"/{command.name} safe ADDRESS CODE [WALLET] registers one with a code of your second factor; it counts a while"
                f" later, and you are told at once. /{command.name} cancel [WALLET] takes back those that do not count yet.",
            ]
        )

    async def _register(self, wallet: Wallet, word: str, code: str) -> str:
        ways = self.withdrawals
        address = address_in(word, wallet)
        rows = [row for row in await self._safe(wallet.user_id) if row.wallet_id == wallet.id]
        if any(row.address == address for row in rows):
            raise UsageError(f"that is a safe address of {wallet.name} already; /sweep shows which one counts")
        if len(rows) >= ADDRESSES_MAX:
            raise UsageError(
                f"{wallet.name} has had {ADDRESSES_MAX} safe addresses, which is the most; use another wallet"
            )
        current = (await ways.store.notes(wallet.user_id)).get(NoteKind.CODE)
        if current is None:
            raise UsageError(NO_CODES)
        await ways.refuse_lost(address)
        try:
            given = await ways.vault.allow_safe(wallet, await ways.store.sealed_key(wallet.id), address, current, code)
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None
        now_ms = ways.clock.now_ms()
        row = AllowedAddress(
            ways.clock.new_id(), wallet.user_id, wallet.id, address, given.not_before_ms, now_ms, is_safe=True
        )
        delay_ms = given.not_before_ms - now_ms
        message = address_allowed_message(ways.clock, wallet, row, delay_ms)
        try:
            await ways.store.allow_address(
                row, {row.note: given.note, NoteKind.CODE.value: given.current}, message, now_ms
            )
        except Conflict:
            raise UsageError(f"that is a safe address of {wallet.name} already") from None
        return (
            f"{LIVE} {address} is the safe address of {wallet.name} in {span(delay_ms / 1000)}; until then what counted"
            f" before counts. /sweep cancel {wallet.name} takes it back."
        )

    async def _cancel(self, wallet: Wallet) -> str:
        """Those that count already are replaced by a code, and not taken away by whoever holds the telephone."""
        now_ms, gone = self.withdrawals.clock.now_ms(), []
        for row in await self._safe(wallet.user_id):
            if row.wallet_id == wallet.id and row.not_before_ms > now_ms:
                await self.withdrawals.store.remove_address(wallet.user_id, row.id, now_ms)
                gone.append(row.address)
        if not gone:
            raise UsageError(
                f"no safe address of {wallet.name} waits to count; one that counts is replaced by another one"
            )
        return f"{LIVE} Taken back, nothing of {wallet.name} is swept to: {', '.join(gone)}."
