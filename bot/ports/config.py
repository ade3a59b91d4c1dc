"""Settings of the program that were changed while it ran, each change a version that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One change. `number` counts from 1 without gaps; `values` are all keys that are not as the file has them from then on.

    `changed` has each key whose value became another with what it was and what it is. Values are texts as people type them.
    """

    number: int
    at_ms: int
    by: str
    why: str
    values: Mapping[str, str]
    changed: Mapping[str, tuple[str, str]]


class ConfigStore(Protocol):
    async def config_version(self, number: int | None = None) -> ConfigVersion | None:
        """The version of this number, without one the newest; None where there is none."""

    async def config_versions(self, limit: int) -> list[ConfigVersion]:
        """The newest ones, newest first."""

    async def save_config(self, version: ConfigVersion) -> None:
        """Keep a version and write it into the audit. Raises Conflict unless its number is the next one."""
