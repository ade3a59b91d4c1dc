"""The keys of providers that the settings name files for: read before anything starts, and again when a file changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bot import settings
from bot.chain.key_file import LOOK_EVERY_S, Key, KeyFile, keep
from bot.errors import StartupError
from bot.web.outgoing import address_fault

# Services beside the RPC endpoints, each by the key of the settings that names its file.
ENGINE: Final = "block_engine.key_file"
ROUTER: Final = "jupiter.key_file"
TELLER: Final = "birdeye.key_file"
FEE_HINTS: Final = "helius.key_file"
GRPC: Final = "streams.grpc_token_file"
PORTAL: Final = "streams.pumpportal_key_file"
WALLET_HINTS: Final = "tracking.helius_key_file"
DOLLARS: Final = "usd.key_file"
TWITTER: Final = "twitter.key_file"
REDDIT: Final = "reddit.key_file"
DISCORD: Final = "discord.key_file"
COINGECKO: Final = "coingecko.key_file"
LUNARCRUSH: Final = "lunarcrush.key_file"
TELEGRAM: Final = "telegram.token_file"
WEBHOOK: Final = "alerts.webhook_url_file"
HEARTBEAT: Final = "alerts.heartbeat_url_file"
PEOPLE: Final = (TWITTER, REDDIT, DISCORD, COINGECKO, LUNARCRUSH)
ADDRESSES: Final = (WEBHOOK, HEARTBEAT)
SERVICES: Final = (
    ENGINE,
    ROUTER,
    TELLER,
    FEE_HINTS,
    GRPC,
    PORTAL,
    WALLET_HINTS,
    DOLLARS,
    *PEOPLE,
    TELEGRAM,
    *ADDRESSES,
)

_TOKEN = re.compile(r"(?P<bot>[0-9]+):[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """`endpoints` has one entry for each RPC endpoint of the settings, None for one that needs no key; `services` the others."""

    endpoints: tuple[KeyFile | None, ...] = ()
    services: Mapping[str, KeyFile] = field(default_factory=dict)

    def of_endpoint(self, place: int) -> Key | None:
        """The key of the endpoint at this place of the settings, from 0."""
        return _text(self._file(place))

    def of_service(self, setting: str) -> Key | None:
        """The key in the file that this setting names; None where it names none."""
        return _text(self.services.get(setting))

    def note(self, place: int) -> Callable[[], str]:
        """What there is to say of the file of an endpoint's key, empty while it is read."""
        file = self._file(place)
        return (lambda: "") if file is None else (lambda: file.trouble)

    def tell(self, place: int, changed: Callable[[], None]) -> None:
        """Call this after each change of an endpoint's key."""
        if (file := self._file(place)) is not None:
            file.tell(changed)

    def tell_service(self, setting: str, changed: Callable[[], None]) -> None:
        """Call this after each change of the key that this setting names."""
        if (file := self.services.get(setting)) is not None:
            file.tell(changed)

    def troubles(self) -> dict[str, str]:
        """What is wrong with files of keys now, by the setting that names each; nothing of their content."""
        files = [*(file for file in self.endpoints if file is not None), *self.services.values()]
        return {file.setting: file.trouble for file in files if file.trouble}

    async def keep(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look at all files so often until cancelled; returns at once where there are none."""
        await keep([*(file for file in self.endpoints if file is not None), *self.services.values()], every_s)

    def _file(self, place: int) -> KeyFile | None:
        return self.endpoints[place] if place < len(self.endpoints) else None


def read_keys(chosen: settings.Settings, *, is_local: bool) -> ApiKeys:
    """All keys of the settings; those of RPC endpoints are of no use on the local chain.

    Raises StartupError for a file that holds no key.
    """
    files = {one.name: one.key_file for one in chosen.rpc.endpoints if not is_local and one.key_file is not None}
    names = [f"rpc-{place}" for place in range(1, len(chosen.rpc.urls) + 1)]
    return ApiKeys(
        tuple(KeyFile(files[name], f"key_file of {name}") if name in files else None for name in names),
        {setting: _key_file(path, setting) for setting in SERVICES if (path := _named(chosen, setting)) is not None},
    )


def _named(chosen: settings.Settings, setting: str) -> Path | None:
    section, _, name = setting.partition(".")
    path: Path | None = getattr(getattr(chosen, section), name)
    return path


def _key_file(path: Path, setting: str) -> KeyFile:
    if setting not in ADDRESSES:
        return KeyFile(path, setting, _of_another_bot if setting == TELEGRAM else None)
    file = KeyFile(path, setting, _no_address)
    if fault := address_fault(file.text()):
        raise StartupError(f"{setting}: {path} {fault}; put the address there, alone on one line")
    return file


def _no_address(_: str, now: str) -> str:
    """Why an address does not take the place of the one before."""
    fault = address_fault(now)
    return f"it {fault}" if fault else ""


def _of_another_bot(before: str, now: str) -> str:
    """Why a token of Telegram does not take the place of another one: nobody has ever written to another bot."""
    known, given = _TOKEN.fullmatch(before), _TOKEN.fullmatch(now)
    is_the_same = known is not None and given is not None and known["bot"] == given["bot"]
    return "" if is_the_same else "it holds no token of this bot"


def _text(file: KeyFile | None) -> Key | None:
    return None if file is None else file.text
