"""From an opinion about a token to one user's signal, or to the reason why it is ignored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from bot.trading.limits import Ceilings, UserSettings
from bot.trading.sizing import Edge, snipe_size
from bot.trading.units import format_sol
from bot.trading.weight import FULL, Weight

STRONG_CONFIDENCE_BPS = 8_000  # D-24: a strong buy is action buy with at least this confidence

# Components that users may ask something of.
SCAM, MOMENTUM = "scam", "momentum"


class Action(StrEnum):
    BUY = "buy"
    SELL = "sell"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Component:
    """One part of an opinion: what it measures, how much there is of it in 0..10,000, and the numbers behind it."""

    name: str
    bps: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the bot thinks of a token, once for all users.

    `confidence_bps` is 0..10,000; `reasons` are short sentences with their numbers; `curve_lamports` is the SOL that
    buyers have put into the curve; `version` names the rules or the model that gave it. `hazards` are what its mint
    lets somebody do to its holders, see `token_check`; `components` are what was measured of the token beside its first
    trades. `edge` is what a model expects of an entry, None where rules judged.
    """

    mint: str
    action: Action
    confidence_bps: int
    reasons: tuple[str, ...]
    curve_lamports: int
    virtual_quote_lamports: int
    version: str
    at_ms: int
    hazards: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    edge: Edge | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """The user buys: how much and why."""

    spend_lamports: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """The user does not buy. `code` is stable and short."""

    code: str
    reason: str


def judge(opinion: Opinion, settings: UserSettings, weight: Weight = FULL) -> Signal | Ignored:
    """Hold an opinion against one user's thresholds; `weight` is what his sniper's results leave of its amount."""
    confidence = f"{opinion.confidence_bps / 100:.0f} %"
    if opinion.action is not Action.BUY:
        return Ignored(
            "not_a_buy", f"{opinion.action}: {opinion.reasons[0] if opinion.reasons else 'nothing speaks for it'}"
        )
    if settings.check_honeypots and opinion.hazards:
        return Ignored("unsafe", f"not safe: {opinion.hazards[0]}")
    if opinion.confidence_bps < settings.snipe_min_confidence_bps:
        return Ignored(
            "confidence", f"confidence {confidence}, you ask for {settings.snipe_min_confidence_bps / 100:.0f} %"
        )
    if settings.snipe_only_strong_buy and opinion.confidence_bps < STRONG_CONFIDENCE_BPS:
        return Ignored("not_strong", f"confidence {confidence}, a strong buy has {STRONG_CONFIDENCE_BPS / 100:.0f} %")
    if opinion.curve_lamports < settings.snipe_min_curve_lamports:
        return Ignored(
            "liquidity",
            f"{format_sol(opinion.curve_lamports)} SOL in the curve, you ask for"
            f" {format_sol(settings.snipe_min_curve_lamports)} SOL",
        )
    if (missed := _measured_otherwise(opinion, settings)) is not None:
        return missed
    size = snipe_size(settings, opinion.virtual_quote_lamports, opinion.edge, weight)
    less = f" ({'; '.join(size.why_less)})" if size.why_less else ""
    if size.lamports <= 0:
        return Ignored("size", f"your amounts and 1 % of the curve's virtual SOL leave nothing to spend{less}")
    return Signal(size.lamports, f"confidence {confidence}: {'; '.join(opinion.reasons)}{less}")


def below_floor(opinion: Opinion, ceilings: Ceilings) -> Ignored | None:
    """Why no sniper buys this, whatever its user asks for; what was not measured is below every floor of momentum."""
    if opinion.confidence_bps < (least := ceilings.snipe_min_confidence_bps):
        told = f"confidence {opinion.confidence_bps / 100:.0f} %, the operator asks for {least / 100:.0f} %"
        return Ignored("confidence", told)
    momentum_bps = {part.name: part.bps for part in opinion.components}.get(MOMENTUM)
    if (least := ceilings.snipe_min_momentum_bps) and (momentum_bps is None or momentum_bps < least):
        told = "not known" if momentum_bps is None else f"{momentum_bps / 100:.0f}"
        return Ignored("momentum", f"momentum {told}, the operator asks for {least / 100:.0f} of 100")
    return None


def _measured_otherwise(opinion: Opinion, settings: UserSettings) -> Ignored | None:
    """Why what was measured beside the first trades is not what the user asks for; what was not measured never is."""
    measured = {part.name: part.bps for part in opinion.components}
    scam_bps, momentum_bps = measured.get(SCAM), measured.get(MOMENTUM)
    if (most := settings.snipe_max_scam_bps) is not None and (scam_bps is None or scam_bps > most):
        told = "not known" if scam_bps is None else f"{scam_bps / 100:.0f}"
        return Ignored("scam", f"scam score {told}, you take up to {most / 100:.0f} of 100")
    if (least := settings.snipe_min_momentum_bps) is not None and (momentum_bps is None or momentum_bps < least):
        told = "not known" if momentum_bps is None else f"{momentum_bps / 100:.0f}"
        return Ignored("momentum", f"momentum {told}, you ask for {least / 100:.0f} of 100")
    return None


def drawn(mint: str, user_ids: Iterable[str]) -> list[str]:
    """In which order users are told of an opinion: drawn anew for each token, so that nobody is always the first."""
    return sorted(user_ids, key=lambda user_id: sha256(f"{mint} {user_id}".encode()).digest())
