"""The sections about watching the bot from outside: what monitoring asks, and who is told beside the operator's chat."""

from __future__ import annotations

from datetime import time as time_of_day
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bot.settings.section import SecretFile, Section
from bot.trading.limits import is_time_zone


def _read(value: object) -> object:
    """`HH:MM` as people write it; TOML has times of its own, which are taken too."""
    if isinstance(value, time_of_day):
        return value
    try:
        return time_of_day.fromisoformat(value) if isinstance(value, str) and len(value) == len("22:00") else _no_time()
    except ValueError:
        return _no_time()


def _no_time() -> object:
    raise PydanticCustomError("time_of_day", 'give a time of day as "22:00"')


TimeOfDay = Annotated[time_of_day, BeforeValidator(_read)]


class Web(Section):
    """With a `port` the bot answers monitoring on 127.0.0.1: /livez, /readyz and /metrics for Prometheus (docs/metrics.md).

    There is no password: every program of this machine may ask, and nothing there is about one user.
    """

    port: int | None = Field(default=None, ge=1, le=65_535)


class Alerts(Section):
    """Who hears of operators' alerts beside the console and `telegram.operator_chat_id`, and when nobody is woken.

    `webhook_url_file` holds an address in one line, to which alerts from `webhook_level` on are posted as JSON: `critical` needs
    somebody now, `warning` wants to be looked at, `info` is good to know. What has begun there ends there too. Between
    `quiet_from` and `quiet_until`, in `time_zone`, chat and webhook hear only what is critical, and the rest afterwards.

    `heartbeat_url_file` holds an address that is asked every `heartbeat_every_s` while the bot lives and its positions are
    watched, and not otherwise, so that a service there rings when it hears nothing. Both files are read again every second.
    """

    webhook_url_file: SecretFile | None = None
    webhook_level: Literal["info", "warning", "critical"] = "warning"
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    time_zone: str = Field(default="UTC", max_length=64)
    heartbeat_url_file: SecretFile | None = None
    heartbeat_every_s: int = Field(default=60, ge=10, le=3_600)

    @model_validator(mode="after")
    def _a_night_has_two_ends(self) -> Self:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise PydanticCustomError("quiet", "alerts.quiet_from and alerts.quiet_until belong together; give both")
        if self.quiet_from is not None and self.quiet_from == self.quiet_until:
            raise PydanticCustomError("quiet", "alerts.quiet_from and alerts.quiet_until are the same; change one")
        if not is_time_zone(self.time_zone):
            raise PydanticCustomError("zone", "alerts.time_zone is no time zone; write it like Europe/Berlin")
        return self


class Resources(Section):
    """What the process may use beyond what its service allows; docs/limits.md says what happens at each bound.

    From nine tenths of `memory_max_mb`, of the service's own bound (`MemoryMax`), of its file handles or of the monitors that
    supervision.toml allows, what buys by itself is paused; it goes on below eight tenths.
    """

    memory_max_mb: int | None = Field(default=None, ge=200, le=1_000_000)


class Backup(Section):
    """What `bot backup create` makes, and for how long it is kept (runbooks/backup.md).

    `key_file` holds the key of the backups, one line as a master key's and never the same: both together open the wallets. They
    are written into `folder`, left out `backups` in the data directory, which is on the disk that may be lost. `offsite` is a
    program that is started with each new file as its one argument and brings it somewhere else; it has `offsite_within_s`. All of
    the last `keep_hours` are kept, and of each day of the last `keep_days` the newest.

    With `archive` the bot keeps its own PostgreSQL's log there too: each segment, which ends `archive_every_s` after anything
    was written, and a base backup every `base_every_hours`, by itself. What the last `archive_days` need is kept. `offsite` is
    started with each of these files as well. A server that `database.url` names has an archive of its own.
    """

    key_file: SecretFile | None = None
    folder: Path | None = None
    offsite: Path | None = None
    offsite_within_s: int = Field(default=3_600, ge=1, le=86_400)
    keep_hours: int = Field(default=48, ge=1, le=8_760)
    keep_days: int = Field(default=30, ge=1, le=3_650)
    archive: bool = False
    archive_every_s: int = Field(default=60, ge=1, le=3_600)
    base_every_hours: int = Field(default=24, ge=1, le=720)
    archive_days: int = Field(default=7, ge=1, le=3_650)

    @model_validator(mode="after")
    def _an_archive_is_sealed(self) -> Self:
        if self.archive and self.key_file is None:
            raise PydanticCustomError(
                "archive", "backup.archive needs a key; give backup.key_file (runbooks/backup.md)"
            )
        return self
