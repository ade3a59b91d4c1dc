"""A user's trading settings and the limits that follow from them and from the operator's ceilings."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bot.trading.position import ExitPlan
from bot.trading.roles import DEFAULT_LIMITS, Role, RoleLimits
from bot.trading.strategy import Strategy
from bot.trading.units import BPS, LAMPORTS_PER_SOL

# What a critical failure does with a user's positions: sell them all, or leave them to their owner.
FLATTEN = "flatten"
HOLD = "hold"
ON_CRITICAL = (FLATTEN, HOLD)

# A priority fee by what others pay, or the same each time.
AUTO = "auto"
FIXED = "fixed"
FEE_MODES = (AUTO, FIXED)
# Which routes an order takes, and what a protected one does that has not landed: goes on waiting, or takes every route.
PROTECTED = "protected"
OPEN = "open"
WAIT = "wait"
PROTECTIONS = (PROTECTED, OPEN)
UNLANDED = (WAIT, OPEN)

# What is bought by a strategy, as the end of a sentence.
BY_STRATEGY = {
    Strategy.MANUAL: "by hand",
    Strategy.SNIPER: "by your sniper",
    Strategy.AUTO: "by orders that wait or by your automated trader",
    Strategy.COPY: "by copying",
    None: "by others",
}


@dataclass(frozen=True, slots=True)
class UserSettings:
    """One row per user; the defaults are the seeds' (S0). Thresholds and shares are basis points.

    `snipe_epoch` counts the user's decisions to snipe afresh: one snipe run exists per user, mint and epoch.
    `snipe_min_curve_lamports` is the liquidity rule of bonding curves: SOL that real buyers put in so far.
    `trailing_stop_bps` counts from the highest quote seen, `take_profit_share_bps` is the part of the balance that the
    take-profit sells, once; the rest stays with the stops. `take_profit_levels` are instead of both
    (`bot/trading/profit_levels.py`). `on_critical` is one of ON_CRITICAL.
    `require_confirmation` puts a card with a quote before each order by hand; `check_honeypots` refuses entries into
    tokens that somebody can freeze, tax or take; `min_curve_lamports` is the liquidity rule of entries by hand.
    `flatten_at_loss_bps` counts in the limit of a day's loss: 30,000 sells everything at three times that loss.
    `max_top_holders_bps` is the most of the supply that the ten largest holders may have, curve and pool apart.
    The ten before it say how buys and sales land (`bot/trading/landing.py`). `role` is one of Role; admins give it, and the
    user cannot change it. It stands here so that limits by role are judged with all others, in the same transaction.
    `anti_rug` leaves a position when its token's creator sells `anti_rug_share_bps` of the supply within `anti_rug_within_s`,
    and for what else `bot/trading/rug.py` knows.
    `max_positions` counts over all of a user's wallets of a mode. The eight below it, and the three for copies, are of one
    strategy each, within the user's; None leaves it to those. What one snipe spends at most is `snipe_max_lamports`. A day's
    spend counts buys on their way and buys that filled, whatever became of their positions.
    Of a snipe the scam score may be `snipe_max_scam_bps` at most and the momentum `snipe_min_momentum_bps` at least, each of
    10,000. With `snipe_tells_only` the sniper tells of what it would buy, and buys nothing; `blacklist` is what it neither buys
    nor tells of, see `bot/trading/blacklist.py`. Who is `copyable` can be copied by his handle.
    The presets are what the buttons below a token's card buy and sell, in the order in which they stand there.
    """

    max_trade_lamports: int = LAMPORTS_PER_SOL
    max_position_lamports: int = LAMPORTS_PER_SOL
    daily_loss_limit_lamports: int = 5 * LAMPORTS_PER_SOL
    slippage_buy_bps: int = 500
    slippage_sell_bps: int = 1_500
    take_profit_bps: int | None = 2_000
    stop_loss_bps: int | None = 1_000
    max_hold_s: int | None = 900
    snipe_enabled: bool = False
    snipe_max_lamports: int = LAMPORTS_PER_SOL // 10
    snipe_min_confidence_bps: int = 6_500
    snipe_max_daily: int = 10
    snipe_only_strong_buy: bool = True
    snipe_min_curve_lamports: int = LAMPORTS_PER_SOL
    snipe_epoch: int = 1
    timezone: str = "UTC"
    require_confirmation: bool = True
    trailing_stop_bps: int | None = None
    take_profit_share_bps: int = BPS
    check_honeypots: bool = True
    on_critical: str = FLATTEN
    min_curve_lamports: int = 0
    flatten_at_loss_bps: int | None = None
    fee_mode_buy: str = AUTO
    fee_buy_lamports: int = 500_000
    tip_buy_lamports: int = 100_000
    protection_buy: str = PROTECTED
    unlanded_buy: str = WAIT
    fee_mode_sell: str = AUTO
    fee_sell_lamports: int = 400_000
    tip_sell_lamports: int = 100_000
    protection_sell: str = OPEN
    unlanded_sell: str = OPEN
    max_top_holders_bps: int | None = None
    role: str = Role.BASIC
    preset_buys_lamports: tuple[int, ...] = (LAMPORTS_PER_SOL // 10, LAMPORTS_PER_SOL // 2, LAMPORTS_PER_SOL)
    preset_sells_bps: tuple[int, ...] = (BPS // 4, BPS // 2, BPS)
    take_profit_levels: tuple[int, ...] = ()
    anti_rug: bool = False
    anti_rug_share_bps: int = 200
    anti_rug_within_s: int = 60
    max_positions: int | None = None
    manual_max_trade_lamports: int | None = None
    auto_max_trade_lamports: int | None = None
    manual_max_positions: int | None = None
    sniper_max_positions: int | None = None
    auto_max_positions: int | None = None
    manual_daily_spend_lamports: int | None = None
    sniper_daily_spend_lamports: int | None = None
    auto_daily_spend_lamports: int | None = None
    snipe_max_scam_bps: int | None = None
    snipe_min_momentum_bps: int | None = None
    snipe_tells_only: bool = False
    blacklist: tuple[str, ...] = ()
    copy_max_trade_lamports: int | None = None
    copy_max_positions: int | None = None
    copy_daily_spend_lamports: int | None = None
    copyable: bool = False

    @property
    def exit_plan(self) -> ExitPlan:
        """The plan that a new position is opened with."""
        return ExitPlan(
            take_profit_bps=self.take_profit_bps,
            stop_loss_bps=self.stop_loss_bps,
            max_hold_s=self.max_hold_s,
            trailing_stop_bps=self.trailing_stop_bps,
            take_profit_share_bps=self.take_profit_share_bps,
            take_profit_levels=self.take_profit_levels,
            rug_share_bps=self.anti_rug_share_bps if self.anti_rug else None,
            rug_within_s=self.anti_rug_within_s,
        )


def is_time_zone(name: str) -> bool:
    """Whether the time zone database knows a name; a user's day, and so every limit of a day, hangs on it."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The operator's global limits; nobody, not even an admin, trades beyond them.

    `max_slippage_bps` bounds entries only: an exit that must not slip may not happen at all. `min_curve_lamports` and
    `always_check_tokens` are floors of the user's settings of these names. `flatten_at_loss_bps` binds whoever set a
    greater one or none. `roles` are the limits of each role, in the order of Role. Nobody buys a mint of the `blacklist`, and no
    sniper below `snipe_min_confidence_bps` or `snipe_min_momentum_bps`, whatever its user asks for; 0 asks for nothing.
    """

    max_trade_lamports: int = LAMPORTS_PER_SOL
    max_position_lamports: int = LAMPORTS_PER_SOL
    max_open_positions: int = 50
    max_daily_loss_lamports: int = 5 * LAMPORTS_PER_SOL
    min_trade_lamports: int = LAMPORTS_PER_SOL // 1_000
    max_slippage_bps: int = 2_500
    max_priority_fee_lamports: int = 5_000_000
    max_tip_lamports: int = 5_000_000
    min_curve_lamports: int = 0
    always_check_tokens: bool = False
    flatten_at_loss_bps: int | None = None
    roles: tuple[RoleLimits, RoleLimits, RoleLimits, RoleLimits] = DEFAULT_LIMITS
    blacklist: tuple[str, ...] = ()
    snipe_min_confidence_bps: int = 0
    snipe_min_momentum_bps: int = 0

    def of_role(self, role: str) -> RoleLimits:
        """What everybody of this role may risk."""
        return self.roles[Role(role).rank]


@dataclass(frozen=True, slots=True)
class Limit:
    """An effective limit and the rule that set it; the value is in the unit of the two that were compared."""

    value: int
    rule: str


def effective(mine: int, ceiling: int, name: str, *, by_role: int | None = None, role: str = Role.BASIC) -> Limit:
    """The least of the user's own limit, his role's and the operator's; of equal ones the user's own, then his role's."""
    least = Limit(mine, f"your {name}")
    if by_role is not None and by_role < least.value:
        least = Limit(by_role, f"your role's {name} ({role})")
    return Limit(ceiling, f"the operator's {name}") if ceiling < least.value else least


