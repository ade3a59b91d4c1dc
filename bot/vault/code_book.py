"""What the vault itself remembers of each user: his secret, the code that was used, what was wrong, what he took back or froze.

It does not lie with the bot, because whoever could put an old row back would use a code twice, guess for ever, or begin anew
with a secret of his own. A line is on the disk before its answer is given; of a user the last line counts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from bot.clock import Clock
from bot.errors import CodeRefused
from bot.trading.units import span
from bot.vault import totp
from bot.vault.lines import Lines

FAILURES_MAX = 5  # wrong codes in a row; then a pause, which doubles with each five more
PAUSE_MS = 15 * 60_000
PAUSE_MAX_MS = 24 * 3_600_000
USERS_MAX = 100_000


class Remembered(msgspec.Struct, frozen=True):
    """One user's line. `secret_id` is empty where none is in force; `failures` are wrong codes in a row.

    No export of a key counts that was asked for at `exports_void_ms` or before. `frozen` are the addresses of his wallets for
    which nothing is signed.
    """

    user_id: str
    secret_id: str = ""
    step: int = 0
    failures: int = 0
    closed_until_ms: int = 0
    exports_void_ms: int = -1
    frozen: tuple[str, ...] = ()


class CodeBook:
    """Takes each code once. Without a path it remembers for as long as it lives."""

    def __init__(self, clock: Clock, path: Path | None = None) -> None:
        """Raises StartupError for a file that cannot be used."""
        self._clock = clock
        self._users = Lines(path, Remembered, lambda line: line.user_id)

    def __repr__(self) -> str:
        return f"<CodeBook users={len(self._users)}>"

    def in_force(self, user_id: str) -> str | None:
        """The id of the secret whose codes count, None where none is known."""
        known = self._users.of(user_id)
        return known.secret_id or None if known is not None else None

    def take(self, user_id: str, secret_id: str, secret: bytes, code: str, used_step: int = 0) -> int:
        """The step of a right code, which puts its secret in force and is never taken again; raises CodeRefused.

        `used_step` is the last one that its note knows of.
        """
        known, now_ms = self._users.of(user_id) or Remembered(user_id), self._clock.now_ms()
        if now_ms < known.closed_until_ms:
            left = span((known.closed_until_ms - now_ms) / 1000)
            raise CodeRefused(f"too many wrong codes; none is taken for {left}")
        step = totp.step_of(secret, code, now_ms)
        if step is None:
            self._keep(_failed(known, now_ms))
            raise CodeRefused("that code is wrong; take the one that your authenticator shows now")
        if step <= max(used_step, known.step if known.secret_id == secret_id else 0):
            raise CodeRefused("that code was used already; wait for the next one")
        right = msgspec.structs.replace(known, secret_id=secret_id, step=step, failures=0, closed_until_ms=0)
        self._keep(right)
        return step

    def exports_void_ms(self, user_id: str) -> int:
        """The moment until which exports of keys were taken back, -1 where none were."""
        return (self._users.of(user_id) or Remembered(user_id)).exports_void_ms

    def is_frozen(self, user_id: str, address: str) -> bool:
        """Whether nothing is signed for a wallet of this user."""
        known = self._users.of(user_id)
        return known is not None and address in known.frozen

    def freeze(self, user_id: str, address: str) -> None:
        """Let nothing be signed for a wallet until it is thawed; raises CodeRefused where the disk takes nothing."""
        known = self._users.of(user_id) or Remembered(user_id)
        if address not in known.frozen:
            self._keep(msgspec.structs.replace(known, frozen=(*known.frozen, address)))

    def thaw(self, user_id: str, address: str) -> None:
        """Let it sign again; whoever asks has seen a code. Raises CodeRefused where the disk takes nothing."""
        known = self._users.of(user_id) or Remembered(user_id)
        if address in known.frozen:
            self._keep(msgspec.structs.replace(known, frozen=tuple(one for one in known.frozen if one != address)))

    def take_back_exports(self, user_id: str) -> None:
        """Exports that were asked for until now count no more; raises CodeRefused where the disk takes nothing."""
        known = self._users.of(user_id) or Remembered(user_id)
        self._keep(msgspec.structs.replace(known, exports_void_ms=self._clock.now_ms()))

    def _keep(self, line: Remembered) -> None:
        """On the disk first. Raises CodeRefused where that takes none, and nothing has changed."""
        if line.user_id not in self._users and len(self._users) >= USERS_MAX:
            raise CodeRefused("the vault remembers no more users; tell whoever runs this bot")
        try:
            self._users.keep(line)
        except OSError as error:
            raise CodeRefused(f"the vault's disk takes nothing ({error.strerror}); try again shortly") from None


def _failed(known: Remembered, now_ms: int) -> Remembered:
    failures = known.failures + 1
    rounds, rest = divmod(failures, FAILURES_MAX)
    pause_ms = 0 if rest else min(PAUSE_MAX_MS, PAUSE_MS << min(rounds - 1, 10))
    return msgspec.structs.replace(known, failures=failures, closed_until_ms=now_ms + pause_ms)
