"""What somebody tries with withdrawals, exports and sweeps who holds the socket, every row, and every code that was used.

The victim has allowed one address and one safe address, long ago, and sends SOL once a day; his wallet is frozen now and then.
Whoever else gets a signature or a key, or allows or replaces anything without a code that nobody has used, has robbed him.
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
from bot.vault.exports import CODE_WITHIN_MS
from bot.vault.local_vault import LocalVault
from bot.vault.protocol import note_of
from tests.vault.fuzz.token_sweeps import token_sweep
from tests.vault.vault_samples import BOUNDS

DELAY_MS = 10_000 * DAY_MS  # longer than a run, so that whatever a thief has allowed never counts
HOME, HIDEOUT, REFUGE = (Pubkey(bytes([number]) * 32) for number in (55, 66, 44))
OF_EACH, BASE = (
    5,
    12,
)  # notes: codes, address, unconfirmed codes, safe address, demand; then both pages' unlocking notes
USER, THIEF = "ada", "eve"
DEAR_SWEEPS = 220


@dataclass(slots=True)
class Safe:
    """The victim's notes, the thief's own, and codes that are known to be used. `moment` is the vault's clock."""

    wallet: Wallet
    thief: Wallet
    row: protocol.Row
    moment: list[int]
    mints: tuple[Pubkey, ...]
    secret: bytes = b""
    pending: protocol.Note | None = None
    notes: list[SealedNote] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    last_step: int = 0
    sent: int = 0
    frozen: bool = False

    @property
    def current(self) -> SealedNote:
        return self.notes[0]

    async def open(self, vault: LocalVault, keys: Sequence[SealedKey]) -> None:
        """The victim and the thief have each a second factor, two addresses that count, and a page with their own key."""
        secrets: list[bytes] = []
        for wallet, key, targets in (
            (self.wallet, keys[0], (HOME, REFUGE)),
            (self.thief, keys[1], (HIDEOUT, HIDEOUT)),
        ):
            made = await vault.new_code(wallet.user_id, None, "")
            secret = b32decode(made.key)
            secrets.append(secret)
            note = await vault.confirm_code(wallet.user_id, made.pending, self._next(secret))
            given = await vault.allow(wallet, key, str(targets[0]), note, self._next(secret))
            safe = await vault.allow_safe(wallet, key, str(targets[1]), given.current, self._next(secret))
            wish = await vault.demand_export(wallet, key, safe.current, self._next(secret))
            self.notes += [wish.current, given.note, made.pending, safe.note, wish.note]
        self.secret, self.pending = secrets[0], note_of(self.notes[2])
        self.moment[0] += DELAY_MS
        for place, (wallet, key) in enumerate(zip((self.wallet, self.thief), keys, strict=True)):
            current, demand = self.notes[OF_EACH * place], self.notes[OF_EACH * place + 4]
            page = await vault.export_key(wallet, key, demand, current, self._next(secrets[place]))
            self.notes[OF_EACH * place] = page.current
            self.notes.append(page.unlock)
        self.last_step = self.moment[0] // totp.STEP_MS
        self.moment[0] += CODE_WITHIN_MS

    def _next(self, secret: bytes) -> str:
        """A code of the next half minute."""
        self.moment[0] += totp.STEP_MS
        return totp.code_at(secret, self.moment[0] // totp.STEP_MS)

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

    def dear(self) -> list[protocol.Request]:
        """Sweeps to the safe address that cost as much as a message may, more of them than a day has fees for."""
        target, current = note_of(self.notes[3]), note_of(self.current)
        orders = [
            TransferOrder(self.wallet.address, str(REFUGE), lamports, BOUNDS.fee_lamports)
            for lamports in range(10**6, 10**6 + DEAR_SWEEPS)
        ]
        return [
            protocol.Sweep(
                self.row, f"dear {one.lamports} {self.moment[0]}", build_transfer(one, Hash.default()), target, current
            )
            for one in orders
        ]

    def thaws(self) -> protocol.Unfreeze:
        """What the victim asks for who finds his wallet frozen."""
        return protocol.Unfreeze(self.row, note_of(self.current), self.fresh())

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
        number = 15 if self.frozen and draw.random() < 0.5 else draw.randrange(16)  # a frozen wallet is swept
        if number >= 10:
            return self._for_the_key(draw, number, row, current, code, bent)
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

    def _for_the_key(
        self, draw: random.Random, number: int, row: protocol.Row, current: protocol.Note, code: str, bent: bytes
    ) -> protocol.Request:
        """What exports, freezes and sweeps could be asked for."""
        notes = [*self.notes, *map(self._changed, self.notes)]
        safe = note_of(draw.choice((self.notes[3], self.notes[3], self.notes[1], draw.choice(notes))))
        demand = note_of(draw.choice((self.notes[4], draw.choice(notes))))
        if number == 10:
            return protocol.Allow(row, str(HIDEOUT), current, code, is_safe=True)
        if number == 11:
            return protocol.DemandKey(row, current, code)
        if number == 12:
            return protocol.ExportKey(row, demand, current, code)
        if number == 13:
            unlock = note_of(draw.choice((self.notes[BASE - 2], draw.choice(notes))))
            taken_back: protocol.Request = protocol.TakeBack(draw.choice((USER, THIEF)))
            return taken_back if draw.random() < 0.2 else protocol.SayCode(draw.choice((USER, THIEF)), unlock)
        if number == 14:
            return protocol.Unfreeze(row, current, code)
        thieves = (HIDEOUT, Pubkey.from_string(self.thief.address))
        tokens = token_sweep(draw, Pubkey.from_string(self.wallet.address), REFUGE, thieves, self.mints)
        message = draw.choice(
            (self.message(HIDEOUT), self.message(HOME), self.message(REFUGE), bent, tokens, tokens, tokens)
        )
        return protocol.Sweep(row, f"sweep {draw.randrange(10**6)}", message, safe, current)

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
            del self.notes[BASE:-20]
        elif isinstance(answer, protocol.Noted) and isinstance(asked, protocol.Confirm):
            # Confirming his own key once more, by a fresh code, is the same again: the first answer may have been lost.
            if asked.user_id != USER or asked.pending != self.pending or not self.took(asked.code):
                return "another secret is in force than the victim's"
            self.notes[0] = protocol.sealed_of(answer.note)
        else:
            return self._judge_of_keys(asked, answer)
        return ""

    def _judge_of_keys(self, asked: protocol.Request, answer: protocol.Answer) -> str:
        """The same of everything else that has an answer."""
        if isinstance(answer, protocol.Exported):
            return "a key is handed out that nobody has asked for in time"
        if isinstance(answer, protocol.PageCode):
            return "the code of a page is said when its time is over"
        if isinstance(answer, protocol.Demanded) and isinstance(asked, protocol.DemandKey):
            if asked.row.user_id == USER and not self.took(asked.code):
                return "a key was asked for without a fresh code"
            if answer.not_before_ms < self.moment[0] + DELAY_MS:
                return "a key may be taken too early"
            self.notes.append(protocol.sealed_of(answer.note))
            del self.notes[BASE:-20]
        elif isinstance(answer, protocol.Signed) and isinstance(asked, protocol.Sweep):
            if not self.frozen:
                return "a wallet is swept that nobody has frozen"
            if asked.row.user_id != USER:
                return "somebody else's wallet is swept"
        elif isinstance(answer, protocol.Noted) and isinstance(asked, protocol.Unfreeze):
            if asked.row.user_id == USER and not self.took(asked.code):
                return "a wallet is thawed without a fresh code"
            if asked.row.user_id == USER:
                self.frozen = False
                self.notes[0] = protocol.sealed_of(answer.note)
        elif isinstance(answer, protocol.Done) and isinstance(asked, protocol.Freeze):
            self.frozen = True
        elif isinstance(answer, protocol.Secret | protocol.Noted) and not isinstance(asked, protocol.Renew):
            return "somebody else's secret is in the place of the victim's"
        return ""
