"""What a token's maker called it. It proves nothing: anybody can take any name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenMetadata:
    """Name, symbol and the address of a description, as they stand on the chain; show them through a door's own escape."""

    name: str
    symbol: str
    uri: str
