"""The port `Vault` in front of a vault that is a process of its own: one connection, and batches of whatever waits.

Whoever asks while a batch is on its way is in the next one. A vault that was started anew is found again: what was asked of
the old one is asked of the new one, because the same message has the same signature.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import structlog
import trio

from bot.errors import KeyUnavailable, StartupError
from bot.ports import (
    Allowance,
    ExportDemand,
    ExportedKey,
    NewCode,
    NoteKind,
    SealedKey,
    SealedNote,
    Signing,
    Sweeping,
    Wallet,
    Withdrawing,
    Withdrawn,
)
from bot.vault import protocol
from bot.vault.protocol import (
    Adopt,
    Allow,
    Answer,
    Batch,
    Check,
    Confirm,
    Create,
    DemandKey,
    ExportKey,
    Freeze,
    NewSecret,
    Renew,
    Request,
    Reseal,
    SayCode,
    Sign,
    Sweep,
    TakeBack,
    Transfer,
    Unfreeze,
    note_of,
    sealed_of,
)
from bot.vault.server import row_of

log = structlog.get_logger()

ANSWER_WITHIN_S = 3.0  # of a vault that is started anew in the meantime, too
RETRY_S = 0.05
LOOK_EVERY_S = 1.0  # while nobody asks, so that an outage is known before an exit meets it
WAITING_MAX = 10_000


@dataclass(slots=True, eq=False)
class _Asked:
    """One request; `answer` is there once `done` is set, None where the vault did not answer in time."""

    request: Request
    answer: Answer | None = None
    left: bool = False
    done: trio.Event = field(default_factory=trio.Event)


class SocketVault:
    """Made by `open_socket_vault`. `fence` raises LeaseLost when this process may not sign, `epoch` is its lease's."""

    def __init__(self, path: Path, epoch: Callable[[], int], fence: Callable[[], None]) -> None:
        self._path, self._epoch, self._fence = path, epoch, fence
        self._send, self._waiting = trio.open_memory_channel[_Asked](WAITING_MAX)
        self._stream: trio.SocketStream | None = None
        self._why = "it was not asked yet"
        self.trouble = ""  # why it did not answer the last batch, for whoever watches

    def __repr__(self) -> str:
        return f"<SocketVault {self._path.name} waiting={self._waiting.statistics().current_buffer_used}>"

    async def create_key(self, user_id: str) -> tuple[str, SealedKey]:
        answer = await self._ask(Create(user_id))
        if not isinstance(answer, protocol.Created):
            raise KeyUnavailable("the vault gave another answer than a new key")
        row = answer.row
        return row.address, SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext)

    async def seal_anew(self, wallet: Wallet, key: SealedKey) -> SealedKey:
        return await self._sealed(Reseal(row_of(wallet, key)), wallet.address)

    async def adopt(self, user_id: str, address: str, token: bytes) -> SealedKey:
        return await self._sealed(Adopt(user_id, address, token), address)

    async def _sealed(self, request: Reseal | Adopt, address: str) -> SealedKey:
        answer = await self._ask(request)
        if not isinstance(answer, protocol.Created) or answer.row.address != address:
            raise KeyUnavailable("the vault gave another answer than the wallet's key")
        row = answer.row
        return SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext)

    async def check_key(self, wallet: Wallet, key: SealedKey) -> None:
        if not isinstance(await self._ask(Check(row_of(wallet, key))), protocol.Opens):
            raise KeyUnavailable("the vault gave another answer than whether a row opens")

    async def new_code(self, user_id: str, current: SealedNote | None, code: str) -> NewCode:
        """One that was asked of a vault that died with the answer may have used its code up: another one is taken."""
        before = None if current is None else note_of(current)
        answer = await self._ask(NewSecret(user_id, before, code))
        if not isinstance(answer, protocol.Secret):
            raise KeyUnavailable("the vault gave another answer than a new secret")
        after = None if answer.current is None else sealed_of(answer.current)
        return NewCode(answer.key, sealed_of(answer.pending), after)

    async def confirm_code(self, user_id: str, pending: SealedNote, code: str) -> SealedNote:
        return await self._noted(Confirm(user_id, note_of(pending), code))

    async def renew_note(self, user_id: str, kind: NoteKind, note: SealedNote) -> SealedNote:
        return await self._noted(Renew(user_id, kind, note_of(note)))

    async def sign_sweep(self, wallet: Wallet, key: SealedKey, asked: Sweeping) -> bytes:
        """As the port says, behind the fence; a vault that died with the answer signs the next intent."""
        self._fence()
        row = row_of(wallet, key)
        answer = await self._ask(
            Sweep(row, asked.intent_id, asked.message, note_of(asked.safe), note_of(asked.current))
        )
        self._fence()
        if not isinstance(answer, protocol.Signed):
            raise KeyUnavailable("the vault gave another answer than a signature")
        return answer.signature

    async def freeze(self, wallet: Wallet, key: SealedKey) -> None:
        if not isinstance(await self._ask(Freeze(row_of(wallet, key))), protocol.Done):
            raise KeyUnavailable("the vault gave another answer than that it is remembered")

    async def unfreeze(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> SealedNote:
        return await self._noted(Unfreeze(row_of(wallet, key), note_of(current), code))

    async def _noted(self, request: Confirm | Renew | Unfreeze) -> SealedNote:
        answer = await self._ask(request)
        if not isinstance(answer, protocol.Noted):
            raise KeyUnavailable("the vault gave another answer than a note")
        return sealed_of(answer.note)

    async def allow(self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str) -> Allowance:
        return await self._allowed(Allow(row_of(wallet, key), address, note_of(current), code))

    async def allow_safe(
        self, wallet: Wallet, key: SealedKey, address: str, current: SealedNote, code: str
    ) -> Allowance:
        return await self._allowed(Allow(row_of(wallet, key), address, note_of(current), code, is_safe=True))

    async def _allowed(self, request: Allow) -> Allowance:
        answer = await self._ask(request)
        if not isinstance(answer, protocol.Allowed):
            raise KeyUnavailable("the vault gave another answer than an allowed address")
        return Allowance(sealed_of(answer.note), answer.not_before_ms, sealed_of(answer.current))

    async def sign_withdrawal(self, wallet: Wallet, key: SealedKey, asked: Withdrawing) -> Withdrawn:
        """As the port says, behind the fence; whoever has to ask a new vault again needs another code."""
        self._fence()
        allowed, current = note_of(asked.allowed), note_of(asked.current)
        row = row_of(wallet, key)
        answer = await self._ask(Transfer(row, asked.intent_id, asked.message, allowed, current, asked.code))
        self._fence()
        if not isinstance(answer, protocol.Transferred):
            raise KeyUnavailable("the vault gave another answer than a withdrawal's signature")
        return Withdrawn(answer.signature, sealed_of(answer.current))

    async def demand_export(self, wallet: Wallet, key: SealedKey, current: SealedNote, code: str) -> ExportDemand:
        answer = await self._ask(DemandKey(row_of(wallet, key), note_of(current), code))
        if not isinstance(answer, protocol.Demanded):
            raise KeyUnavailable("the vault gave another answer than a demand")
        after = sealed_of(answer.current)
        return ExportDemand(sealed_of(answer.note), answer.not_before_ms, answer.not_after_ms, after)

    async def export_key(
        self, wallet: Wallet, key: SealedKey, demand: SealedNote, current: SealedNote, code: str
    ) -> ExportedKey:
        answer = await self._ask(ExportKey(row_of(wallet, key), note_of(demand), note_of(current), code))
        if not isinstance(answer, protocol.Exported):
            raise KeyUnavailable("the vault gave another answer than a page")
        return ExportedKey(answer.page, sealed_of(answer.unlock), sealed_of(answer.current))

    async def page_code(self, user_id: str, unlock: SealedNote) -> str:
        answer = await self._ask(SayCode(user_id, note_of(unlock)))
        if not isinstance(answer, protocol.PageCode):
            raise KeyUnavailable("the vault gave another answer than a code")
        return answer.code

    async def take_back_exports(self, user_id: str) -> None:
        if not isinstance(await self._ask(TakeBack(user_id)), protocol.Done):
            raise KeyUnavailable("the vault gave another answer than that it is remembered")

    async def sign(self, wallet: Wallet, key: SealedKey, asked: Signing) -> bytes:
        """As the port says, behind the fence before and after, like the vault in this process."""
        self._fence()
        answer = await self._ask(Sign(row_of(wallet, key), asked.intent_id, asked.mint, asked.message))
        self._fence()
        if not isinstance(answer, protocol.Signed):
            raise KeyUnavailable("the vault gave another answer than a signature")
        return answer.signature

    async def key_ids(self) -> list[str]:
        """The ids of the master keys that the vault holds, the newest first; raises StartupError where none answers."""
        with trio.move_on_after(ANSWER_WITHIN_S):
            while True:
                try:
                    stream, greeting = await self._connect()
                except (OSError, protocol.Broken) as error:
                    self._why = str(error)
                    await trio.sleep(RETRY_S)
                else:
                    stream.socket.close()
                    return greeting.key_ids
        raise StartupError(f"no vault answers on {self._path}: {self._why}; start it with bot vault")

    async def _ask(self, request: Request) -> Answer:
        asked = _Asked(request)
        try:
            self._send.send_nowait(asked)
        except trio.WouldBlock:
            raise KeyUnavailable(f"{WAITING_MAX} requests wait for the vault on {self._path}") from None
        try:
            await asked.done.wait()
        finally:
            asked.left = True
        if asked.answer is None:
            raise KeyUnavailable(f"the vault on {self._path} does not answer: {self._why}")
        if isinstance(asked.answer, protocol.Refused):
            raise protocol.error_of(asked.answer)
        return asked.answer

    async def work(self) -> NoReturn:
        """Carry requests to the vault and answers back, until cancelled."""
        try:
            while True:
                batch: list[_Asked] = []
                with trio.move_on_after(LOOK_EVERY_S):
                    batch.append(await self._waiting.receive())
                with suppress(trio.WouldBlock):
                    while len(batch) < protocol.BATCH_MAX:
                        batch.append(self._waiting.receive_nowait())
                await self._carry([asked for asked in batch if not asked.left])
        finally:
            self._disconnect()

    async def _carry(self, batch: list[_Asked]) -> None:
        """A batch to the vault and its answers to whoever asked; an empty one only sees whether it answers."""
        answers: list[Answer] | None = None
        with trio.move_on_after(ANSWER_WITHIN_S):
            while answers is None:
                answers = await self._exchanged(batch)
        if answers is None:
            self._disconnect()  # its answer would be taken for that of the next batch
            if not self.trouble:
                log.error("vault_does_not_answer", waiting=len(batch), reason=self._why)
        self.trouble = f"{self._path}: {self._why}" if answers is None else ""
        for place, asked in enumerate(batch):
            asked.answer = None if answers is None else answers[place]
            asked.done.set()

    async def _exchanged(self, batch: list[_Asked]) -> list[Answer] | None:
        """One try; None, after a moment, where the connection broke."""
        try:
            stream = await self._connected()
            self._why = "it takes too long"
            await protocol.send(stream, Batch(self._epoch(), [asked.request for asked in batch]))
            answers = (await protocol.receive(stream, protocol.Answers)).answers
            if len(answers) == len(batch):
                return answers
            self._why = "it gave another number of answers"
        except (OSError, protocol.Broken) as error:
            self._why = str(error)
        self._disconnect()
        await trio.sleep(RETRY_S)
        return None

    async def _connected(self) -> trio.SocketStream:
        """The connection, made now where there is none."""
        if self._stream is None:
            self._stream, _ = await self._connect()
        return self._stream

    async def _connect(self) -> tuple[trio.SocketStream, protocol.Greeting]:
        """A connection and what the vault greets with; raises OSError and Broken."""
        stream = await trio.open_unix_socket(str(self._path))
        try:
            greeting = await protocol.receive(stream, protocol.Greeting)
            if greeting.protocol != protocol.PROTOCOL:
                raise protocol.Broken(f"it speaks protocol {greeting.protocol}, not {protocol.PROTOCOL}")
        except BaseException:
            stream.socket.close()
            raise
        return stream, greeting

    def _disconnect(self) -> None:
        if self._stream is not None:
            self._stream.socket.close()
            self._stream = None


@asynccontextmanager
async def open_socket_vault(
    path: Path, epoch: Callable[[], int], fence: Callable[[], None]
) -> AsyncIterator[SocketVault]:
    """A vault behind the socket at `path`, connected to when it is first asked."""
    vault = SocketVault(path, epoch, fence)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(vault.work)
        yield vault
        nursery.cancel_scope.cancel()
