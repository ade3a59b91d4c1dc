"""Users, requests, fills and the steps between them, as the tests of storage use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.ports import MakeMessage, OutboxMessage, SealedKey, Settled, SnipeRun, Store, User, Wallet
from bot.trading.fill import Fill, LandedTransaction
from bot.trading.intent import Attempt, AttemptState, Context, Intent, Mode, Protection, Side, TradeRequest
from bot.trading.ledger import legs_of_fill
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import Position
from bot.trading.risk_gate import Admitted, Refused, RiskSnapshot
from bot.trading.signal import Component

NOW_MS = 1_790_000_000_123
MINT = "MintOne"
KEY = SealedKey("master-1", b"wrapped\0", b"cipher\xff")
RESERVED = 700


async def enrol(
    store: Store, name: str = "ada", settings: UserSettings | None = None, telegram_id: int | None = None
) -> Wallet:
    """A user `u-<name>` with a wallet `w-<name>`."""
    user = User(f"u-{name}", name, telegram_id, Mode.PAPER, "consent-1")
    wallet = Wallet(f"w-{name}", user.id, f"Address-{name}", user.mode)
    assert await store.create_user(user, wallet, KEY, settings or UserSettings())
    return wallet


def buy(
    key: str,
    wallet: Wallet,
    *,
    mint: str = MINT,
    spend_lamports: int = 500,
    mode: Mode = Mode.PAPER,
    context: Context = Context.MANUAL_COMMAND,
    causation_id: str = "command-1",
) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=mode,
        side=Side.BUY,
        mint=mint,
        context=context,
        slippage_bps=500,
        protection=Protection.PROTECTED,
        causation_id=causation_id,
        reason="it looked good",
        spend_lamports=spend_lamports,
    )


def sell(
    key: str,
    wallet: Wallet,
    *,
    mint: str = MINT,
    mode: Mode = Mode.PAPER,
    token_raw: int = 0,
    context: Context = Context.AUTOMATED,
    reason: str = "take_profit",
) -> TradeRequest:
    return TradeRequest(
        key=key,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=mode,
        side=Side.SELL,
        mint=mint,
        context=context,
        slippage_bps=1_500,
        protection=Protection.OPEN,
        causation_id="position-1",
        reason=reason,
        token_raw=token_raw,
        share_bps=0 if token_raw else 10_000,
        position_id="position-1",
    )


def close(key: str, wallet: Wallet, *mints: str, mode: Mode = Mode.PAPER) -> TradeRequest:
    """A closing of the emptied accounts of these mints."""
    return TradeRequest(
        key=key,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=mode,
        side=Side.CLOSE,
        mint="",
        context=Context.AUTOMATED,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id=wallet.id,
        reason="emptied accounts",
        closes=mints,
    )


def closed(signature: str, closed_lamports: Mapping[str, int], *, fee_lamports: int = 6_000) -> LandedTransaction:
    """What the chain shows of a transaction that closed accounts with so much in them."""
    return LandedTransaction(
        signature=signature,
        slot=77,
        block_time_s=NOW_MS // 1000,
        error=None,
        program_error=None,
        network_fee_lamports=fee_lamports,
        wallet_delta_lamports=sum(closed_lamports.values()) - fee_lamports,
        token_delta_raw=0,
        rent_delta_lamports=0,
        trade=None,
        closed=closed_lamports,
    )


def withdraw(key: str, wallet: Wallet, lamports: int, *, to: str = "Home", mode: Mode = Mode.PAPER) -> TradeRequest:
    """SOL to be sent out."""
    return TradeRequest(
        key=key,
        user_id=wallet.user_id,
        wallet_id=wallet.id,
        mode=mode,
        side=Side.WITHDRAW,
        mint="",
        context=Context.MANUAL_COMMAND,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id=key,
        reason="command",
        spend_lamports=lamports,
        to_address=to,
    )


def sent_out(signature: str, lamports: int, *, fee_lamports: int = 25_000) -> LandedTransaction:
    """What the chain shows of a transaction that sent so much out."""
    gone = closed(signature, {}, fee_lamports=fee_lamports)
    return replace(gone, wallet_delta_lamports=-lamports - fee_lamports)


def let_in(_: RiskSnapshot) -> Admitted:
    """A gate that admits everything."""
    return Admitted(RESERVED)


async def ask(
    store: Store,
    request: TradeRequest,
    *,
    intent_id: str | None = None,
    now_ms: int = NOW_MS,
    wallet_lamports: int = 1_000_000,
    unrealized_lamports: int = 0,
    ceilings: Ceilings | None = None,
    pause_causes: tuple[str, ...] = (),
    day_start_ms: int = 0,
    gate: Callable[[RiskSnapshot], Admitted | Refused] = let_in,
    run: SnipeRun | None = None,
) -> Intent | Refused:
    """`admit` with what most tests do not care about filled in; the intent's id is `i-<key>`."""
    return await store.admit(
        request,
        intent_id=intent_id or f"i-{request.key}",
        now_ms=now_ms,
        wallet_lamports=wallet_lamports,
        unrealized_lamports=unrealized_lamports,
        ceilings=ceilings or Ceilings(),
        pause_causes=pause_causes,
        day_start_ms=day_start_ms,
        gate=gate,
        run=run,
    )


