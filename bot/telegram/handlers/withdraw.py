"""SOL that a user sends out of his wallets: addresses that he allows, and orders to send it there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.errors import Conflict, KeyUnavailable
from bot.execution.withdrawal_messages import address_allowed_message
from bot.ports import AllowedAddress, Chain, NoteKind, Store, Submitted, User, Vault, Wallet
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.security import NO_CODES, code_in, refused_by_vault
from bot.telegram.handlers.trade import key_of, told_of_order
from bot.telegram.order_text import ended_words
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.words import mode_label
from bot.trading.followable import why_not_followed
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.risk_gate import Refused
from bot.trading.units import BPS, AmountError, format_sol, parse_sol, span

ALL = "all"
ADDRESSES_MAX = 10  # of one user
LIVE = mode_label(Mode.LIVE.value)

Withdraw = Callable[[TradeRequest, str], Awaitable[Submitted | Refused]]


@dataclass(frozen=True, slots=True)
class WithdrawHandlers:
    """`withdraw` gives an order and a code to the wallet's executor. What an address is worth is the vault's to say."""

    store: Store
    chain: Chain
    vault: Vault
    clock: Clock
    withdraw_now: Withdraw

    async def withdraw(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        wallets = [one for one in await self.store.wallets(user.id) if one.mode is Mode.LIVE]
        if not wallets:
            raise UsageError("you have no wallet that holds more than play money, and that cannot be sent anywhere")
        match [arguments[0].lower() if arguments else "", *arguments[1:]]:
            case [""]:
                return await self._listed(user, wallets, command)
            case ["add", address, code, *named] if len(named) <= 1:
                return await self._add(user, named_wallet(wallets, named), address, code_in(code, command))
            case ["remove", address, *named] if len(named) <= 1:
                return await self._remove(user, named_wallet(wallets, named), address)
            case [amount, address, code, *named] if len(named) <= 1:
                wallet = named_wallet(wallets, named)
                return await self._send(incoming, wallet, amount, key_of(address, "wallet"), code_in(code, command))
            case _:
                raise wrong_usage(command)

    async def _listed(self, user: User, wallets: list[Wallet], command: Command) -> str:
        names = {one.id: one.name for one in wallets}
        now_ms = self.clock.now_ms()
        rows = [row for row in await self._addresses(user) if row.wallet_id in names]
        lines = []
        for row in rows:
            left_ms = row.not_before_ms - now_ms
            counts = "counts" if left_ms <= 0 else f"counts in {span(left_ms / 1000)}"
            lines.append(f"{row.address} for {names[row.wallet_id]}: {counts}")
        first = "You have allowed these addresses:" if lines else "You have allowed no address yet."
        return "\n".join(
            [
                f"{LIVE} {first}",
                *lines,
                f"/{command.name} add ADDRESS CODE allows one, with a code of your second factor; it counts a while later, and"
                f" you are told at once. /{command.name} SOL ADDRESS CODE sends there. /{command.name} remove ADDRESS takes one"
                " back at once.",
            ]
        )

    async def _addresses(self, user: User) -> list[AllowedAddress]:
        return [row for row in await self.store.allowed_addresses(user.id) if not row.is_safe]

    async def _add(self, user: User, wallet: Wallet, word: str, code: str) -> str:
        address = address_in(word, wallet)
        rows = await self._addresses(user)
        if any((row.wallet_id, row.address) == (wallet.id, address) for row in rows):
            raise UsageError(f"that address is allowed for {wallet.name} already; /withdraw shows from when on")
        if len(rows) >= ADDRESSES_MAX:
            raise UsageError(f"you have allowed {ADDRESSES_MAX} addresses, which is the most; remove one first")
        current = (await self.store.notes(user.id)).get(NoteKind.CODE)
        if current is None:
            raise UsageError(NO_CODES)
        await self.refuse_lost(address)
        try:
            given = await self.vault.allow(wallet, await self.store.sealed_key(wallet.id), address, current, code)
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None
        now_ms = self.clock.now_ms()
        row = AllowedAddress(self.clock.new_id(), user.id, wallet.id, address, given.not_before_ms, now_ms)
        delay_ms = given.not_before_ms - now_ms
        message = address_allowed_message(self.clock, wallet, row, delay_ms)
        notes = {row.note: given.note, NoteKind.CODE.value: given.current}
        try:
            await self.store.allow_address(row, notes, message, now_ms)
        except Conflict:
            raise UsageError(f"that address is allowed for {wallet.name} already") from None
        return (
            f"{LIVE} {address} is allowed for {wallet.name} and counts in {span(delay_ms / 1000)}; nothing is sent there before."
            f" /withdraw remove {address} {wallet.name} takes it back."
        )

    async def refuse_lost(self, address: str) -> None:
        """Raise UsageError for an address at which SOL would be lost: people copy those of tokens where they mean a wallet's."""
        virtual = {one.address for one in await self.store.wallets() if one.mode is not Mode.LIVE}
        if address in virtual:
            raise UsageError(f"{address} is a wallet of play money, where SOL that is sent there is not seen")
        if not await self.chain.is_wallet(address):
            raise UsageError(
                f"{address} is no wallet but a token, an account of tokens or a program, and SOL that is sent there is lost; give"
                " the address of a wallet whose key you have"
            )

    async def _remove(self, user: User, wallet: Wallet, word: str) -> str:
        address = key_of(word, "wallet")
        for row in await self._addresses(user):
            if (row.wallet_id, row.address) == (wallet.id, address):
                await self.store.remove_address(user.id, row.id, self.clock.now_ms())
                return f"{LIVE} {address} is not allowed for {wallet.name} any more: nothing is sent there."
        raise UsageError(f"that address is not allowed for {wallet.name}; /withdraw lists those that are")

    async def _send(self, incoming: Incoming, wallet: Wallet, amount: str, address: str, code: str) -> Answer:
        try:
            spend_lamports = 0 if amount == ALL else parse_sol(amount)
        except AmountError as error:
            raise UsageError(str(error)) from None
        request = TradeRequest(
            key=incoming.key,
            user_id=wallet.user_id,
            wallet_id=wallet.id,
            mode=wallet.mode,
            side=Side.WITHDRAW,
            mint="",
            context=Context.MANUAL_COMMAND,
            slippage_bps=0,
            protection=Protection.OPEN,
            causation_id=incoming.key,
            reason="command",
            spend_lamports=spend_lamports,
            share_bps=0 if spend_lamports else BPS,
            to_address=address,
        )
        outcome = await self.withdraw_now(request, code)
        if isinstance(outcome, Submitted) and (ended := ended_words(outcome.intent)) is not None:
            sent = outcome.intent.request
            what = f"{format_sol(sent.spend_lamports)} SOL to {sent.to_address}"
            return Answer(f"{LIVE} You gave that order before: {what}. {ended}")
        return told_of_order(wallet.mode, outcome)


def address_in(word: str, wallet: Wallet) -> str:
    """An address for SOL of a wallet as somebody typed it; raises UsageError for the wallet's own and the chain's."""
    address = key_of(word, "wallet")
    if reason := why_not_followed(address):
        raise UsageError(f"{address} {reason}")
    if address == wallet.address:
        raise UsageError("that is the wallet itself")
    return address


def named_wallet(wallets: list[Wallet], named: list[str]) -> Wallet:
    """The wallet of a name, the oldest where none is given."""
    if not named:
        return wallets[0]
    for wallet in wallets:
        if wallet.name == named[0].lower():
            return wallet
    raise UsageError(f"you have no live wallet {named[0][:16]!r}; yours are: {', '.join(one.name for one in wallets)}")
