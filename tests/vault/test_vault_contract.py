"""Both vaults, the one in this process and the one behind its socket, do the same. Real sockets, on the real clock."""

from __future__ import annotations

import os
import signal
import stat
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest
import trio
from solders.keypair import Keypair

from actors.runtime import ChildSpec, InitFailed, Report, SupervisorSpec, open_supervisor
from bot.clock import Clock
from bot.errors import KeyUnavailable, LeaseLost, SigningRefused, StartupError
from bot.ports import SealedKey, Vault, Wallet
from bot.trading.intent import Mode, Side
from bot.vault import protocol
from bot.vault.envelope import open_sealed, seal
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from bot.vault.server import VaultServer, row_of
from bot.vault.socket_vault import SocketVault, open_socket_vault
from bot.vault_child import VaultChild
from tests.vault.trade_samples import ADDRESS, THIEF, WALLET, asked, compiled, on_curve, transfer
from tests.vault.vault_samples import closing, guard

MASTER = MasterKey("test", bytes(range(32)))
FORMER = MasterKey("former", bytes(range(5, 37)))
SEED = bytes(range(32))
OWN = Wallet("w", "ada", ADDRESS, Mode.LIVE)
SEALED = seal(MASTER, "ada", ADDRESS, SEED)
OTHER_SEED = bytes(range(1, 33))
OTHER = Wallet("v", "bob", str(Keypair.from_seed(OTHER_SEED).pubkey()), Mode.LIVE)
OTHER_SEALED = seal(MASTER, "bob", OTHER.address, OTHER_SEED)
WITHIN_S = 60
STANDING = Clock(lambda: 1_790_000_000_000, lambda: "")  # of the vaults: codes count by the clock
CUT = b"cut"


@dataclass(slots=True)
class Fence:
    """Whether the process that asks still leads."""

    lost: bool = False
    epoch: int = 3

    def check(self) -> None:
        if self.lost:
            raise LeaseLost("another bot leads")


@dataclass(slots=True)
class Served:
    """A vault, its fence, and its socket where it has one."""

    vault: Vault
    fence: Fence = field(default_factory=Fence)
    path: Path | None = None


@asynccontextmanager
async def serving(path: Path) -> AsyncIterator[None]:
    """A vault's server for the time of the block."""
    async with trio.open_nursery() as nursery:
        ready = trio.Event()
        server = VaultServer(
            path, LocalVault(MASTER, guard(STANDING, address_delay_ms=0, export_delay_ms=0), former=[FORMER])
        )
        nursery.start_soon(server.serve, ready.set)
        await ready.wait()
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def in_process(_: Path) -> AsyncIterator[Served]:
    fence = Fence()
    yield Served(
        LocalVault(MASTER, guard(STANDING, address_delay_ms=0, export_delay_ms=0), fence.check, former=[FORMER]), fence
    )


@asynccontextmanager
async def by_socket(folder: Path) -> AsyncIterator[Served]:
    fence, path = Fence(), folder / "vault.sock"
    async with serving(path), open_socket_vault(path, lambda: fence.epoch, fence.check) as vault:
        yield Served(vault, fence, path)


Opened = Callable[[Path], AbstractAsyncContextManager[Served]]
both = pytest.mark.parametrize("opened", [in_process, by_socket])


@both
async def test_a_signature_is_the_wallets_however_often_it_is_asked_for(opened: Opened, tmp_path: Path) -> None:
    message = on_curve(Side.BUY)
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            for _ in range(3):
                signature = await served.vault.sign(OWN, SEALED, asked(message))
                assert signature == bytes(WALLET.sign_message(message))


@both
async def test_what_the_policy_does_not_know_is_refused(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            with pytest.raises(SigningRefused, match="transfers SOL to"):
                await served.vault.sign(OWN, SEALED, asked(compiled([transfer(THIEF, 1)])))
            await served.vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))
            with pytest.raises(SigningRefused, match="another order's"):
                await served.vault.sign(OWN, SEALED, asked(on_curve(Side.SELL)))


