"""How orders are sent and followed: fees, compute units and intervals, made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bot.trading.limits import Ceilings


@dataclass(slots=True)
class Policy:
    """Operators change it while the bot runs, all at once by `take`; whoever holds it reads it anew for each order.

    Units are in the names. `price_max_age_ms` bounds the age of reserves that a trade may be quoted from.

    A buy's compute-unit limit is what a simulation used, raised by a fifth and never above `compute_units_buy`; a sale
    is not simulated before it landed with an error once, because an exit has no time for it: it carries half as much again
    as sales of its kind used, and until that is known `compute_units_sell`, of which mainnet uses about 48,000 for a sale
    and few for closing the account. In a pool the most is `compute_units_pool`, because wrapping and unwrapping SOL comes
    on top. By an aggregator's offer it is `compute_units_route`, and a sale is simulated too: nobody knows before what such
    an order uses, nor whether it is what was asked for. `planned_max_age_ms` is how long an intent may stay unsigned before
    its maker is taken for dead. The priority fee is what the market pays, from `priority_fee_lamports` up to what the
    order's user allows and the operator's ceiling. A token account that was seen empty for `close_emptied_after_s` is closed,
    None keeps all of them. Each virtual wallet begins with `paper_start_lamports`. `user_credits_per_minute` is what the
    questions of one user may cost the endpoints.
    """

    ceilings: Ceilings
    priority_fee_lamports: int = 50_000
    compute_units_buy: int = 260_000
    compute_units_sell: int = 160_000
    compute_units_pool: int = 300_000
    compute_units_route: int = 1_000_000
    confirm_interval_s: float = 0.3
    resend_interval_s: float = 2.0
    rescue_interval_s: float = 5.0
    planned_max_age_ms: int = 30_000
    price_max_age_ms: int = 3_000
    probe_interval_s: float = 1.0
    audit_interval_s: float = 30.0
    finality_interval_s: float = 5.0
    canary_interval_s: float = 3_600.0
    close_emptied_after_s: float | None = 600.0
    user_credits_per_minute: int = 120
    paper_start_lamports: int = 10_000_000_000

    def take(self, other: Policy) -> None:
        """Become what another one is; nothing waits in between, so that nobody sees half of it."""
        for one in fields(self):
            setattr(self, one.name, getattr(other, one.name))
