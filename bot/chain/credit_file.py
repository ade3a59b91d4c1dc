"""The credits that each endpoint has used this month, in a small file, so that a restart does not forget them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import structlog
import trio

log = structlog.get_logger()


class Used(msgspec.Struct, frozen=True):
    """What one endpoint was asked in a month such as `2026-11` (UTC)."""

    month: str
    requests: int


_used = msgspec.json.Decoder(dict[str, Used])


class CreditFile:
    """Counts by the endpoint's name. It holds no address and no key; a file that cannot be read counts from zero."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Used]:
        """The counts as they were saved last; none where there is no file, or none that can be read, which is told."""
        try:
            return _used.decode(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            log.warning("credits_not_read", file=self._path.name, reason=type(error).__name__)
            return {}

    async def save(self, used: dict[str, Used]) -> None:
        """Write the counts whole; one that cannot be written is told and costs nothing else."""
        new = trio.Path(self._path.with_suffix(".new"))
        try:
            await new.write_bytes(msgspec.json.encode(used))
            await new.replace(self._path)
        except OSError as error:
            log.warning("credits_not_kept", file=self._path.name, reason=error.strerror)