@both
async def test_two_users_rows_that_were_swapped_open_for_neither(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            for wallet, sealed in ((OWN, OTHER_SEALED), (OTHER, SEALED), (replace(OWN, user_id="bob"), SEALED)):
                with pytest.raises(KeyUnavailable, match="does not open"):
                    await served.vault.check_key(wallet, sealed)
                with pytest.raises(KeyUnavailable, match="does not open"):
                    await served.vault.sign(wallet, sealed, closing(wallet.address))
            for wallet, sealed in ((OWN, SEALED), (OTHER, OTHER_SEALED)):
                await served.vault.check_key(wallet, sealed)
                await served.vault.sign(wallet, sealed, closing(wallet.address))


@both
async def test_a_new_key_is_sealed_for_its_user(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            address, sealed = await served.vault.create_key("carla")
            wallet = Wallet("x", "carla", address, Mode.LIVE)
            await served.vault.check_key(wallet, sealed)
            with pytest.raises(KeyUnavailable):
                await served.vault.check_key(replace(wallet, user_id="ada"), sealed)
            opened_key = bytes(open_sealed(MASTER, "carla", address, sealed))
            assert str(Keypair.from_seed(opened_key).pubkey()) == address


@both
async def test_a_row_is_sealed_anew_under_the_newest_key_and_both_rows_sign(opened: Opened, tmp_path: Path) -> None:
    former = seal(FORMER, "ada", ADDRESS, SEED)
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            assert await served.vault.key_ids() == [MASTER.id, FORMER.id]
            newer = await served.vault.seal_anew(OWN, former)
            assert newer.master_key_id == MASTER.id
            assert bytes(open_sealed(MASTER, "ada", ADDRESS, newer)) == SEED
            first = await served.vault.sign(OWN, former, asked(on_curve(Side.BUY)))
            assert await served.vault.sign(OWN, newer, asked(on_curve(Side.BUY))) == first
            for wallet, row in (
                (replace(OWN, user_id="bob"), former),
                (OTHER, former),
                (OWN, replace(former, master_key_id="x")),
            ):
                with pytest.raises(KeyUnavailable):
                    await served.vault.seal_anew(wallet, row)


@both
async def test_who_leads_no_more_gets_no_signature(opened: Opened, tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served:
            served.fence.lost = True
            with pytest.raises(LeaseLost, match="another bot leads"):
                await served.vault.sign(OWN, SEALED, asked(on_curve(Side.SELL)))


@both
async def test_each_of_many_at_once_gets_its_own_signature(opened: Opened, tmp_path: Path) -> None:
    messages = [on_curve(Side.SELL, limit_raw=number) for number in range(250)]
    signatures: dict[int, bytes] = {}

    async def sign(vault: Vault, number: int) -> None:
        signatures[number] = await vault.sign(OWN, SEALED, asked(messages[number], f"intent {number}"))

    with trio.fail_after(WITHIN_S):
        async with opened(tmp_path) as served, trio.open_nursery() as nursery:
            for number in range(len(messages)):
                nursery.start_soon(sign, served.vault, number)
    assert signatures == {number: bytes(WALLET.sign_message(message)) for number, message in enumerate(messages)}


# ------------------------------------------------------------------------------------------------ behind a socket alone


async def test_nobody_but_its_owner_may_connect(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with by_socket(tmp_path) as served:
            assert served.path is not None
            assert stat.S_IMODE(served.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", protocol.FRAME_BYTES_MAX + 1),
        struct.pack(">I", 3) + b"\xff\xff\xff",
        struct.pack(">I", 1) + msgspec.msgpack.encode(7),
        struct.pack(">I", 100) + CUT,
    ],
)
async def test_a_caller_that_sends_what_is_no_request_is_let_go_and_disturbs_nobody(
    tmp_path: Path, sent: bytes
) -> None:
    with trio.fail_after(WITHIN_S):
        async with by_socket(tmp_path) as served:
            stream = await trio.open_unix_socket(str(served.path))
            await protocol.receive(stream, protocol.Greeting)
            await stream.send_all(sent)
            if not sent.endswith(CUT):
                with pytest.raises(protocol.Broken):
                    await protocol.receive(stream, protocol.Answers)
            await stream.aclose()
            await served.vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))


async def test_a_bot_of_an_earlier_epoch_gets_no_signature(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with by_socket(tmp_path) as served:
            await served.vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))
            served.fence.epoch = 2
            with pytest.raises(LeaseLost, match="signed for epoch 3, and is asked by epoch 2"):
                await served.vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))
            served.fence.epoch = 4
            await served.vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))