def trade_limit(settings: UserSettings, ceilings: Ceilings, strategy: Strategy | None = None) -> Limit:
    """The most that one buy of a user spends, by one strategy where that is named."""
    own = effective(
        settings.max_trade_lamports,
        ceilings.max_trade_lamports,
        "limit per trade",
        by_role=ceilings.of_role(settings.role).max_trade_lamports,
        role=settings.role,
    )
    mine = {
        Strategy.MANUAL: settings.manual_max_trade_lamports,
        Strategy.AUTO: settings.auto_max_trade_lamports,
        Strategy.COPY: settings.copy_max_trade_lamports,
    }.get(strategy or Strategy.SNIPER)
    return own if mine is None or mine >= own.value else Limit(mine, f"your limit per trade {BY_STRATEGY[strategy]}")


def positions_limit(settings: UserSettings, ceilings: Ceilings) -> Limit:
    """The most open positions of a user, over all of his wallets of a mode."""
    mine = settings.max_positions
    if mine is None or mine > ceilings.max_open_positions:
        return Limit(ceilings.max_open_positions, "the operator's limit")
    return Limit(mine, "your limit")


def strategy_positions_limit(settings: UserSettings, strategy: Strategy | None) -> int | None:
    """The most open positions that one strategy opened; None for no limit of its own."""
    return {
        Strategy.MANUAL: settings.manual_max_positions,
        Strategy.SNIPER: settings.sniper_max_positions,
        Strategy.AUTO: settings.auto_max_positions,
        Strategy.COPY: settings.copy_max_positions,
        None: None,
    }[strategy]


