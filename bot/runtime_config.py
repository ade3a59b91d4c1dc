"""Settings that operators change while the bot runs (D-17): versioned and audited in the database, validated whole, taken back.

The file and the environment are what a start begins with; what the newest version says stands above them, over restarts too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock
from bot.errors import Conflict, StartupError
from bot.ports import ConfigStore, ConfigVersion
from bot.refusal import CannotError
from bot.settings import Settings
from bot.settings.runtime import FILE, RUNTIME, NotForNowError, differences, value_of, with_values

log = structlog.get_logger()

HISTORY_SHOWN = 50
FILE_CHANGED = "the settings file was changed"  # why there is a version that nobody gave a verb for

Apply = Callable[[Settings], None]


@dataclass(slots=True)
class RuntimeConfig:
    """The settings in force, and their only writer. `started` is what file and environment said at the start.

    `base` is what they say now, `values` what stands above them. `apply` makes new settings count. `trouble` says why the file is
    not taken as it is now, and `waiting` are its keys that count from the next start on.
    """

    store: ConfigStore
    clock: Clock
    started: Settings
    base: Settings = field(init=False)
    current: Settings = field(init=False)
    number: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    apply: Apply = field(default=lambda _: None)
    trouble: str = ""
    waiting: tuple[str, ...] = ()
    _turn: trio.Lock = field(default_factory=trio.Lock)

    def __post_init__(self) -> None:
        self.base = self.current = self.started

    def __repr__(self) -> str:
        return f"<RuntimeConfig version={self.number} keys={len(self.values)}>"

    async def load(self) -> Settings:
        """What an earlier life was told still holds. Raises StartupError where it does not fit the file, StoreUnavailable."""
        newest = await self.store.config_version()
        if newest is not None:
            self.number, self.values = newest.number, newest.values
            try:
                self.current = with_values(self.base, self.started, self.values)
            except NotForNowError as error:
                raise StartupError(
                    f"version {newest.number} of the settings, by {newest.by}, does not fit the settings file; change the file so"
                    f" that it does:\n{error}"
                ) from None
        return self.current

    async def set(self, wanted: Mapping[str, str], by: str, why: str) -> ConfigVersion:
        """Change some keys, all or none; the value `file` gives a key back to the file. Raises CannotError, StoreUnavailable."""
        async with self._turn:
            if wrong := [key for key in wanted if key not in RUNTIME]:
                self._checked({key: wanted[key] for key in wrong})
            kept = {key: text for key, text in self.values.items() if key not in wanted}
            return await self._become({**kept, **{k: text for k, text in wanted.items() if text != FILE}}, by, why)

    async def rollback(self, number: int | None, by: str, why: str) -> ConfigVersion:
        """Let hold what held after that version, 0 for none; without a number what held before the newest."""
        async with self._turn:
            wanted = self.number - 1 if number is None else number
            if not 0 <= wanted < self.number:
                raise CannotError(f"there is no earlier version {wanted}; bot config history has them")
            before = None if wanted == 0 else await self.store.config_version(wanted)
            values: Mapping[str, str] = {} if before is None else before.values
            if values == self.values:
                await self._refuse_to_undo_file(wanted)
            return await self._become(values, by, why or f"back to version {wanted}")

    async def _refuse_to_undo_file(self, wanted: int) -> None:
        """Raise CannotError where all that changed since a version was the settings file."""
        since = [one for one in await self.store.config_versions(HISTORY_SHOWN) if one.number > wanted]
        by_file = [one for one in since if one.why == FILE_CHANGED]
        if not by_file:
            return
        keys = sorted({key for one in by_file for key in one.changed})
        raise CannotError(
            f"since version {wanted} {by_file[0].by} itself was changed ({', '.join(keys)}), and no verb takes a file back:"
            " write it as bot config history shows it was, or set those keys above it with bot config set; nothing was changed"
        )

    async def take_file(self, read: Settings, name: str) -> ConfigVersion | None:
        """The file says something else now; what was changed at runtime stands above it. None where nothing that counts changed.

        Raises CannotError where it cannot hold with what stands above it, and then the file counts as before.
        """
        async with self._turn:
            before, self.base = self.base, read
            try:
                if not differences(self.current, self._checked(self.values)):
                    return None
                return await self._become(self.values, name, FILE_CHANGED)
            except BaseException:
                self.base = before
                raise

    async def _become(self, values: Mapping[str, str], by: str, why: str) -> ConfigVersion:
        """First the row, then what counts: a life that ends in between begins with it."""
        after = self._checked(values)
        changed = differences(self.current, after)
        plain = {key: value_of(after, key) for key in values}
        if not changed and plain == self.values:
            raise CannotError("that is how it is already; nothing was changed")
        version = ConfigVersion(self.number + 1, self.clock.now_ms(), by, why, plain, changed)
        try:
            await self.store.save_config(version)
        except Conflict as error:
            raise CannotError(str(error)) from None
        self.number, self.values, self.current = version.number, plain, after
        self.apply(after)
        log.warning("config_changed", version=version.number, by=by, why=why, changed=changed)
        return version

    def _checked(self, values: Mapping[str, str]) -> Settings:
        try:
            return with_values(self.base, self.started, values)
        except NotForNowError as error:
            raise CannotError(f"{error}\nnothing was changed") from None


async def loaded_config(store: ConfigStore, clock: Clock, started: Settings) -> RuntimeConfig:
    """The settings of a start with what was changed in an earlier life; raises as `RuntimeConfig.load`."""
    config = RuntimeConfig(store, clock, started)
    await config.load()
    return config
