"""`bot keys import`: takes over the wallets of an earlier bot, which lie under a Fernet key that the vault alone reads.

Each becomes the wallet of a user of his own, who is asked for his consent before he can do anything. A wallet that is here
already is left alone, so that an import which was ended goes on by the same verb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.clock import Clock
from bot.errors import BotError, Conflict
from bot.ports import Store, User, Vault, Wallet
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings

log = structlog.get_logger()

NO_CONSENT = ""  # to no text of ours: it is asked for at the first word
TOKEN_CHARS_MAX = 1_000

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WalletImport:
    """`mode` is that of the profile's new users, `newcomer` what they start with, `admits` whether somebody may be one."""

    store: Store
    vault: Vault
    clock: Clock
    mode: Mode
    newcomer: UserSettings
    admits: Callable[[int], bool]

    async def take(self, lines: Sequence[str]) -> Record:
        """Import some lines of `telegram id,address,token`; the answer counts them and says what was wrong with the others."""
        taken = known = 0
        refused: list[str] = []
        for line in lines:
            try:
                is_new = await self.one(line)
            except (BotError, ValueError, LookupError) as error:
                refused.append(f"{line[:60].rpartition(',')[0]}: {error}")
                continue
            taken, known = taken + is_new, known + (not is_new)
        return {"taken": taken, "known": known, "refused": refused}

    async def one(self, line: str, *, dry: bool = False) -> bool:
        """False for a wallet that is here already; raises BotError and ValueError. `dry` writes nothing."""
        parts = [part.strip() for part in line.split(",")]
        if len(parts) != 3 or not parts[0].isdecimal() or len(parts[2]) > TOKEN_CHARS_MAX:
            raise ValueError("a line is a Telegram id, an address and a token, with commas between")
        telegram_id, address = int(parts[0]), parts[1]
        user = await self.store.user_by_telegram_id(telegram_id)
        if user is not None:
            if any(wallet.address == address for wallet in await self.store.wallets(user.id)):
                return False
            raise Conflict("this Telegram id has another wallet here; it keeps that one")
        if not self.admits(telegram_id):
            raise Conflict("this Telegram id is not among telegram.allowed_ids")
        user = User(self.clock.new_id(), f"tg-{telegram_id}", telegram_id, self.mode, NO_CONSENT)
        wallet = Wallet(self.clock.new_id(), user.id, address, self.mode)
        key = await self.vault.adopt(user.id, address, parts[2].encode())
        await self.vault.check_key(wallet, key)
        if dry:
            return True
        if not await self.store.create_user(user, wallet, key, self.newcomer):
            raise Conflict(f"the handle {user.handle} is somebody else's")
        log.info("wallet_imported", user=user.id, wallet=wallet.id, address=address)
        return True
