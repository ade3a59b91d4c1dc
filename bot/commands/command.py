"""What a chat command is: its name, arguments, role, group and words. The table of all is `bot/commands/`."""

from __future__ import annotations

from dataclasses import dataclass

ANYONE = "anyone"
USER = "user"

# The groups of /help, in its order.
START, TRADE, POSITIONS = "Start", "Trade", "Positions"
TOKENS, SNIPER, WALLETS, BOT = "Tokens", "Sniper and followed wallets", "Wallets and keys", "The bot"
PEOPLE = "Other people"
GROUPS = (START, TRADE, POSITIONS, TOKENS, SNIPER, PEOPLE, WALLETS, BOT)


@dataclass(frozen=True, slots=True)
class Command:
    """One chat command. `arguments` is its usage after the name; `role` is who may use it.

    `brief` is its line in the list of all commands, below the heading `group`; `help` and `examples` are for who asks about it.

    That is `anyone`, every `user`, or users from a role on, named as in bot/trading/roles.py.

    `enters_with` is the number of arguments from which on it buys or lets something buy, None for one that never does:
    such a command is not done when it arrives late. An `urgent` one waits for no other command of its user, and takes
    those that would enter back. `credits` are about the requests that it costs the endpoints, of which each user has so many a
    minute; what sells, or shows what can be sold, costs none.
    """

    name: str
    arguments: str
    help: str
    group: str
    brief: str
    examples: tuple[str, ...]
    role: str = USER
    aliases: tuple[str, ...] = ()
    enters_with: int | None = None
    urgent: bool = False
    credits: int = 0

    @property
    def usage(self) -> str:
        """How it is typed."""
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def is_privileged(self) -> bool:
        """Whether being a user is not enough for it."""
        return self.role not in {ANYONE, USER}
