"""The keys of providers that the settings name files for: read before anything starts, and again when a file changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot import settings
from bot.chain.key_file import LOOK_EVERY_S, Key, KeyFile, keep


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """`endpoints` has one entry for each RPC endpoint of the settings; None is for what needs no key."""

    endpoints: tuple[KeyFile | None, ...] = ()
    engine: KeyFile | None = None
    router: KeyFile | None = None

    def of_endpoint(self, place: int) -> Key | None:
        """The key of the endpoint at this place of the settings, from 0."""
        return _text(self._file(place))

    @property
    def of_engine(self) -> Key | None:
        return _text(self.engine)

    @property
    def of_router(self) -> Key | None:
        return _text(self.router)

    def note(self, place: int) -> Callable[[], str]:
        """What there is to say of the file of an endpoint's key, empty while it is read."""
        file = self._file(place)
        return (lambda: "") if file is None else (lambda: file.trouble)

    def tell(self, place: int, changed: Callable[[], None]) -> None:
        """Call this after each change of an endpoint's key."""
        if (file := self._file(place)) is not None:
            file.tell(changed)

    async def keep(self, every_s: float = LOOK_EVERY_S) -> None:
        """Look at all files so often until cancelled; returns at once where there are none."""
        await keep([file for file in (*self.endpoints, self.engine, self.router) if file is not None], every_s)

    def _file(self, place: int) -> KeyFile | None:
        return self.endpoints[place] if place < len(self.endpoints) else None


def read_keys(chosen: settings.Settings, *, is_local: bool) -> ApiKeys:
    """All keys of the settings; those of RPC endpoints are of no use on the local chain.

    Raises StartupError for a file that holds no key.
    """
    files = {one.name: one.key_file for one in chosen.rpc.endpoints if not is_local and one.key_file is not None}
    names = [f"rpc-{place}" for place in range(1, len(chosen.rpc.urls) + 1)]
    engine, router = chosen.block_engine.key_file, chosen.jupiter.key_file
    return ApiKeys(
        tuple(KeyFile(files[name], f"key_file of {name}") if name in files else None for name in names),
        None if engine is None else KeyFile(engine, "block_engine.key_file"),
        None if router is None else KeyFile(router, "jupiter.key_file"),
    )


def _text(file: KeyFile | None) -> Key | None:
    return None if file is None else file.text
