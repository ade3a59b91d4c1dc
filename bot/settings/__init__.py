"""The settings file, read and refused whole: unknown keys, wrong types and impossible values, each with its place.

Files are boot defaults (D-17). Every key can be given as `BOT_SECTION__KEY` in the environment, which wins over the
file. A secret is named by its file or variable and never printed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from bot.errors import StartupError
from bot.settings.addresses import address_faults
from bot.settings.environment import KNOWN_NAMES, KnownName, read_environment, without_effect
from bot.settings.operations import Alerts, Backup, Resources, Web
from bot.settings.places import fault_lines, lines_of, locate, place_of, toml_place
from bot.settings.providers import BlockEngine, Helius, Jupiter, Rpc, RpcEndpoint, Streams, Tracking, Usd
from bot.settings.rpc_endpoints import endpoint_count, endpoint_faults
from bot.settings.section import CREDENTIALS, basis_points, lamports
from bot.settings.sections import (
    Database,
    Demo,
    Localnet,
    Logs,
    Model,
    NewUsers,
    Paper,
    PriceHistory,
    Recorder,
    Roles,
    Settings,
    Telegram,
    Trading,
    Vault,
    Wallets,
)

__all__ = [
    "KNOWN_NAMES",
    "Alerts",
    "Backup",
    "BlockEngine",
    "Database",
    "Demo",
    "Helius",
    "Jupiter",
    "KnownName",
    "Localnet",
    "Logs",
    "Model",
    "NewUsers",
    "Paper",
    "PriceHistory",
    "Recorder",
    "Resources",
    "Roles",
    "Rpc",
    "RpcEndpoint",
    "Settings",
    "Streams",
    "Telegram",
    "Tracking",
    "Trading",
    "Usd",
    "Vault",
    "Wallets",
    "Web",
    "basis_points",
    "endpoint_faults",
    "lamports",
    "load",
    "locate",
    "without_effect",
]


FILE_BYTES_MAX = 1 << 20


def load(file: Path | None, environment: Mapping[str, str] = os.environ, *, profile: str = "local") -> Settings:
    """Read a settings file (None: defaults) and the environment, for a profile: which RPC endpoints there are is its.

    Raises StartupError with one line per fault, `file:line:column: key: what is wrong`.
    """
    text, name = "", "environment"
    if file is not None:
        name = file.name
        if file.exists() and not file.is_file():  # opening a pipe would wait for who writes into it
            raise StartupError(f"{file}: the settings file cannot be read: it is no regular file; check --config")
        try:
            if (size := file.stat().st_size) > FILE_BYTES_MAX:
                raise StartupError(
                    f"{file}: the settings file has {size} bytes, and {FILE_BYTES_MAX} at most; check it"
                )
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StartupError(f"{file}: no such settings file; check --config") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            cure = "let the bot's user read it" if isinstance(error, PermissionError) else "check --config"
            raise StartupError(f"{file}: the settings file cannot be read: {reason}; {cure}") from None
    try:
        tree: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{toml_place(name, text, str(error))}") from None
    overlay = read_environment(environment)
    overlay.hold_against(tree, name)
    try:
        settings = Settings.model_validate(
            _merged(tree, overlay.tree), context={CREDENTIALS: environment.get(CREDENTIALS)}
        )
    except ValidationError as error:
        raise StartupError("\n".join(fault_lines(name, text, overlay.variables, error))) from None
    if faults := [*address_faults(settings), *endpoint_faults(settings.rpc, endpoint_count(settings, profile))]:
        raise StartupError("\n".join(lines_of(name, text, overlay.variables, faults)))
    _refuse_trades_of_no_size(settings.trading, partial(place_of, name, text, overlay.variables))
    return settings


def _refuse_trades_of_no_size(trading: Trading, place: Callable[[tuple[str, str]], str]) -> None:
    """Raise StartupError where the least amount of a buy is above the most: nobody could buy anything."""
    least, most = trading.min_trade_sol, trading.max_trade_sol
    if least > most:
        raise StartupError(
            f"{place(('trading', 'max_trade_sol'))}: trading.max_trade_sol = {most} is below trading.min_trade_sol = {least}"
            f" ({place(('trading', 'min_trade_sol'))}): nobody could buy; change one of them"
        )


def _merged(tree: Mapping[str, object], overlay: Mapping[str, object]) -> dict[str, object]:
    merged = dict(tree)
    for section, values in overlay.items():
        mine = merged.get(section)
        merged[section] = {**mine, **values} if isinstance(mine, dict) and isinstance(values, dict) else values
    return merged