async def planned(store: Store, request: TradeRequest, *, now_ms: int = NOW_MS) -> Intent:
    intent = await ask(store, request, now_ms=now_ms)
    assert isinstance(intent, Intent)
    return intent


async def seen_by_gate(store: Store, request: TradeRequest, **known: object) -> RiskSnapshot:
    """What the gate is shown for a request; nothing is admitted."""
    seen: list[RiskSnapshot] = []

    def gate(snapshot: RiskSnapshot) -> Refused:
        seen.append(snapshot)
        return Refused("look", "only looking")

    assert await ask(store, request, gate=gate, **known) == Refused("look", "only looking")  # type: ignore[arg-type]
    return seen[0]


def attempt(
    intent_id: str, signature: str, number: int = 1, raw: bytes = b"\0bytes\xff", *, sells_all: bool = True
) -> Attempt:
    return Attempt(
        signature=signature,
        intent_id=intent_id,
        number=number,
        raw=raw,
        last_valid_block_height=2**40,
        token_raw=2**64 - 1,
        limit_raw=2**63,
        state=AttemptState.SIGNED,
        created_at_ms=NOW_MS,
        sells_all=sells_all,
        fee_lamports=2**40,
    )


async def signed(store: Store, request: TradeRequest) -> Intent:
    """An intent whose attempt `s-<key>` is committed and has not left."""
    intent = await planned(store, request)
    await store.record_attempt(attempt(intent.id, f"s-{request.key}"))
    return intent


async def sent(store: Store, request: TradeRequest) -> Intent:
    """An intent whose attempt `s-<key>` may have left."""
    intent = await signed(store, request)
    await store.mark_sent(f"s-{request.key}", NOW_MS)
    return intent


def fill_of(
    request: TradeRequest, *, token_raw: int = 1_000, quote_lamports: int = 400, block_time_s: int = NOW_MS // 1000
) -> Fill:
    """A fill with the signature `s-<key>`; fees are 5 + 2 + 1 + 2 lamports, no rent."""
    moved = -quote_lamports if request.side is Side.BUY else quote_lamports
    return Fill(
        signature=f"s-{request.key}",
        slot=77,
        block_time_s=block_time_s,
        side=request.side,
        token_raw=token_raw,
        quote_lamports=quote_lamports,
        protocol_fee_lamports=5,
        creator_fee_lamports=2,
        network_fee_lamports=2,
        rent_lamports=0,
        other_lamports=0,
        wallet_delta_lamports=moved - 10,
        lp_fee_lamports=1,
    )


def message(
    message_id: str, user_id: str, *, urgent: bool = False, at_ms: int = NOW_MS, **payload: object
) -> OutboxMessage:
    return OutboxMessage(message_id, user_id, "fill", payload, urgent, "trace-1", at_ms)


def told(user_id: str, message_id: str) -> MakeMessage:
    """What makes the message of a settlement; its payload is the position's tokens and the realised PnL."""

    def make(position: Position, realized_lamports: int) -> OutboxMessage:
        return message(message_id, user_id, tokens=position.token_raw, realized=realized_lamports)

    return make


async def settled(store: Store, request: TradeRequest, fill: Fill, *, position_id: str = "p-1") -> Settled:
    """Settle a sent intent with balanced legs and a message `m-<key>`."""
    return await store.settle(
        f"i-{request.key}",
        fill,
        legs=legs_of_fill(fill),
        position_id=position_id,
        message=told(request.user_id, f"m-{request.key}"),
    )


async def bought(
    store: Store, key: str, wallet: Wallet, *, position_id: str = "p-1", token_raw: int = 1_000, **kind: object
) -> Position:
    """A whole buy, from the request to the open position."""
    request = buy(key, wallet, **kind)  # type: ignore[arg-type]
    await sent(store, request)
    return (await settled(store, request, fill_of(request, token_raw=token_raw), position_id=position_id)).position


def run(
    run_id: str, user_id: str, *, mint: str = MINT, epoch: int = 1, status: str = "ANALYZED", at_ms: int = NOW_MS
) -> SnipeRun:
    parts = (Component("momentum", 4_200, ""), Component("scam", 0, ""))
    return SnipeRun(
        run_id,
        user_id,
        mint,
        epoch,
        status,
        "a look",
        7_000,
        "launch-signature",
        at_ms,
        version="rules-2",
        components=parts,
    )
