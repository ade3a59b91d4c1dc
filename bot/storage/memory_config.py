"""The in-memory twin of the versions of the program's settings."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.errors import Conflict
from bot.ports import ConfigVersion
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import CONFIG_CHANGED, config_facts, storable


class MemoryConfigs(MemoryTables):
    """Implements `ConfigStore`."""

    async def config_version(self, number: int | None = None) -> ConfigVersion | None:
        await trio.lowlevel.checkpoint()
        wanted = len(self._configs) if number is None else number
        return self._configs[wanted - 1] if 1 <= wanted <= len(self._configs) else None

    async def config_versions(self, limit: int) -> list[ConfigVersion]:
        await trio.lowlevel.checkpoint()
        return self._configs[::-1][:limit]

    async def save_config(self, version: ConfigVersion) -> None:
        await trio.lowlevel.checkpoint()
        if version.number != len(self._configs) + 1:
            raise Conflict(f"version {version.number} of the settings is not the next one: somebody else changed them")
        self._configs.append(replace(version, by=storable(version.by), why=storable(version.why)))
        self._put_audit(version.by, CONFIG_CHANGED, config_facts(version), version.at_ms)
