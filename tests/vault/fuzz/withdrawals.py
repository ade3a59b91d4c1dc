"""What somebody tries with withdrawals who holds the socket, every row, and every code that was ever used or shown to him.

The victim has allowed one address, long ago, and sends SOL there once a day. Whoever else gets a signature, or allows or
replaces anything without a code that nobody has used, has robbed him.
"""

from __future__ import annotations

import random
from base64 import b32decode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from solders.hash import Hash
from solders.pubkey import Pubkey

from bot.chain.transfers import build_transfer
from bot.ports import SealedKey, SealedNote, TransferOrder, Wallet
from bot.vault import protocol, totp
from bot.vault.day_book import DAY_MS
from bot.vault.local_vault import LocalVault
from bot.vault.protocol import note_of

DELAY_MS = 10_000 * DAY_MS  # longer than a run, so that whatever a thief has allowed never counts
HOME, HIDEOUT = Pubkey(bytes([55]) * 32), Pubkey(bytes([66]) * 32)
USER, THIEF = "ada", "eve"


@dataclass(slots=True)
class Safe:
    """The victim's notes, the thief's own, and codes that are known to be used. `moment` is the vault's clock."""

    wallet: Wallet
    thief: Wallet
    row: protocol.Row
    moment: list[int]
    secret: bytes = b""
    pending: protocol.Note | None = None
    notes: list[SealedNote] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    last_step: int = 0
    sent: int = 0

    @property
    def current(self) -> SealedNote:
        return self.notes[0]

    async def open(self, vault: LocalVault, keys: Sequence[SealedKey]) -> None:
        """The victim and the thief have each a second factor, and an address that counts."""
        for wallet, key, target in ((self.wallet, keys[0], HOME), (self.thief, keys[1], HIDEOUT)):
            made = await vault.new_code(wallet.user_id, None, "")
            secret = b32decode(made.key)
            step = self.moment[0] // totp.STEP_MS
            note = await vault.confirm_code(wallet.user_id, made.pending, totp.code_at(secret, step))
            given = await vault.allow(wallet, key, str(target), note, totp.code_at(secret, step + 1))
            self.notes += [given.current, given.note, made.pending]
            if wallet is self.wallet:
                self.pending = note_of(made.pending)
                self.secret, self.last_step = secret, step + 1
        self.moment[0] += DELAY_MS

    def fresh(self) -> str:
        """A code that nobody has used, if there is one at this moment."""
        step = max(self.last_step + 1, self.moment[0] // totp.STEP_MS - 1)
        return totp.code_at(self.secret, step)

    def message(self, target: Pubkey | str, lamports: int = 1_000_000) -> bytes:
        return build_transfer(TransferOrder(self.wallet.address, str(target), lamports, 20_000), Hash.default())

    def honest(self) -> protocol.Transfer:
        """What the victim sends once a day."""
        self.sent += 1
        allowed, current = note_of(self.notes[1]), note_of(self.current)
        return protocol.Transfer(self.row, f"out {self.sent}", self.message(HOME), allowed, current, self.fresh())

    def took(self, code: str) -> bool:
        """Whether a code that the vault took was one that it may take; it is used from now on."""
        present = self.moment[0] // totp.STEP_MS
        found = [step for step in range(present - 1, present + 2) if totp.code_at(self.secret, step) == code]
        if not found or found[-1] <= self.last_step:
            return False
        self.last_step = found[-1]
        self.used.append(code)
        return True

    def attack(self, draw: random.Random, rows: Sequence[protocol.Row], bent: bytes) -> protocol.Request:
        """One request, of which at least one part is not what it should be, or the code is nobody's or used."""
        code = draw.choice([*self.used[-3:], f"{draw.randrange(10**6):06}", "", self.fresh()])
        notes = [*self.notes, *map(self._changed, self.notes)]
        row = draw.choice((self.row, draw.choice(rows)))
        allowed = note_of(draw.choice((self.notes[1], self.notes[1], draw.choice(notes))))
        current = note_of(draw.choice((self.current, self.current, draw.choice(notes))))
        number = draw.randrange(10)
        if number < 6:
            honest = self.message(HOME, draw.choice((0, 1, 10**9, 2**63)))
            message = draw.choice((self.message(HIDEOUT), self.message(self.thief.address), honest, bent))
            return protocol.Transfer(row, f"out {draw.randrange(self.sent + 9)}", message, allowed, current, code)
        if number == 6:
            return protocol.Allow(row, str(HIDEOUT), current, code)
        if number == 7:
            held = None if draw.random() < 0.5 else current
            return protocol.NewSecret(USER, held, draw.choice([*self.used[-3:], "000000"]))
        if number == 8:
            return protocol.Confirm(USER, current, code)
        return protocol.Renew(draw.choice((USER, THIEF)), draw.choice(list(protocol.NoteKind)), current)

    @staticmethod
    def _changed(note: SealedNote) -> SealedNote:
        """One bit of it is another one."""
        return replace(note, content=note.content[:-1] + bytes([note.content[-1] ^ 1]))

    def judge(self, asked: protocol.Request, answer: protocol.Answer) -> str:
        """Why an answer robs the victim; empty where it does not."""
        if isinstance(answer, protocol.Transferred):
            assert isinstance(asked, protocol.Transfer)
            if not self.took(asked.code):
                return "a withdrawal was signed without a fresh code"
            if asked.row.user_id != USER or bytes(HOME) not in asked.message:
                return "a withdrawal goes where nobody has allowed it"
            if any(bytes(key) in asked.message for key in (HIDEOUT, Pubkey.from_string(self.thief.address))):
                return "a withdrawal goes to the thief"
            self.notes[0] = protocol.sealed_of(answer.current)
        elif isinstance(answer, protocol.Allowed):
            assert isinstance(asked, protocol.Allow)
            if asked.row.user_id == USER and not self.took(asked.code):
                return "an address was allowed without a fresh code"
            if answer.not_before_ms < self.moment[0] + DELAY_MS:
                return "an address counts too early"
            self.notes.append(protocol.sealed_of(answer.note))
            del self.notes[6:-20]
        elif isinstance(answer, protocol.Noted) and isinstance(asked, protocol.Confirm):
            # Confirming his own key once more, by a fresh code, is the same again: the first answer may have been lost.
            if asked.user_id != USER or asked.pending != self.pending or not self.took(asked.code):
                return "another secret is in force than the victim's"
            self.notes[0] = protocol.sealed_of(answer.note)
        elif isinstance(answer, protocol.Secret | protocol.Noted) and not isinstance(asked, protocol.Renew):
            return "somebody else's secret is in the place of the victim's"
        return ""