def strategy_spend_limit(settings: UserSettings, strategy: Strategy | None) -> int | None:
    """The most lamports that one strategy spends in a user's day; None for no limit of its own."""
    return {
        Strategy.MANUAL: settings.manual_daily_spend_lamports,
        Strategy.SNIPER: settings.sniper_daily_spend_lamports,
        Strategy.AUTO: settings.auto_daily_spend_lamports,
        Strategy.COPY: settings.copy_daily_spend_lamports,
        None: None,
    }[strategy]


def position_limit(settings: UserSettings, ceilings: Ceilings) -> Limit:
    """The most that a user has in one token."""
    return effective(
        settings.max_position_lamports,
        ceilings.max_position_lamports,
        "limit per position",
        by_role=ceilings.of_role(settings.role).max_position_lamports,
        role=settings.role,
    )


def day_loss_limit(settings: UserSettings, ceilings: Ceilings) -> Limit:
    """The loss of a day that closes a user's entries."""
    return effective(
        settings.daily_loss_limit_lamports,
        ceilings.max_daily_loss_lamports,
        "limit of a day's loss",
        by_role=ceilings.of_role(settings.role).max_daily_loss_lamports,
        role=settings.role,
    )


def exposure_limit(settings: UserSettings, ceilings: Ceilings) -> Limit:
    """The most that a user has in open positions and in buys on their way, in one mode."""
    most = ceilings.of_role(settings.role).max_exposure_lamports
    return Limit(most, f"your role's limit of what is at risk ({settings.role})")


def effective_floor(mine: int, floor: int, name: str) -> Limit:
    """The greatest of what the user asks for and what the operator asks for."""
    if floor > mine:
        return Limit(floor, f"the operator's {name}")
    return Limit(mine, f"your {name}")


def entry_slippage_bps(asked_bps: int, ceilings: Ceilings) -> int:
    """How much less a buy may bring than its quote."""
    return min(asked_bps, ceilings.max_slippage_bps)


def checks_tokens(settings: UserSettings, ceilings: Ceilings) -> bool:
    """Whether a token's mint is judged before this user buys it."""
    return settings.check_honeypots or ceilings.always_check_tokens