async def test_nothing_that_the_vault_says_holds_a_key(tmp_path: Path) -> None:
    requests: list[protocol.Request] = [
        protocol.Check(row_of(OWN, SEALED)),
        protocol.Check(row_of(OTHER, SEALED)),
        protocol.Sign(row_of(OWN, SEALED), "intent", asked(b"").mint, on_curve(Side.BUY)),
        protocol.Sign(row_of(OWN, SEALED), "intent", asked(b"").mint, b"anything"),
    ]
    with trio.fail_after(WITHIN_S):
        async with by_socket(tmp_path) as served:
            stream = await trio.open_unix_socket(str(served.path))
            greeting = await protocol.receive(stream, protocol.Greeting)
            await protocol.send(stream, protocol.Batch(1, requests))
            answers = await protocol.receive(stream, protocol.Answers)
            await stream.aclose()
    said = repr(greeting) + repr(answers)
    assert [type(answer).__name__ for answer in answers.answers] == ["Opens", "Refused", "Signed", "Refused"]
    for secret in (SEED, MASTER.key):
        assert not any(form in said for form in (repr(secret)[2:-1], secret.hex(), str(Keypair.from_seed(secret))))


async def test_a_vault_that_is_started_anew_answers_who_asked_before(tmp_path: Path) -> None:
    fence, path = Fence(), tmp_path / "vault.sock"
    with trio.fail_after(WITHIN_S):
        async with open_socket_vault(path, lambda: fence.epoch, fence.check) as vault:
            async with serving(path):
                first = await vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_sign_again, vault, first)
                async with serving(path):
                    await _sign_again(vault, first)


async def _sign_again(vault: SocketVault, first: bytes) -> None:
    assert await vault.sign(OWN, SEALED, asked(on_curve(Side.BUY))) == first


async def test_without_a_vault_an_order_and_a_start_hear_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.vault.socket_vault.ANSWER_WITHIN_S", 0.1)
    fence = Fence()
    with trio.fail_after(WITHIN_S):
        async with open_socket_vault(tmp_path / "vault.sock", lambda: 1, fence.check) as vault:
            with pytest.raises(KeyUnavailable, match="does not answer"):
                await vault.sign(OWN, SEALED, asked(on_curve(Side.BUY)))
            with pytest.raises(StartupError, match="no vault answers"):
                await vault.key_ids()


# ------------------------------------------------------------------------------------------------ the process itself


async def test_the_process_makes_a_key_signs_outlives_no_bot_and_finds_its_key_again(tmp_path: Path) -> None:
    said: list[str] = []
    child = VaultChild(tmp_path, "local", None, said.append)
    spec = SupervisorSpec("foundation", "one_for_one", (ChildSpec("vault", child.run),), intensity=5, period_s=60)
    fence, reports = Fence(), list[Report]()
    with trio.fail_after(WITHIN_S):
        async with open_socket_vault(tmp_path / "vault.sock", lambda: 1, fence.check) as vault:
            async with open_supervisor(spec, report=reports.append):
                [key_id] = await vault.key_ids()
                address, sealed = await vault.create_key("ada")
                wallet = Wallet("w", "ada", address, Mode.LIVE)
                first = await vault.sign(wallet, sealed, closing(address))
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                assert await _signed_at_last(vault, wallet, sealed) == first
                assert await vault.key_ids() == [key_id]
            assert child.pid is not None
            with pytest.raises(ProcessLookupError):
                os.kill(child.pid, 0)
    assert key_id.startswith("local-")
    assert (tmp_path / "master.key").read_text().startswith(key_id)


async def _signed_at_last(vault: SocketVault, wallet: Wallet, sealed: SealedKey) -> bytes:
    """An order waits some seconds for a vault that is started again, and this machine may need more."""
    while True:
        try:
            return await vault.sign(wallet, sealed, closing(wallet.address))
        except KeyUnavailable as error:
            assert "does not answer" in str(error)


async def test_a_process_that_finds_another_key_than_the_wallets_says_so_and_starts_not(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_text("local-1:" + "A" * 43 + "=\n")
    (tmp_path / "master.key").chmod(0o600)
    child = VaultChild(tmp_path, "local", None, print, expected_ids=["local-2"])
    spec = SupervisorSpec("foundation", "one_for_one", (ChildSpec("vault", child.run),), intensity=5, period_s=60)
    with trio.fail_after(WITHIN_S), pytest.raises(InitFailed, match="the key with id local-2 is expected here"):
        async with open_supervisor(spec, report=list[Report]().append):
            pytest.fail("it started")
