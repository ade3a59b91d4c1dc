"""Messages that no handler finished: what they were, why, after how many attempts, and how they are sent once more."""

from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

LetterReason = Literal["handler_failed", "poison", "stopped", "mailbox_full"]

LETTERS_KEPT: Final = 1000
"""Dead letters kept per supervisor; older ones are counted and forgotten."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that was not handled.

    `number` identifies it for a replay, `child` is the id of the address, `at` is trio's clock in seconds, `stack` the
    traceback of the last attempt as text. `handler_failed`: the one attempt raised. `poison`: so did every redelivery.
    `stopped`: the address ended first. `mailbox_full`: a newer message pushed it out.
    """

    number: int
    child: str
    message: object
    reason: LetterReason
    attempts: int
    at: float
    stack: str = ""


class DeadLetters:
    """The dead letters of one supervisor, the newest LETTERS_KEPT of them."""

    __slots__ = ("_letters", "total")

    def __init__(self) -> None:
        self._letters: deque[DeadLetter] = deque()
        self.total = 0

    def add(self, child: str, message: object, *, reason: LetterReason, attempts: int, at: float, stack: str) -> None:
        """Keep one message; the oldest goes when there are too many."""
        self.total += 1
        if len(self._letters) >= LETTERS_KEPT:
            self._letters.popleft()
        self._letters.append(DeadLetter(self.total, child, message, reason, attempts, at, stack))

    def find(self, number: int) -> DeadLetter | None:
        """Return the letter of that number, None when it is not (or no longer) kept."""
        return next((letter for letter in self._letters if letter.number == number), None)

    def forget(self, letter: DeadLetter) -> None:
        """Remove a letter that was dealt with; the total still counts it."""
        self._letters.remove(letter)

    def list(self) -> tuple[DeadLetter, ...]:
        """Return the kept letters, oldest first."""
        return tuple(self._letters)
