"""How long the master key has been in use, by the days on which a data directory first met each, and who hears that it is old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import msgspec
import structlog
import trio

from bot.clock import Clock, day_of
from bot.errors import BotError, StartupError
from bot.execution.alerts import Alert
from bot.execution.vault_alerts import master_key_old
from bot.ports import Vault
from bot.vault.master_key import LOCAL_PREFIX

log = structlog.get_logger()

KEYS_FILE = "master_keys.json"
OLD = timedelta(days=90)  # a key is changed every quarter
REMIND_EVERY = timedelta(days=7)
LOOK_EVERY_S = 3_600.0


class _Days(msgspec.Struct, forbid_unknown_fields=True):
    """`met` is the first day (UTC) of each key by its id, `reminded` the day on which operators were told last."""

    met: dict[str, date] = {}
    reminded: date | None = None


@dataclass(frozen=True, slots=True)
class KeyAge:
    """The days of master keys in a file of a data directory: ids and days, nothing that opens anything.

    A credential's own date says nothing, because a service manager writes it anew with each start. Where the file is lost, days
    begin with the next look.
    """

    directory: Path
    clock: Clock

    def since(self, key_id: str) -> date:
        """The day on which this key was first in use here; today, which is noted, where it never was. Raises StartupError."""
        days = self._read()
        if key_id not in days.met:
            days.met[key_id] = self._today()
            self._write(days)
        return days.met[key_id]

    def days(self, key_id: str) -> int:
        """For how many days it has been in use; raises StartupError."""
        return max(0, (self._today() - self.since(key_id)).days)

    def is_old(self, key_id: str) -> bool:
        """Whether it should be changed; one of profile local guards play money."""
        return not key_id.startswith(LOCAL_PREFIX) and timedelta(days=self.days(key_id)) >= OLD

    def reminder(self, key_id: str) -> Alert | None:
        """What operators are to be told now, once a week while the key is old; raises StartupError."""
        if not self.is_old(key_id):
            return None
        days, today = self._read(), self._today()
        if days.reminded is not None and timedelta(0) <= today - days.reminded < REMIND_EVERY:
            return None
        days.reminded = today
        self._write(days)
        return master_key_old(key_id, self.since(key_id).isoformat(), self.days(key_id))

    def _today(self) -> date:
        return date.fromisoformat(day_of(self.clock.now_ms()))

    @property
    def _file(self) -> Path:
        return self.directory / KEYS_FILE

    def _read(self) -> _Days:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Days)
        except FileNotFoundError:
            return _Days()
        except (OSError, msgspec.DecodeError) as error:
            raise StartupError(
                f"{self._file}: cannot be read as the days of master keys: {error}; repair or remove it"
            ) from None

    def _write(self, days: _Days) -> None:
        draft = self._file.with_name(f".{self._file.name}.new")
        try:
            draft.write_bytes(msgspec.json.encode(days) + b"\n")
            draft.replace(self._file)
        except OSError as error:
            raise StartupError(f"{self._file}: cannot be written: {error.strerror}; make room") from None


async def keep_reminding(age: KeyAge, vault: Vault, alert: Callable[[Alert], None]) -> None:
    """Look every hour, until cancelled. Nothing that goes wrong here is worth more than a line in the log."""
    while True:
        try:
            newest = (await vault.key_ids())[0]
            reminder = age.reminder(newest)
        except BotError as error:
            log.warning("master_key_age_unknown", reason=str(error))
        else:
            if reminder is not None:
                alert(reminder)
        await trio.sleep(LOOK_EVERY_S)
