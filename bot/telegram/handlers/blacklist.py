"""What a user wants no signal of, kept with his settings, so that each change of it is audited as theirs are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.commands import Command
from bot.ports import Store
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.blacklist import ENTRIES_MAX, entry_of
from bot.trading.limits import UserSettings
from bot.trading.units import AmountError

ADD, REMOVE = "add", "remove"


@dataclass(frozen=True, slots=True)
class BlacklistHandlers:
    """`/blacklist`."""

    store: Store

    async def blacklist(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        user = known(incoming)
        if not arguments:
            return _shown((await self.store.settings(user.id)).blacklist, command)
        if len(arguments) != 2 or arguments[0].lower() not in {ADD, REMOVE}:
            raise wrong_usage(command)
        adds = arguments[0].lower() == ADD
        try:
            entry = entry_of(arguments[1])
        except AmountError as error:
            raise UsageError(str(error)) from None
        before = (await self.store.settings(user.id)).blacklist
        if adds and entry not in before and len(before) >= ENTRIES_MAX:
            raise UsageError(
                f"your blacklist has {ENTRIES_MAX} entries; take one out with /{command.name} {REMOVE} first"
            )
        if adds is (entry in before):
            return (
                f"{entry} is {'on your blacklist already' if adds else 'not on your blacklist'}; nothing was changed."
            )

        def change(stored: UserSettings) -> UserSettings:
            kept = tuple(one for one in stored.blacklist if one != entry)
            return replace(stored, blacklist=(*kept, entry)[-ENTRIES_MAX:] if adds else kept)

        changed = await self.store.change_settings(user.id, change, by=user.id)
        now = "Your sniper neither buys nor tells of it from now on" if adds else "It counts as any other token again"
        return f"{now}; your blacklist has {len(changed.blacklist)} of {ENTRIES_MAX} entries. It does not keep you from /buy."


def _shown(entries: tuple[str, ...], command: Command) -> str:
    usage = f"/{command.name} {ADD} takes the address of a token or of its creator, or a word of a name; {REMOVE} takes it out."
    if not entries:
        return f"Your blacklist is empty. {usage}"
    return "\n".join(["Your sniper neither buys nor tells of:", *(f"  {entry}" for entry in entries), usage])
