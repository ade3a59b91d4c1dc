"""Keys that a user takes out: asked for with a code, and sent a day later for another one, as a file with a code of its own."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock, rfc3339_s
from bot.commands import Command
from bot.errors import Conflict, KeyUnavailable
from bot.execution.export_messages import key_demanded_message, key_exported_message
from bot.ports import Document, KeyExport, NoteKind, SealedNote, Store, User, Vault, Wallet
from bot.telegram.chat import Answer, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.handlers.security import NO_CODES, code_in, refused_by_vault
from bot.telegram.handlers.withdraw import LIVE, named_wallet
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.intent import Mode
from bot.trading.units import span

CANCEL = "cancel"
CODE_LOST = (
    "The code of that file is not said, so that nothing opens it. /export_keys says whether the key can be taken again, with"
    " another code."
)


@dataclass(frozen=True, slots=True)
class ExportHandlers:
    """`/export_keys`. Neither a key nor what opens its file is kept here, logged, or part of an error."""

    store: Store
    vault: Vault
    clock: Clock

    async def export_keys(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str | Answer:
        user = known(incoming)
        wallets = [one for one in await self.store.wallets(user.id) if one.mode is Mode.LIVE]
        if not wallets:
            raise UsageError("you have no wallet that holds more than play money, whose key would be of use to you")
        match [arguments[0].lower() if arguments else "", *arguments[1:]]:
            case [""]:
                return await self._listed(user, wallets, command)
            case ["cancel"]:
                return await self._cancel(user)
            case [code, *named] if len(named) <= 1:
                return await self._asked(user, named_wallet(wallets, named), code_in(code, command), command)
            case _:
                raise wrong_usage(command)

    async def _listed(self, user: User, wallets: list[Wallet], command: Command) -> str:
        names = {one.id: one.name for one in wallets}
        lines = []
        for row in await self.store.key_exports(user.id):
            if row.exported_at_ms is not None:
                lines.append(f"{names[row.wallet_id]}: its key was taken out at {rfc3339_s(row.exported_at_ms)}")
            if row.is_open and self._left_ms(row) > 0:
                lines.append(f"{names[row.wallet_id]}: {self._when(row, command)}")
        return "\n".join(
            [
                f"{LIVE} Whoever has the key of a wallet has all that is in it, now and later. Your keys stay here unless you"
                " take one out.",
                *lines,
                f"/{command.name} CODE [WALLET] asks for one with a code of your second factor. You are told at once, and a while"
                " later the same with another code sends it as a file, whose own code follows in a message that is deleted"
                f" after a minute. /{command.name} {CANCEL} takes back what you have asked for.",
            ]
        )

    def _left_ms(self, row: KeyExport) -> int:
        return row.not_after_ms - self.clock.now_ms()

    def _when(self, row: KeyExport, command: Command) -> str:
        wait_ms, left = row.not_before_ms - self.clock.now_ms(), span(self._left_ms(row) / 1000)
        if wait_ms > 0:
            return f"its key can be taken in {span(wait_ms / 1000)}; /{command.name} {CANCEL} takes that back"
        return f"its key can be taken for another {left}, with /{command.name} CODE; /{command.name} {CANCEL} takes that back"

    async def _cancel(self, user: User) -> str:
        """The vault first: what it has forgotten nobody brings back, whatever becomes of the rows."""
        rows = [row for row in await self.store.key_exports(user.id) if row.is_open]
        try:
            await self.vault.take_back_exports(user.id)
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None
        for row in rows:
            await self.store.cancel_export(user.id, row.id, self.clock.now_ms())
        return (
            f"{LIVE} No key is handed out any more of those that you had asked for until now, and no code that was not said yet:"
            " a file whose code you have not seen stays closed."
        )

    async def _asked(self, user: User, wallet: Wallet, code: str, command: Command) -> str | Answer:
        rows = await self.store.key_exports(user.id)
        row = next((one for one in rows if one.wallet_id == wallet.id and one.is_open and self._left_ms(one) > 0), None)
        if row is not None and row.not_before_ms > self.clock.now_ms():
            raise UsageError(f"you have asked for that already: {self._when(row, command)}")
        notes = await self.store.notes(user.id)
        current = notes.get(NoteKind.CODE)
        if current is None:
            raise UsageError(NO_CODES)
        try:
            if row is None:
                return await self._demand(wallet, current, code, command)
            if (demand := notes.get(row.note)) is None:
                await self.store.cancel_export(user.id, row.id, self.clock.now_ms())
                raise UsageError("that was taken back; ask for the key anew")
            return await self._hand_out(wallet, row, demand, current, code)
        except KeyUnavailable as error:
            raise refused_by_vault(error) from None

    async def _demand(self, wallet: Wallet, current: SealedNote, code: str, command: Command) -> str:
        key = await self.store.sealed_key(wallet.id)
        wish = await self.vault.demand_export(wallet, key, current, code)
        now_ms = self.clock.now_ms()
        row = KeyExport(self.clock.new_id(), wallet.user_id, wallet.id, wish.not_before_ms, wish.not_after_ms)
        message = key_demanded_message(self.clock, wallet, row)
        try:
            await self.store.demand_export(
                row, {row.note: wish.note, NoteKind.CODE.value: wish.current}, message, now_ms
            )
        except Conflict:
            raise UsageError("you have asked for that already") from None
        delay, counts = (span(ms / 1000) for ms in (row.not_before_ms - now_ms, row.not_after_ms - row.not_before_ms))
        return (
            f"{LIVE} You have asked for the key of {wallet.name}. In {delay} /{command.name} with another code sends it, for"
            f" {counts}. /{command.name} {CANCEL} takes that back."
        )

    async def _hand_out(
        self, wallet: Wallet, row: KeyExport, demand: SealedNote, current: SealedNote, code: str
    ) -> Answer:
        """The rows say that it left before it does. What opens the file is asked for once the file is in the chat."""
        key = await self.store.sealed_key(wallet.id)
        given = await self.vault.export_key(wallet, key, demand, current, code)
        now_ms = self.clock.now_ms()
        told = key_exported_message(self.clock, wallet, row, now_ms)
        await self.store.mark_exported(wallet.user_id, row.id, {NoteKind.CODE.value: given.current}, told, now_ms)

        async def opens() -> str:
            try:
                return await self.vault.page_code(wallet.user_id, given.unlock)
            except KeyUnavailable:
                return CODE_LOST

        text = (
            f"{LIVE} Below is the key of {wallet.name} as a file, and below that the code that opens it, in a message that I"
            " delete after a minute: write it down at once, and not beside the file. Open the file in a browser, offline if you"
            " can. Whoever has both has all the money of this wallet, now and later; move what you want to keep."
        )
        return Answer(text, document=Document(f"key-{wallet.address[:8]}.html", given.page), secret=opens)
