"""Writes docs/settings.md from the tables of the code: `python -m tests.settings.settings_page > docs/settings.md`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import get_args

from pydantic import BaseModel, SecretStr

from bot.settings import KNOWN_NAMES, Settings
from bot.settings.environment import PRIVATE_KEY
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.setting import Setting
from bot.trading.settings_table import SETTINGS, value_of

OPERATORS_KEY = {
    "max_trade_lamports": "trading.max_trade_sol",
    "max_position_lamports": "trading.max_position_sol",
    "max_daily_loss_lamports": "trading.max_daily_loss_sol",
    "max_open_positions": "trading.max_open_positions",
    "max_slippage_bps": "trading.max_slippage_percent",
    "max_priority_fee_lamports": "trading.max_priority_fee_lamports",
    "max_tip_lamports": "trading.max_tip_lamports",
    "min_curve_lamports": "trading.min_curve_sol",
    "always_check_tokens": "trading.always_check_tokens",
    "flatten_at_loss_bps": "trading.flatten_at_loss_percent",
}

HEAD = """# Settings

Written by `python -m tests.settings.settings_page` from the tables in the code; a test holds it against them.

## What a user changes by /settings

Limits of the operator stand over the user's own: the least of both counts, and for what must be there the greatest.
/settings says where the operator's counts. `use_stop_loss` and `use_take_profit` of earlier bots are `stop_loss` and
`take_profit` here, switched off by `off`. Their `min_liquidity_usd` and `snipe_min_liquidity` counted dollars of a pool,
which no fresh launch has; `min_liquidity` and `snipe_liquidity` count SOL in the curve. Their `snipe_min_confidence` of
0.65 is a `snipe_confidence` of 65 %. The snipes of a day are counted from a user's orders, so that nothing has to be reset
at midnight.
"""

FILE = """
## The settings file

TOML, by `bot run --config FILE` or as `bot.toml` in the data directory. Each key can be given in the environment as
`BOT_SECTION__KEY`, which wins over the file. What is wrong in it stops the start, each fault with its place.
"""

NAMES = f"""
## Names of the environment

Earlier bots of this family used these. One that contradicts the file, `BOT_SECTION__KEY` or its other name stops the
start. One without an effect is named at start, never with its value. `{PRIVATE_KEY}` stops the start.
"""


def page() -> str:
    """The whole text."""
    return "\n".join([HEAD, *_user_rows(), FILE, *_file_rows(), NAMES, *_name_rows()]) + "\n"


def _user_rows() -> Iterator[str]:
    yield "| name | what it is | default | from, to | the operator's limit | earlier names |"
    yield "|---|---|---|---|---|---|"
    for row in SETTINGS:
        default = row.format(value_of(UserSettings(), row))
        earlier = ", ".join(f"`{name}`" for name in row.was)
        yield f"| `{row.name}` | {row.help} | {default} | {row.bounds} | {_operator(row)} | {earlier} |"


def _operator(row: Setting) -> str:
    field = row.ceiling or row.floor
    if not field:
        return ""
    limit = getattr(Ceilings(), field)
    return f"`{OPERATORS_KEY[field]}`, {row.format(limit)}"


def _file_rows() -> Iterator[str]:
    for name, section in Settings.model_fields.items():
        model = section.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        yield from _section_rows(f"[{name}]", model)
        for key, field in model.model_fields.items():
            for part in get_args(field.annotation):
                if isinstance(part, type) and issubclass(part, BaseModel):
                    yield from _section_rows(f"[[{name}.{key}]]", part)


def _section_rows(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"### {title}\n"
    if model.__doc__ and model.__doc__ is not BaseModel.__doc__:
        yield "\n".join(line.strip() for line in model.__doc__.strip().splitlines()) + "\n"
    yield "| key | default |"
    yield "|---|---|"
    for key, field in model.model_fields.items():
        yield f"| `{key}` | {'must be given' if field.is_required() else _shown(field.default)} |"
    yield ""


def _shown(value: object) -> str:
    if value is None or isinstance(value, SecretStr):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _name_rows() -> Iterator[str]:
    yield "| name | sets | meaning |"
    yield "|---|---|---|"
    for known in KNOWN_NAMES:
        sets = f"`{'.'.join(known.key)}`" if known.key else ("" if known.has_effect else "nothing")
        yield f"| `{known.name}` | {sets} | {known.note} |"


if __name__ == "__main__":
    print(page(), end="")
