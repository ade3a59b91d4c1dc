"""The settings file, read and refused whole: unknown keys, wrong types and impossible values, each with its place.

Files are boot defaults (D-17). Every key can be given as `BOT_SECTION__KEY` in the environment, which wins over the
file. A secret is named by its file or variable and never printed.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from bot.errors import StartupError
from bot.trading.units import LAMPORTS_PER_SOL

# Names that earlier bots of this family used (S0, S4), and the keys that they mean here. Trade and position size are two
# limits (D-13): neither stands in for the other.
OLD_NAMES = {
    "DATABASE_URL": ("database", "url"),
    "MAX_TRADE_SIZE_SOL": ("trading", "max_trade_sol"),
    "MAX_POSITION_SIZE_SOL": ("trading", "max_position_sol"),
}
PRIVATE_KEY = "WALLET_PRIVATE_KEY"

Sol = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)]


def lamports(sol: Decimal) -> int:
    """Whole lamports of a settings value in SOL."""
    return int(sol * LAMPORTS_PER_SOL)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes true for 1; a settings file does not."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise PydanticCustomError("no_truth", "true and false are no value for this key")
        return value


class Database(Section):
    """`url` is a PostgreSQL URL; without one the embedded server in the data directory is used. `DATABASE_URL` is read too."""

    url: SecretStr | None = None


class Wallets(Section):
    """`master_key_file` holds one line, `key-id:base64 of 32 bytes`, readable by its owner alone."""

    master_key_file: Path | None = None


class Trading(Section):
    """Ceilings for everybody, and how orders are sent."""

    max_trade_sol: Sol = Decimal(1)
    max_position_sol: Sol = Decimal(1)
    max_open_positions: int = Field(default=50, ge=1, le=10_000)
    priority_fee_lamports: int = Field(default=50_000, ge=0, le=10_000_000)
    price_max_age_s: float = Field(default=3.0, gt=0, le=60)
    observe_s: float = Field(default=6.0, gt=0, le=300)
    confirm_interval_s: float = Field(default=0.3, gt=0, le=10)
    resend_interval_s: float = Field(default=2.0, gt=0, le=60)
    audit_interval_s: float = Field(default=30.0, gt=0, le=3600)
    probe_interval_s: float = Field(default=1.0, gt=0, le=60)


class Levels(Section):
    """The failure policy: how long a service must be well before entries open, and how long an outage may last.

    A missing `rpc_critical_s` means 30 s in profile local and 120 s elsewhere.
    """

    dwell_s: float = Field(default=15.0, gt=0, le=600)
    rpc_critical_s: float | None = Field(default=None, gt=0)
    database_critical_s: float = Field(default=1_800.0, gt=0)


class Telegram(Section):
    """The bot's token, in a file of one line or in TELEGRAM_BOT_TOKEN; without one the chat is on the console alone."""

    token_file: Path | None = None
    base_url: str = "https://api.telegram.org/bot"


class Localnet(Section):
    """The local chain of profile `local`. Port 0 means: choose a free one. A seed makes its market repeatable."""

    port: int = Field(default=0, ge=0, le=65_520)
    endpoints: int = Field(default=2, ge=1, le=8)
    seed: int = Field(default=1, ge=0)
    slot_ms: int = Field(default=400, ge=20, le=5_000)
    demo_fund_sol: Sol = Decimal(10)


class Demo(Section):
    """The demo users of profile `local`."""

    users: int = Field(default=2, ge=0, le=1_000)
    snipe_sol: Sol = Decimal("0.1")
    take_profit_percent: Decimal = Field(default=Decimal(20), gt=0, le=10_000)
    stop_loss_percent: Decimal = Field(default=Decimal(10), gt=0, le=100)
    slippage_percent: Decimal = Field(default=Decimal(15), gt=0, le=100)
    max_hold_s: int = Field(default=45, ge=1, le=86_400)
    snipe_max_daily: int = Field(default=500, ge=1)


