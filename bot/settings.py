"""The settings file, read and refused whole: unknown keys, wrong types and impossible values, each with its place.

Files are boot defaults (D-17). Every key can be given as `BOT_SECTION__KEY` in the environment, which wins over the
file. A secret is named by its file or variable and never printed.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from bot.errors import StartupError
from bot.trading.units import LAMPORTS_PER_SOL

Sol = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)]


def lamports(sol: Decimal) -> int:
    """Whole lamports of a settings value in SOL."""
    return int(sol * LAMPORTS_PER_SOL)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Localnet(Section):
    """The local chain of profile `local`. Port 0 means: choose a free one. A seed makes its market repeatable."""

    port: int = Field(default=0, ge=0, le=65_534)
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
            raise StartupError(f"{file}: cannot be read as text: {error}") from None
    try:
        tree: dict[str, object] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{_toml_place(name, text, str(error))}; nothing was started") from None
    try:
        overlay = _from_environment(environment)
        return Settings.model_validate(_merged(tree, overlay))
    except ValidationError as error:
        lines = [_fault_line(name, text, tuple(fault["loc"]), fault["type"], fault["msg"]) for fault in error.errors()]
        raise StartupError("\n".join(lines)) from None


def _toml_place(name: str, text: str, message: str) -> str:
    """Tomllib says `(at line 3, column 7)` at the end, or `(at end of document)`."""
    if found := re.search(r"\s*\(at line (\d+), column (\d+)\)$", message):
        return f"{name}:{found[1]}:{found[2]}: not valid TOML: {message[: found.start()]}"
    return f"{name}:{len(text.splitlines()) or 1}:1: not valid TOML: {message.removesuffix(' (at end of document)')}, at the end"


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for variable, value in environment.items():
        section, separator, key = variable.removeprefix("BOT_").partition("__")
        if variable.startswith("BOT_") and separator:
            part = tree.setdefault(section.lower(), {})
            assert isinstance(part, dict)
            part[key.lower()] = value
    if url := environment.get("DATABASE_URL"):
        part = tree.setdefault("database", {})
        assert isinstance(part, dict)
        part.setdefault("url", url)
    return tree


def _merged(tree: Mapping[str, object], overlay: Mapping[str, object]) -> dict[str, object]:
    merged = dict(tree)
    for section, values in overlay.items():
        mine = merged.get(section)
        merged[section] = {**mine, **values} if isinstance(mine, dict) and isinstance(values, dict) else values
    return merged


def _fault_line(name: str, text: str, path: tuple[int | str, ...], kind: str, message: str) -> str:
    dotted = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        message = "unknown key" + _near_miss(path)
    place = locate(text, path)
    where = f"{name}:{place[0]}:{place[1]}" if place else f"environment BOT_{'__'.join(str(p).upper() for p in path)}"
    return f"{where}: {dotted}: {message}"


def _near_miss(path: tuple[int | str, ...]) -> str:
    fields: Mapping[str, object] = Settings.model_fields
    if len(path) > 1 and isinstance(part := Settings.model_fields.get(str(path[0])), object) and part is not None:
        section = part.annotation
        fields = section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
    close = difflib.get_close_matches(str(path[-1]), fields, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known here: {', '.join(fields)}"


def locate(text: str, path: tuple[int | str, ...]) -> tuple[int, int] | None:
    """Line and column, from 1, of the deepest part of `path` that stands in a TOML text of tables and plain keys."""
    table: tuple[str, ...] = ()
    wanted = tuple(str(part) for part in path)
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
        if wanted[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number, column)
    return None if best is None else (best[1], best[2])
