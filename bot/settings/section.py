"""What every section of the settings file is, and the kinds of its amounts."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from bot.trading.units import LAMPORTS_PER_SOL

CREDENTIALS = "CREDENTIALS_DIRECTORY"

Sol = Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=9)]
SolOrNone = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=9)]
Percent = Annotated[Decimal, Field(ge=1, decimal_places=2)]
Slippage = Annotated[Decimal, Field(ge=Decimal("0.1"), le=95, decimal_places=2)]


def lamports(sol: Decimal) -> int:
    """Whole lamports of a settings value in SOL."""
    return int(sol * LAMPORTS_PER_SOL)


def basis_points(percent: Decimal) -> int:
    """Whole basis points of a settings value in percent."""
    return int(percent * 100)


def split(value: object) -> object:
    """A list as the environment gives it: one text with commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# People by their own ids, which are positive; the environment gives them with commas between.
TelegramId = Annotated[int, Field(gt=0, lt=2**53)]
TelegramIds = Annotated[tuple[TelegramId, ...], BeforeValidator(split), Field(max_length=10_000)]

# Addresses of tokens, each in base58; the environment gives them with commas between.
Mint = Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{32,44}$")]
# One that is named twice counts once.
Mints = Annotated[
    tuple[Mint, ...],
    BeforeValidator(split),
    Field(max_length=1_000),
    AfterValidator(lambda mints: tuple(dict.fromkeys(mints))),
]


def _among_credentials(value: Path, info: ValidationInfo) -> Path:
    """A bare name is that of a credential where systemd hands some over, `CREDENTIALS_DIRECTORY` of systemd.exec(5)."""
    folder = info.context.get(CREDENTIALS) if isinstance(info.context, dict) else None
    return Path(folder) / value if folder and len(value.parts) == 1 and not value.is_absolute() else value


SecretFile = Annotated[Path, AfterValidator(_among_credentials)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Python takes true for 1; a settings file does not."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is not bool:
            raise PydanticCustomError("no_truth", "true and false are no value for this key")
        return value