class Logs(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    database: Database = Database()
    wallets: Wallets = Wallets()
    trading: Trading = Trading()
    levels: Levels = Levels()
    telegram: Telegram = Telegram()
    localnet: Localnet = Localnet()
    demo: Demo = Demo()
    logs: Logs = Logs()


def load(file: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read a settings file (None: defaults) and the environment.

    Raises StartupError with one line per fault, `file:line:column: key: what is wrong`.
    """
    text, name = "", "environment"
    if file is not None:
        name = file.name
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StartupError(f"{file}: no such settings file; check --config") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise StartupError(f"{file}: the settings file cannot be read: {reason}; check --config") from None
    try:
        tree: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{_toml_place(name, text, str(error))}; nothing was started") from None
    overlay = _from_environment(environment)
    try:
        return Settings.model_validate(_merged(tree, overlay))
    except ValidationError as error:
        raise StartupError("\n".join(_fault_lines(name, text, overlay, error))) from None


def _toml_place(name: str, text: str, message: str) -> str:
    """Tomllib says `(at line 3, column 7)` at the end, or `(at end of document)`."""
    if found := re.search(r"\s*\(at line (\d+), column (\d+)\)$", message):
        return f"{name}:{found[1]}:{found[2]}: not valid TOML: {message[: found.start()]}"
    return f"{name}:{len(text.splitlines()) or 1}:1: not valid TOML: {message.removesuffix(' (at end of document)')}, at the end"


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    if PRIVATE_KEY in environment:
        raise StartupError(
            f"environment: {PRIVATE_KEY} is refused: a key in the environment is read by every child process and its"
            " owner's shell history; unset it, and move that wallet's money to a wallet that the bot makes"
        )
    tree: dict[str, object] = {}
    for variable, value in environment.items():
        section, separator, key = variable.removeprefix("BOT_").partition("__")
        if variable.startswith("BOT_") and separator:
            part = tree.setdefault(section.lower(), {})
            assert isinstance(part, dict)
            part[key.lower()] = value
    for old, (section, key) in OLD_NAMES.items():
        if given := environment.get(old):
            part = tree.setdefault(section, {})
            assert isinstance(part, dict)
            if part.setdefault(key, given) != given:
                raise StartupError(
                    f"environment: {old} and BOT_{section.upper()}__{key.upper()} say different things; keep one of them"
                )
    return tree


def _merged(tree: Mapping[str, object], overlay: Mapping[str, object]) -> dict[str, object]:
    merged = dict(tree)
    for section, values in overlay.items():
        mine = merged.get(section)
        merged[section] = {**mine, **values} if isinstance(mine, dict) and isinstance(values, dict) else values
    return merged


def _fault_lines(name: str, text: str, overlay: Mapping[str, object], error: ValidationError) -> list[str]:
    """One line per fault, those of the file in its order first, then those of the environment."""
    lines: list[tuple[tuple[int, int], str]] = []
    for fault in error.errors():
        path = tuple(str(part) for part in fault["loc"])
        place = None if _holds(overlay, path) else locate(text, path)
        where = f"{name}:{place[0]}:{place[1]}" if place else f"environment BOT_{'__'.join(path).upper()}"
        lines.append((place or (sys.maxsize, 0), f"{where}: {'.'.join(path)}: {_message(path, fault)}"))
    return [line for _, line in sorted(lines)]


def _holds(tree: Mapping[str, object], path: tuple[str, ...]) -> bool:
    """Whether the value at `path` comes from this tree."""
    here: object = tree
    for part in path:
        if not isinstance(here, Mapping) or part not in here:
            return False
        here = here[part]
    return True


def _message(path: tuple[str, ...], fault: ErrorDetails) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "unknown key" + _near_miss(path)
        case "model_type":
            return f"this is a table; write [{path[-1]}] and its keys below it"
        case _:
            return fault["msg"]


def _near_miss(path: tuple[str, ...]) -> str:
    fields: Mapping[str, object] = Settings.model_fields
    if len(path) > 1 and isinstance(part := Settings.model_fields.get(path[0]), object) and part is not None:
        section = part.annotation
        fields = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
    close = difflib.get_close_matches(path[-1], fields, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}"


def locate(text: str, path: tuple[str, ...]) -> tuple[int, int] | None:
    """Line and column, from 1, of the deepest part of `path` that stands in a TOML text of tables and plain keys."""
    table: tuple[str, ...] = ()
    best: tuple[int, int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            here, column = table, line.index("[") + 1
        elif key := re.match(r"\s*([A-Za-z0-9_\-.\"']+)\s*=", line):
            here = table + tuple(part.strip("\"'") for part in key[1].split("."))
            column = key.start(1) + 1
        else:
            continue
        if path[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number, column)
    return None if best is None else (best[1], best[2])
