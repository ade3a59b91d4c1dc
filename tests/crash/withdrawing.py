"""Withdrawals in the crash matrix: a user with an authenticator and an address of his own, who sends SOL there."""

from __future__ import annotations

from base64 import b32decode
from dataclasses import dataclass, replace
from functools import partial

import trio
from solders.keypair import Keypair

from bot.execution.withdrawal_messages import address_allowed_message
from bot.ports import AllowedAddress
from bot.trading.intent import Mode, TradeRequest
from bot.trading.position import PositionState
from bot.trading.units import BPS
from bot.vault import totp
from tests.crash.stage import SETTLED_WITHIN_S, Doom, Scenario, Stage
from tests.storage.storage_samples import withdraw
from tests.whole.ledgers import Owner, exact
from tests.whole.virtual import until

HOME = str(Keypair.from_seed(bytes([7]) * 32).pubkey())
LAMPORTS = 10_000_000
ROAD = (
    "Withdrawals._submit",
    "Withdrawals._planned",
    "Withdrawals._sign",
    "Departure.commit",
    "Departure.leave",
    "book_withdrawal",
)
_SIGNED = Doom("Departure.commit: store.record_attempt", after=True)


@dataclass(slots=True)
class _Authenticator:
    """What the user of the stage that is played has on another device; it outlives the bot's lives."""

    secret: bytes = b""

    async def code(self, stage: Stage) -> str:
        """One that was not used yet."""
        await trio.sleep(totp.STEP_MS / 1000)
        return totp.code_at(self.secret, stage.world.clock.now_ms() // totp.STEP_MS)


_DEVICE = _Authenticator()


async def _allow(stage: Stage, *, is_safe: bool = False) -> None:
    """Once for each stage: later lives find it in the rows."""
    world, wallet = stage.world, stage.wallet
    if await world.store.allowed_addresses(wallet.user_id):
        return
    made = await world.vault.new_code(wallet.user_id, None, "")
    _DEVICE.secret = b32decode(made.key)
    note = await world.vault.confirm_code(wallet.user_id, made.pending, await _DEVICE.code(stage))
    key, code = await world.store.sealed_key(wallet.id), await _DEVICE.code(stage)
    allow = world.vault.allow_safe if is_safe else world.vault.allow
    given = await allow(wallet, key, HOME, note, code)
    now_ms = world.clock.now_ms()
    row = AllowedAddress("a", wallet.user_id, wallet.id, HOME, given.not_before_ms, now_ms, is_safe=is_safe)
    notes = {row.note: given.note, "code": given.current}
    told = address_allowed_message(world.clock, wallet, row, 0)
    await world.store.allow_address(row, notes, told, world.clock.now_ms())


async def _allow_safe(stage: Stage) -> None:
    """A safe address, and something that can be swept there."""
    await _allow(stage, is_safe=True)
    await stage.world._fund(stage.wallet.address)
    await exact(stage.living, stage.world)


async def _freeze(stage: Stage) -> None:
    """Its user freezes his wallet, and the sweeper does the rest."""
    before = _swept(stage)
    await stage.living.guard.freeze_wallet(stage.wallet)
    await _until_swept(stage, before)


async def _stolen_from(stage: Stage) -> None:
    """Somebody else uses the wallet's key."""
    before = _swept(stage)
    await Owner(stage.world, stage.wallet).sends(LAMPORTS)
    await _until_swept(stage, before)
    await exact(stage.living, stage.world)
    await stage.living.guard.acknowledge_outflow(stage.user.id)


async def _freeze_what_holds(stage: Stage) -> None:
    """The same of a wallet that holds a token: it follows, and its position ends."""
    await stage.hold()
    mint, wallet = stage.mint, stage.wallet
    await stage.living.guard.freeze_wallet(wallet)
    held = partial(_holds, stage, mint)
    await until(lambda: not held(), within_s=2 * SETTLED_WITHIN_S)
    await stage.final()


def _holds(stage: Stage, mint: str) -> bool:
    rows = stage.world.store._positions.values()
    return any(row.mint == mint and row.state is PositionState.OPEN for row in rows)


def _swept(stage: Stage) -> int:
    return int(stage.world.chain.call("getBalance", HOME, {"commitment": "processed"})["value"])


async def _until_swept(stage: Stage, before_lamports: int) -> None:
    await until(lambda: _swept(stage) > before_lamports, within_s=SETTLED_WITHIN_S)
    await stage.final()


def _request(stage: Stage) -> TradeRequest:
    stage.orders += 1
    return withdraw(f"out-{stage.orders}", stage.wallet, LAMPORTS, to=HOME, mode=Mode.LIVE)


async def _withdraw(stage: Stage) -> None:
    code = await _DEVICE.code(stage)
    await stage.living.desk.withdraw(_request(stage), code)
    await stage.final()


async def _withdraw_all(stage: Stage) -> None:
    """All but what somebody has put in since: what is left pays for the next one."""
    request = replace(_request(stage), spend_lamports=0, share_bps=BPS)
    code = await _DEVICE.code(stage)
    await stage.living.desk.withdraw(request, code)
    await stage.final()
    await stage.world._fund(stage.wallet.address)


async def _withdraw_in_vain(stage: Stage) -> None:
    await stage.living.desk.withdraw(_request(stage), "no code")
    await stage.settled()


WITHDRAWING = (
    Scenario("withdraw", _allow, _withdraw, only=(*ROAD, "SealedKeys.sign_withdrawal")),
    Scenario("withdraw all", _allow, _withdraw_all, only=("Withdrawals._planned",)),
    Scenario("withdraw in vain", _allow, _withdraw_in_vain, only=("Departure.give_up",)),
    Scenario("sweep", _allow_safe, _freeze, only=(*ROAD, "SealedKeys.sign_sweep")),
    Scenario(
        "sweep tokens",
        _allow_safe,
        _freeze_what_holds,
        only=("Withdrawals._planned_token", "Reconciler._swept_by"),
        clean=False,
    ),
    Scenario("sweep after a theft", _allow_safe, _stolen_from, only=("Compromise.compromised",), clean=False),
    Scenario("boot with a signed withdrawal", _allow, _withdraw, _SIGNED, only=("book_withdrawal",)),
)
