"""The vault's side of its socket: who may connect, and each request judged and answered by itself.

Whoever holds the socket gets signatures of what the policy allows and nothing else. A connection that says what is no
request is closed; it disturbs no other one.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import structlog
import trio

from bot.errors import KeyUnavailable, LeaseLost
from bot.ports import SealedKey, Signing, Sweeping, Wallet, Withdrawing
from bot.trading.intent import Mode
from bot.vault import protocol
from bot.vault.local_vault import LocalVault
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
    OfExports,
    OfFreezes,
    OfNotes,
    Request,
    Reseal,
    Row,
    SayCode,
    Sweep,
    Transfer,
    note_of,
    sealed_of,
)

log = structlog.get_logger()

CONNECTIONS_MAX = 32


class VaultServer:
    """Serves one vault at `path`. The highest epoch that asked for a signature is the one whose bot leads."""

    def __init__(self, path: Path, vault: LocalVault) -> None:
        self._path, self._vault = path, vault
        self._epoch = 0
        self._connections = trio.CapacityLimiter(CONNECTIONS_MAX)

    def __repr__(self) -> str:
        return f"<VaultServer {self._vault!r} connections={self._connections.borrowed_tokens}>"

    async def serve(self, ready: Callable[[], None]) -> None:
        """Listen until cancelled; calls `ready` once the socket is there. The caller holds the lock that makes it ours."""
        self._path.unlink(missing_ok=True)
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        before = os.umask(0o177)  # from its first moment on nobody else may connect
        try:
            await listener.bind(str(self._path))
        finally:
            os.umask(before)
        listener.listen(CONNECTIONS_MAX)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, self._connection, [trio.SocketListener(listener)])
                ready()
        finally:
            self._path.unlink(missing_ok=True)

    async def _connection(self, stream: trio.SocketStream) -> None:
        uid = _uid_of(stream)
        if uid not in {0, os.geteuid()}:
            log.error("vault_caller_refused", uid=uid)
            return
        try:
            self._connections.acquire_nowait()
        except trio.WouldBlock:
            log.error("vault_caller_refused", uid=uid, reason=f"{CONNECTIONS_MAX} are connected")
            return
        try:
            await self.converse(stream)
        finally:
            self._connections.release()

    async def converse(self, stream: trio.abc.Stream) -> None:
        """Answer one caller until he leaves."""
        try:
            await protocol.send(stream, protocol.Greeting(protocol.PROTOCOL, await self._vault.key_ids()))
            while True:
                batch = await protocol.receive(stream, Batch)
                if len(batch.asked) > protocol.BATCH_MAX:
                    raise protocol.Broken(f"{len(batch.asked)} requests at once")
                await protocol.send(stream, protocol.Answers(await self._answers(batch)))
        except protocol.Broken as error:
            log.info("vault_caller_left", reason=str(error))

    async def _answers(self, batch: Batch) -> list[Answer]:
        answers: list[Answer] = []
        for asked in batch.asked:
            await trio.lowlevel.checkpoint()  # a large batch of one caller keeps no other one waiting
            try:
                answers.append(await self._answer(batch.epoch, asked))
            except (KeyUnavailable, LeaseLost) as error:
                answers.append(protocol.refusal_of(error))
        return answers

    async def _answer(self, epoch: int, asked: Request) -> Answer:
        if isinstance(asked, OfNotes):
            return await self._answer_of_notes(asked)
        if isinstance(asked, OfFreezes):
            return await self._answer_of_freezes(asked)
        if isinstance(asked, OfExports):
            return await self._answer_of_exports(asked)
        if isinstance(asked, Create):
            address, key = await self._vault.create_key(asked.user_id)
            return protocol.Created(row_of(Wallet("", asked.user_id, address, Mode.LIVE), key))
        if isinstance(asked, Adopt):
            key = await self._vault.adopt(asked.user_id, asked.address, asked.token)
            return protocol.Created(row_of(Wallet("", asked.user_id, asked.address, Mode.LIVE), key))
        if isinstance(asked, Reseal):
            wallet, before = _wallet_of(asked.row)
            return protocol.Created(row_of(wallet, await self._vault.seal_anew(wallet, before)))
        if isinstance(asked, Allow):
            wallet, key = _wallet_of(asked.row)
            allow = self._vault.allow_safe if asked.is_safe else self._vault.allow
            given = await allow(wallet, key, asked.address, sealed_of(asked.current), asked.code)
            return protocol.Allowed(note_of(given.note), given.not_before_ms, note_of(given.current))
        if isinstance(asked, Check):
            await self._vault.check_key(*_wallet_of(asked.row))
            return protocol.Opens()
        if epoch < self._epoch:
            raise LeaseLost(f"the vault has signed for epoch {self._epoch}, and is asked by epoch {epoch}")
        self._epoch = epoch
        if isinstance(asked, Transfer):
            wish = Withdrawing(
                asked.intent_id, asked.message, sealed_of(asked.allowed), sealed_of(asked.current), asked.code
            )
            withdrawn = self._vault.sign_withdrawal_now(*_wallet_of(asked.row), wish)
            return protocol.Transferred(withdrawn.signature, note_of(withdrawn.current))
        if isinstance(asked, Sweep):
            sweeping = Sweeping(asked.intent_id, asked.message, sealed_of(asked.safe), sealed_of(asked.current))
            return protocol.Signed(self._vault.sign_sweep_now(*_wallet_of(asked.row), sweeping))
        signing = Signing(asked.intent_id, asked.mint, asked.message)
        return protocol.Signed(self._vault.sign_now(*_wallet_of(asked.row), signing))

    async def _answer_of_notes(self, asked: OfNotes) -> Answer:
        if isinstance(asked, NewSecret):
            current = None if asked.current is None else sealed_of(asked.current)
            made = await self._vault.new_code(asked.user_id, current, asked.code)
            after = None if made.current is None else note_of(made.current)
            return protocol.Secret(made.key, note_of(made.pending), after)
        if isinstance(asked, Confirm):
            note = await self._vault.confirm_code(asked.user_id, sealed_of(asked.pending), asked.code)
        else:
            note = await self._vault.renew_note(asked.user_id, asked.kind, sealed_of(asked.note))
        return protocol.Noted(note_of(note))

    async def _answer_of_freezes(self, asked: OfFreezes) -> Answer:
        wallet, key = _wallet_of(asked.row)
        if isinstance(asked, Freeze):
            await self._vault.freeze(wallet, key)
            return protocol.Done()
        return protocol.Noted(note_of(await self._vault.unfreeze(wallet, key, sealed_of(asked.current), asked.code)))

    async def _answer_of_exports(self, asked: OfExports) -> Answer:
        if isinstance(asked, DemandKey):
            wish = await self._vault.demand_export(*_wallet_of(asked.row), sealed_of(asked.current), asked.code)
            return protocol.Demanded(note_of(wish.note), wish.not_before_ms, wish.not_after_ms, note_of(wish.current))
        if isinstance(asked, ExportKey):
            demand, current = sealed_of(asked.demand), sealed_of(asked.current)
            given = await self._vault.export_key(*_wallet_of(asked.row), demand, current, asked.code)
            return protocol.Exported(given.page, note_of(given.unlock), note_of(given.current))
        if isinstance(asked, SayCode):
            return protocol.PageCode(await self._vault.page_code(asked.user_id, sealed_of(asked.unlock)))
        await self._vault.take_back_exports(asked.user_id)
        return protocol.Done()


def row_of(wallet: Wallet, key: SealedKey) -> Row:
    """A wallet and its sealed key, for the way to the vault."""
    return Row(wallet.user_id, wallet.address, key.master_key_id, key.wrapped_data_key, key.ciphertext)


def _wallet_of(row: Row) -> tuple[Wallet, SealedKey]:
    """The vault knows a wallet by its address and its user alone, to whom the seal is bound."""
    wallet = Wallet("", row.user_id, row.address, Mode.LIVE)
    return wallet, SealedKey(row.master_key_id, row.wrapped_data_key, row.ciphertext)


def _uid_of(stream: trio.SocketStream) -> int:
    """SO_PEERCRED: pid, uid, gid of whoever connected (unix(7))."""
    packed = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", packed)
    return int(uid)
