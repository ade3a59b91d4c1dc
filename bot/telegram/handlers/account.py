"""Consent, wallet, status and the sniper's switch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from bot.clock import Clock, day_of, day_start_ms
from bot.commands import COMMANDS, CONSENT_TEXT, CONSENT_VERSION, Command
from bot.errors import StoreUnavailable
from bot.ports import Chain, Store, User, wallet_in
from bot.telegram.chat import Incoming
from bot.telegram.help_text import help_list, help_of
from bot.telegram.parsing import wrong_usage
from bot.telegram.replies import deposit_words
from bot.telegram.roles import RoleOf
from bot.telegram.words import mode_label
from bot.trading.risk_gate import kept_for_exits
from bot.trading.roles import Role
from bot.trading.units import counted, format_sol, format_tokens

log = structlog.get_logger()

NOT_INVITED = (
    "This bot takes only people whom its operator has invited, and you are not among them. Ask him to add your Telegram id"
    " {telegram_id} to telegram.allowed_ids of his settings; nothing was stored about you."
)
# Of a token in /balance that no position holds.
ELSEWHERE = ", from elsewhere: no position, so /sell does not sell it"


def known(incoming: Incoming) -> User:
    """The user of a command that the dispatcher lets only users run."""
    assert incoming.user is not None
    return incoming.user


@dataclass(frozen=True, slots=True)
class AccountHandlers:
    """`register` makes the user, the wallet and the settings in one transaction and returns the user.

    `consent_text` is what a newcomer agrees to. `closed_by_loss` says how the loss of a user's day closes his entries, in the
    gate's own words; None where it does not.
    """

    store: Store
    chain: Chain
    clock: Clock
    register: Callable[[int], Awaitable[User]]
    admits: Callable[[int], bool]
    snipers_changed: Callable[[str], Awaitable[None]]
    status_line: Callable[[str, str], str]
    closed_by_loss: Callable[[User], Awaitable[str | None]]
    role_of: RoleOf
    consent_text: str = CONSENT_TEXT

    async def start(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments not in {(), ("agree",)}:
            raise wrong_usage(command)
        user = incoming.user
        if user is not None and user.consent_version == CONSENT_VERSION:
            wallet = wallet_in(await self.store.wallets(user.id), user.mode)
            mode = user.mode.value
            return (
                f"You are set up as {user.handle} {mode_label(mode)}, wallet {wallet.address}. {deposit_words(mode)}"
                " See /help."
            )
        stranger = None if user is not None else incoming.telegram_id
        if stranger is not None and not self.admits(stranger):
            return NOT_INVITED.format(telegram_id=stranger)
        if not arguments:
            return self.consent_text
        if user is not None:
            await self.store.save_consent(user.id, CONSENT_VERSION)
            return "Thank you; your consent to the new terms is noted. See /help."
        if incoming.telegram_id is None:
            return "This console speaks for nobody in particular; start it with --as TELEGRAM_ID."
        user = await self.register(incoming.telegram_id)
        wallet = wallet_in(await self.store.wallets(user.id), user.mode)
        mode = user.mode.value
        return (
            f"{mode_label(mode)} Your wallet is {wallet.address}. {deposit_words(mode)}"
            " Then /buy, or /snipe_enable; see /help."
        )

    async def help(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """What whoever asks may use: all of it by group, or one command as a whole."""
        if len(arguments) > 1:
            raise wrong_usage(command)
        rank = 0 if incoming.user is None else (await self.role_of(incoming.user.id)).rank
        mine = [entry for entry in COMMANDS if not entry.is_privileged or Role(entry.role).rank <= rank]
        return help_of(arguments[0], mine) if arguments else help_list(mine)

    async def wallet(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        positions = await self.store.open_positions(user.id)
        lines = []
        for wallet in await self.store.wallets(user.id):
            balances = await self.chain.balances(wallet.address)
            kept = kept_for_exits(sum(one.wallet_id == wallet.id for one in positions) + 1)
            lines.append(
                f"{mode_label(wallet.mode.value)} {wallet.name} {wallet.address}\n"
                f"balance {format_sol(balances.lamports)} SOL, kept for exits {format_sol(kept)} SOL,"
                f" tokens of {counted(len([raw for raw in balances.token_raw.values() if raw]), 'mint')}"
            )
        return "\n".join(lines)

    async def balance(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        lines = []
        for wallet in await self.store.wallets(user.id):
            held = {one.mint for one in await self.store.open_positions(user.id) if one.wallet_id == wallet.id}
            balances = await self.chain.balances(wallet.address)
            lines.append(
                f"{mode_label(wallet.mode.value)} {format_sol(balances.lamports)} SOL in {wallet.address} ({wallet.name})"
            )
            lines += [
                f"  {format_tokens(raw)} of {mint}{'' if mint in held else ELSEWHERE}"
                for mint, raw in sorted(balances.token_raw.items())
                if raw
            ]
        return "\n".join(lines)

    async def status(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        try:
            line = self.status_line(user.id, await self.closed_by_loss(user) or "")
            return f"{line}\n{await self._today(user)}"
        except StoreUnavailable as error:
            log.warning("command_unavailable", reason=str(error), key=incoming.key)
            line = self.status_line(user.id, "")
            return f"{line}\nToday's trades and your positions are not known: the database is away."

    async def _today(self, user: User) -> str:
        settings = await self.store.settings(user.id)
        since_ms = day_start_ms(day_of(self.clock.now_ms(), settings.timezone), settings.timezone)
        day = await self.store.day(since_ms, user.id, user.mode)
        sniper = "on" if settings.snipe_enabled else "off"
        return (
            f"{mode_label(user.mode.value)} today: {day.buys} buys, {day.sells} sells, {day.failed} failed,"
            f" result {format_sol(day.realized_lamports, signed=True)} SOL; sniper {sniper},"
            f" {counted(len(await self.store.open_positions(user.id)), 'open position')}"
        )

    async def snipe_enable(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        return await self._switch(incoming, arguments, command, on=True)

    async def snipe_disable(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        return await self._switch(incoming, arguments, command, on=False)

    async def _switch(self, incoming: Incoming, arguments: tuple[str, ...], command: Command, *, on: bool) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        settings = await self.store.change_settings(
            user.id, lambda stored: replace(stored, snipe_enabled=on), by=user.id
        )
        await self.snipers_changed(user.id)
        if not on:
            return "The sniper is off; open positions keep their exits."
        return (
            f"The sniper is on: up to {format_sol(settings.snipe_max_lamports)} SOL a token,"
            f" {settings.snipe_max_daily} a day, confidence from {settings.snipe_min_confidence_bps / 100:.0f} %."
        )
