"""Records of drills: what was rehearsed on a scratch bot, when, and what was seen. A start of profile live reads them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec

from bot.errors import StartupError

FOLDER = "drills"
KILL_SWITCH, RESTORE, FAILOVER = "kill-switch", "restore", "failover"
KINDS = (KILL_SWITCH, RESTORE, FAILOVER)
# What has to be rehearsed before more money is at stake, and for how long a rehearsal counts.
DEMANDED = (KILL_SWITCH, RESTORE)
COUNTS_FOR = timedelta(days=30)


class Step(msgspec.Struct, frozen=True):
    """One thing that was done, what was seen of it, and how long that took."""

    did: str
    saw: str
    took_ms: int


class Drill(msgspec.Struct, frozen=True):
    """One drill from its beginning `at` to its end. `trouble` says why it was not passed, and is empty where it was.

    `profile` is that of the bot for which it was made: a drill of restoring looks at that bot's backups too.
    """

    kind: str
    profile: str
    at: Annotated[datetime, msgspec.Meta(tz=True)]
    took_ms: int
    steps: tuple[Step, ...]
    trouble: str = ""

    @property
    def passed(self) -> bool:
        return not self.trouble

    @property
    def line(self) -> str:
        """The drill in one line."""
        ended = "passed" if self.passed else f"not passed: {self.trouble}"
        when = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        return f"{when} {self.kind} for profile {self.profile}, {self.took_ms / 1000:.0f} s, {ended}"


def keep(directory: Path, drill: Drill) -> Path:
    """Write a record; its file. Raises StartupError. Whoever may look into the data directory may read it."""
    folder = directory / FOLDER
    file = folder / f"{drill.at:%Y%m%dT%H%M%SZ}-{drill.kind}.json"
    draft = folder / f".{file.name}.new"
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(drill)) + b"\n")
        draft.chmod(0o644)
        draft.replace(file)
    except OSError as error:
        raise StartupError(f"{folder}: the record cannot be written: {error.strerror}; mend the directory") from None
    return file


def kept(directory: Path) -> list[Drill]:
    """Every record that can be read, the newest first; one that cannot is no proof of anything and is left out."""
    found = []
    for file in (directory / FOLDER).glob("[0-9]*.json"):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Drill))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(found, key=lambda drill: drill.at, reverse=True)


def last_passed(drills: list[Drill], kind: str, profile: str) -> date | None:
    """The day (UTC) of the newest drill of a kind that was passed for a profile, None without one."""
    return max(
        (
            drill.at.astimezone(UTC).date()
            for drill in drills
            if drill.passed and (drill.kind, drill.profile) == (kind, profile)
        ),
        default=None,
    )


def missing(directory: Path, profile: str, today: date) -> list[str]:
    """What is demanded and was not passed in time, a sentence each with what to run; nothing where all was."""
    drills = kept(directory)
    return [
        f"no {kind} drill in the last {COUNTS_FOR.days} days ({found(last)}), run {command(kind, profile)}"
        for kind in DEMANDED
        if not is_fresh(last := last_passed(drills, kind, profile), today)
    ]


def is_fresh(passed_on: date | None, today: date) -> bool:
    """Whether a drill of that day still counts; a day that has not come counts for nothing."""
    return passed_on is not None and timedelta(0) <= today - passed_on <= COUNTS_FOR


def found(passed_on: date | None) -> str:
    """When the last one was passed, for people."""
    return "none is recorded" if passed_on is None else f"the last was passed on {passed_on.isoformat()}"


def command(kind: str, profile: str) -> str:
    """What to type for a drill."""
    return f"bot drill {kind} --profile {profile}"
