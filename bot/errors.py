"""The errors that cross rooms, named by who must act. A message is one line: what is wrong, where, what to do."""

from __future__ import annotations


class BotError(Exception):
    """Base of every error that this program raises on purpose."""


class StartupError(BotError):
    """A precondition of the bot does not hold; the operator must act. The command line prints it and exits with 1."""


class Unavailable(BotError):
    """A service did not answer, or answered with trouble of its own.

    It says nothing about the state that was asked for: the caller must never read it as zero, empty or failed.
    """


class ChainUnavailable(Unavailable):
    """No RPC endpoint gave a usable answer within its deadline."""


class BudgetSpent(ChainUnavailable):
    """Those RPC endpoints that answer may be asked by exits alone, for the rest of a second or of a month."""


class RouterUnavailable(ChainUnavailable):
    """The aggregator did not answer, refused us, or asks for rest; it says nothing about the tokens that it was asked for."""


class StoreUnavailable(Unavailable):
    """The database did not answer. The effect of a write that raised this is unknown until it is read back."""


class JournalUnavailable(StoreUnavailable):
    """The database is away and the local journal cannot be written either: nothing may be signed."""


class RecordingUnavailable(Unavailable):
    """The disk does not take the recording of the market. Nothing trades by it."""


class DollarsUnavailable(Unavailable):
    """Nobody says what a SOL costs in dollars. Nothing is decided by it."""


class PictureUnavailable(Unavailable):
    """There is no picture of it now; the text says why in a few words, for whoever asked. Nothing is decided by one."""


class LeaseLost(Unavailable):
    """Nothing may be written or signed here now: another bot leads on the database, or the time of this one has run out.

    It is no outage of the database: nothing that is done while that is away may be done in its place.
    """


class ChatUnavailable(Unavailable):
    """The chat service did not answer, or asks to wait; whether it took what it was given is unknown.

    `retry_after_s` is the wait in seconds that it asked for, None when it named none. `rival` says that it serves another
    program in our place.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, rival: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.rival = rival


class ChatForbidden(BotError):
    """The person blocked the bot, or never spoke to it: nothing can be sent into this chat until that changes."""


class ChatRejected(BotError):
    """The chat service refused a request as wrong. The same request would be refused again; do not repeat it."""


class Undeliverable(BotError):
    """A message cannot reach its reader however often it is sent. The text says why, for the message's row."""


class SendRejected(BotError):
    """An endpoint refused a transaction before it could land; nothing was charged.

    `kind` is one of `simulation` (it would fail now), `expired` (the blockhash is too old), `invalid` (malformed or
    badly signed), `untrusted` (an aggregator proposed another trade than it was asked for; nothing was signed), `routed` (a
    dry run makes none by an aggregator's offer). `failed_program` is the program that gave `program_error`, by its name here or
    its address; None where the chain did not say which. A transaction that was `already_processed` is not rejected: go and
    look at it.
    """

    def __init__(
        self, kind: str, message: str, *, program_error: int | None = None, failed_program: str | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.program_error = program_error
        self.failed_program = failed_program


class DecodeError(BotError):
    """Bytes from the chain do not have the layout that this program knows."""


class KeyUnavailable(BotError):
    """A wallet key cannot be used: the master key is missing, is another one, or the row was tampered with."""


class SigningRefused(KeyUnavailable):
    """The vault signs no such message: it is no trade that its policy knows, or takes more than it may."""


class WalletFrozen(SigningRefused):
    """The vault signs nothing for this wallet: its owner froze it, and has given no code since."""


class CodeRefused(KeyUnavailable):
    """The vault does not take this one-time code. The text is for its user: why, and when he may try again."""


class Conflict(BotError):
    """A guarded transition found the row in another state than it expected and changed nothing."""


class HearsayUnavailable(Unavailable):
    """An aggregator did not answer, refused us, or said what cannot be; that says nothing about the token.

    No money moves by what it says. `wait_s` is for how long it wants to be left alone, None when it named no time;
    `is_absent` says that it answered, and has nothing under the name that was asked for.
    """

    def __init__(self, message: str, *, wait_s: float | None = None, is_absent: bool = False) -> None:
        super().__init__(message)
        self.wait_s = wait_s
        self.is_absent = is_absent
