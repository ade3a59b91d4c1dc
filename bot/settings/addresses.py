"""What the addresses in the settings cannot be, told by the key's name before anything starts, and never with the address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from bot.settings.sections import Settings
from bot.storage.address import url_fault

WEB: Final = ("http", "https")
SOCKET: Final = ("ws", "wss")

# Each key with an address or several, and the schemes of which it must have one.
_SCHEMES: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("rpc", "urls"): WEB,
    ("rpc", "ws_urls"): SOCKET,
    ("jupiter", "url"): WEB,
    ("dexscreener", "url"): WEB,
    ("birdeye", "url"): WEB,
    ("twitter", "url"): WEB,
    ("reddit", "url"): WEB,
    ("reddit", "token_url"): WEB,
    ("discord", "url"): WEB,
    ("coingecko", "url"): WEB,
    ("lunarcrush", "url"): WEB,
    ("helius", "url"): WEB,
    ("usd", "url"): WEB,
    ("tracking", "helius_url"): SOCKET,
    ("streams", "grpc_url"): WEB,
    ("streams", "pumpportal_url"): SOCKET,
    ("block_engine", "urls"): WEB,
    ("block_engine", "tip_floor_url"): WEB,
    ("telegram", "base_url"): WEB,
}
_NOT_IN_AN_ADDRESS: Final = re.compile(r"[\s\x00-\x1f\x7f]")


def address_faults(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path of each key with an address that cannot be one, and why; the address itself is in no fault."""
    for path, schemes in _SCHEMES.items():
        value = getattr(getattr(settings, path[0]), path[1])
        several = isinstance(value, tuple)
        for number, one in enumerate(value if several else (value,), start=1):
            if one is not None and (fault := _fault(_text(one), schemes)):
                yield path, f"{_which(path, number) if several else 'the address'} {fault}"
    url = settings.database.url
    if url is not None and (fault := url_fault(url.get_secret_value())):
        yield ("database", "url"), f"it {fault}"


def _which(path: tuple[str, str], number: int) -> str:
    return f"address {number} (rpc-{number})" if path[0] == "rpc" else f"address {number}"


def _text(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _fault(address: str, schemes: tuple[str, ...]) -> str:
    """What is wrong with an address, as the rest of a sentence; empty for one that may be meant."""
    if _NOT_IN_AN_ADDRESS.search(address):
        return "has a space or a line break in it"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return "cannot be read; look at its host"
    if parts.scheme not in schemes:
        return f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not host:
        return "names no host"
    try:
        port = parts.port
    except ValueError:
        return "has a port that is no number up to 65535"
    return "has port 0, where nothing can listen" if port == 0 else ""
