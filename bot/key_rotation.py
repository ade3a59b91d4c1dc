"""`bot keys`: which master keys wallets and notes are sealed under, and their rotation to the newest while everything goes on.

Each row says itself under which key it is sealed, and is replaced in one statement: a rotation that was ended at any point goes
on where it was. Orders sign meanwhile, by the old row or by the new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from bot.errors import KeyUnavailable
from bot.key_age import KeyAge
from bot.ports import NoteRow, Store, Vault, Wallet, kind_of
from bot.trading.units import counted

log = structlog.get_logger()

AT_ONCE = 50  # rows of one answer, so that whoever asks sees it go on
NOTES = "notes:"  # where a rotation goes on behind the wallets, and how many notes it left as they are

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeyRotation:
    """What the vault holds, held against what the rows say."""

    store: Store
    vault: Vault
    age: KeyAge

    async def show(self) -> Record:
        """The newest key, and how many wallets are sealed under each."""
        newest, *former = await self.vault.key_ids()
        sealed, notes = await self.store.sealed_under(), await self.store.notes_under()
        since = self.age.since(newest)
        old = ", which is long: SECURITY.md says how to change it" if self.age.is_old(newest) else ""
        lines = [
            f"new wallets are sealed under master key {newest}",
            f"it is in use since {since.isoformat()}, {counted(self.age.days(newest), 'day')}{old}",
        ]
        lines += [f"{counted(count, 'wallet')} under {key_id}" for key_id, count in sorted(sealed.items())]
        lines += [f"{counted(count, 'note')} of users under {key_id}" for key_id, count in sorted(notes.items())]
        lines += [
            f"no wallet under {key_id}: it is needed for backups alone"
            for key_id in former
            if key_id not in {*sealed, *notes}
        ]
        if {*sealed, *notes} - {newest}:
            lines.append("bot keys rotate seals all of them under the newest")
        told = {"newest": newest, "since": since.isoformat(), "days": self.age.days(newest)}
        return {"text": "\n".join(lines), **told, "wallets": sealed, "notes": notes}

    async def rotate(self, after: str) -> Record:
        """Seal some more wallets under the newest key, in the order of their ids behind `after`.

        `after` of the answer is where to go on, None at the end; behind the wallets come the notes. What does not open is left
        as it is and counted. `done` are wallets.
        """
        newest = (await self.vault.key_ids())[0]
        if after.startswith(NOTES):
            return await self._rotate_notes(newest, int(after.removeprefix(NOTES)))
        wallets = await self.store.wallets_not_under(newest, after, AT_ONCE)
        done = failed = 0
        for wallet in wallets:
            try:
                done += await self._sealed_anew(wallet)
            except KeyUnavailable as error:
                failed += 1
                log.error("wallet_not_sealed_anew", wallet=wallet.id, reason=str(error))
        if done:
            log.info("wallets_sealed_anew", master_key=newest, count=done)
        after = wallets[-1].id if wallets else f"{NOTES}0"
        return {"done": done, "notes": 0, "failed": failed, "after": after, "newest": newest}

    async def _rotate_notes(self, newest: str, besides: int) -> Record:
        """The same for some more notes behind those `besides` that do not open."""
        rows = await self.store.notes_not_under(newest, AT_ONCE, besides)
        done = failed = 0
        for row in rows:
            try:
                done += await self._note_sealed_anew(row)
            except (KeyUnavailable, ValueError) as error:
                failed += 1
                log.error("note_not_sealed_anew", user=row.user_id, note=row.name, reason=str(error))
        return {
            "done": 0,
            "notes": done,
            "failed": failed,
            "after": f"{NOTES}{besides + failed}" if rows else None,
            "newest": newest,
        }

    async def _note_sealed_anew(self, row: NoteRow) -> bool:
        """False where the row has changed meanwhile."""
        return await self.store.replace_note(row, await self.vault.renew_note(row.user_id, kind_of(row.name), row.note))

    async def _sealed_anew(self, wallet: Wallet) -> bool:
        """False where the row has changed meanwhile. A row that does not open again never takes the place of one that does."""
        before = await self.store.sealed_key(wallet.id)
        after = await self.vault.seal_anew(wallet, before)
        await self.vault.check_key(wallet, after)
        return await self.store.replace_key(wallet.id, before, after)
