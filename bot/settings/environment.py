"""What the environment says: `BOT_SECTION__KEY` for every key, and the names that earlier bots of this family used.

One table holds all of those names (S0, S4). None is ignored in silence: it sets a key, is refused, or is named at start
as having no effect. Their values are never repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from bot.errors import StartupError

Path = tuple[str, str]


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name of the environment. `key` is the section and key that it sets; `note` says what it means, or why nothing.

    One without a key is read elsewhere when `has_effect`, and else does nothing in this version.
    """

    name: str
    note: str
    key: Path | None = None
    has_effect: bool = True


_ENDPOINTS = "rpc.urls names the endpoints of profile paper; profile local asks its own chain alone"
KNOWN_NAMES = (
    KnownName("DATABASE_URL", "the PostgreSQL server; without one the bot runs its own", ("database", "url")),
    KnownName(
        "MAX_TRADE_SIZE_SOL",
        "the most that anybody's buy spends; also where new users start",
        ("trading", "max_trade_sol"),
    ),
    KnownName(
        "MAX_POSITION_SIZE_SOL",
        "the most that anybody has in one token, a limit of its own beside the size of a trade",
        ("trading", "max_position_sol"),
    ),
    KnownName(
        "MAX_DAILY_LOSS_SOL",
        "nobody's entries go on after this loss in a day; also where new users start",
        ("trading", "max_daily_loss_sol"),
    ),
    KnownName(
        "DAILY_LOSS_LIMIT_SOL",
        "the older name of MAX_DAILY_LOSS_SOL, with its meaning",
        ("trading", "max_daily_loss_sol"),
    ),
    KnownName("STOP_LOSS_PERCENTAGE", "the stop-loss that new users start with", ("new_users", "stop_loss_percent")),
    KnownName(
        "TAKE_PROFIT_PERCENTAGE", "the take-profit that new users start with", ("new_users", "take_profit_percent")
    ),
    KnownName("TELEGRAM_BOT_TOKEN", "the token from BotFather; telegram.token_file holds it more safely"),
    KnownName(
        "ADMIN_CHAT_ID",
        "the chat that an operator's alerts go to; where it is a person's own chat, he is an operator",
        ("telegram", "operator_chat_id"),
    ),
    KnownName(
        "SOLANA_RPC_URL",
        "rpc.urls names the endpoints of profile paper; profile local asks its own chain alone",
        has_effect=False,
    ),
    KnownName(
        "HELIUS_API_KEY",
        "rpc.urls names the endpoints of profile paper; profile local asks its own chain alone",
        has_effect=False,
    ),
    KnownName(
        "WALLET_ENCRYPTION_KEY",
        "keys lie under the master key of wallets.master_key_file; for bot keys import put it into a file that"
        " wallets.fernet_key_file names",
        has_effect=False,
    ),
    KnownName(
        "TWITTER_API_KEY", "an app reads posts by its bearer token, which twitter.key_file holds", has_effect=False
    ),
    KnownName("TWITTER_BEARER_TOKEN", "put it into a file that twitter.key_file names", has_effect=False),
    KnownName("REDDIT_CLIENT_ID", "reddit.client_id takes it, and reddit.key_file its secret", has_effect=False),
    KnownName("DISCORD_TOKEN", "put it into a file that discord.key_file names", has_effect=False),
)
PRIVATE_KEY = "WALLET_PRIVATE_KEY"


@dataclass(slots=True)
class Overlay:
    """What the environment sets: values as a tree of sections, and which variable set each."""

    tree: dict[str, object] = field(default_factory=dict)
    variables: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, variable: str, value: str) -> None:
        """Set a key; raises StartupError when another variable set it to something else."""
        part = self.tree.setdefault(path[0], {})
        assert isinstance(part, dict)
        if path in self.variables and not same(part[path[1]], value):
            raise _differ(variable, self.variables[path])
        part.setdefault(path[1], value)
        self.variables.setdefault(path, variable)

    def hold_against(self, file_tree: Mapping[str, object], file_name: str) -> None:
        """Raise StartupError when an earlier bot's name and the settings file set one key differently.

        `BOT_SECTION__KEY` is the file's own override and wins; a name that somebody forgot in a script must not.
        """
        for (section, key), variable in self.variables.items():
            mine = file_tree.get(section)
            if variable.startswith("BOT_") or not isinstance(mine, Mapping) or key not in mine:
                continue
            if not same(mine[key], self._value(section, key)):
                raise _differ(variable, f"{section}.{key} in {file_name}")

    def _value(self, section: str, key: str) -> object:
        part = self.tree[section]
        assert isinstance(part, dict)
        return part[key]


def read_environment(environment: Mapping[str, str]) -> Overlay:
    """The keys that the environment sets. Raises StartupError for a private key, and for names that contradict."""
    if PRIVATE_KEY in environment:
        raise StartupError(
            f"environment: {PRIVATE_KEY} is refused: a key in the environment is read by every child process and its"
            " owner's shell history; unset it, and move that wallet's money to a wallet that the bot makes"
        )
    overlay = Overlay()
    for variable, value in environment.items():
        section, separator, key = variable.removeprefix("BOT_").partition("__")
        if variable.startswith("BOT_") and separator:
            overlay.put((section.lower(), key.lower()), variable, value)
    for known in KNOWN_NAMES:
        if known.key is not None and (given := environment.get(known.name)):
            overlay.put(known.key, known.name, given)
    return overlay


def without_effect(environment: Mapping[str, str]) -> Iterator[str]:
    """One line for each name that is set and does nothing here; never its value."""
    for known in KNOWN_NAMES:
        if not known.has_effect and environment.get(known.name):
            yield f"environment: {known.name} has no effect: {known.note}"


def same(one: object, other: object) -> bool:
    """Whether two values mean the same; `5` and `5.0` do."""
    if str(one) == str(other):
        return True
    try:
        return Decimal(str(one)) == Decimal(str(other))
    except InvalidOperation:
        return False


def _differ(one: str, other: str) -> StartupError:
    return StartupError(f"environment: {one} and {other} say different things; keep one of them")
