"""What an operator must hear of the backups that the bot keeps by itself, and of the disk that they and the books are on."""

from __future__ import annotations

from dataclasses import dataclass

from bot.execution.alerts import Alert, Turn
from bot.trading.runbooks import BACKUP, DISK_FULL

ARCHIVE, BACKUP_AGE, DISK = "backup_archive", "backup_age", "disk"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, in the words that follow the alert's own."""

    why: str
    urgent: bool = False


_BEGINS = {
    ARCHIVE: (
        "The archive of the database's log stands still ({why}): what is written now is lost with this disk. Trading is not"
        " touched; the log grows on this disk until it is taken over.",
        BACKUP,
    ),
    BACKUP_AGE: ("No base backup was taken for twice as long as one is due ({why}). Trading is not touched.", BACKUP),
    DISK: (
        "The disk fills up ({why}). A full one takes the database away; exits go on from memory then, and nothing is bought.",
        DISK_FULL,
    ),
}
_ENDS = {
    ARCHIVE: "The archive of the database's log goes on.",
    BACKUP_AGE: "A base backup was taken again.",
    DISK: "The disk has room again.",
}


def begins(key: str, trouble: Trouble) -> Alert:
    """Something is wrong with the backups or the disk."""
    text, page = _BEGINS[key]
    return Alert(key, text.format(why=trouble.why), page, Turn.BEGINS, urgent=trouble.urgent)


def is_over(key: str) -> Alert:
    """It is well again."""
    return Alert(key, _ENDS[key], _BEGINS[key][1], Turn.ENDS)
