"""What a failure of an order means, in words for the user whose order it was.

No address, exception or raw error of the chain comes in; those are for the log.
"""

from __future__ import annotations

from bot.errors import (
    BudgetSpent,
    ChainUnavailable,
    Conflict,
    DecodeError,
    KeyUnavailable,
    RouterUnavailable,
    SendRejected,
    SigningRefused,
    WalletFrozen,
)

# The launchpad's errors that a trade of ours can meet; names and codes from the interface description of SDK 2.0.0.
LAUNCHPAD_ERRORS = {
    6002: ("TooMuchSolRequired", "the price rose past the limit"),
    6003: ("TooLittleSolReceived", "the price fell below the limit"),
    6005: ("BondingCurveComplete", "the coin has left its curve and trades in its pool"),
    6020: ("BuyZeroAmount", "the amount buys nothing"),
    6021: ("NotEnoughTokensToBuy", "the curve does not hold that many tokens"),
    6022: ("SellZeroAmount", "the amount sells nothing"),
    6023: ("NotEnoughTokensToSell", "the wallet does not hold that many tokens"),
    6024: ("Overflow", "the amounts do not fit the curve"),
    # To the pool program this number says that a buy brings too little, BuySlippageBelowMinBaseAmountOut.
    6040: (
        "BuyNotEnoughSolToCoverRent",
        "the price rose past the limit, or the amount does not cover an account's rent",
    ),
    6041: ("BuyNotEnoughSolToCoverFees", "the amount does not cover the fees"),
    6042: ("BuySlippageBelowMinTokensOut", "the price rose past the limit"),
    6062: ("BuybackFeeRecipientMissing", "the program wants a fee account that was not named"),
}
CURVE_COMPLETE = 6005
# Those of the pool program that are none of the launchpad's; where both use a number, the launchpad's meaning is told.
POOL_ERRORS = {
    6004: ("ExceededSlippage", "the price moved past the limit"),
    6063: ("InsufficientRealQuoteReserves", "the pool does not hold that much SOL"),
}
# Those of the aggregator's program that are neither's (its interface description).
ROUTER_ERRORS = {6001: ("SlippageToleranceExceeded", "the price moved past the limit")}
# The code that the system program and both token programs give to whoever has not enough.
NOT_ENOUGH = 1
# What a sale meets that is of more than the wallet holds: the launchpad has a code of its own for it.
NOT_ENOUGH_TO_SELL = 6023
TOO_LITTLE_THERE = frozenset({NOT_ENOUGH, NOT_ENOUGH_TO_SELL})
# The code of both token programs for an account that the mint's authority has frozen, and for one that is to be closed
# and is not empty; and Token-2022's own for one that is to be closed and keeps the token's fees until somebody takes them.
FROZEN = 17
NOT_EMPTY = 11
WITHHOLDS_FEES = 35
# A sale that meets these sells all the same where it leaves the account open.
OF_CLOSING = frozenset({NOT_EMPTY, WITHHOLDS_FEES})
# What else the token programs say of a coin that can be bought and not be sold (`TokenError` of Token-2022).
TOKEN_ERRORS = {
    FROZEN: "somebody who may has frozen the token in your wallet",
    NOT_EMPTY: "somebody sent tokens to the account that it closes",
    WITHHOLDS_FEES: "the account that it closes keeps fees of the token",
    36: "whoever takes the token there asks for a memo with each transfer, which no market sends",
    37: "the token cannot be transferred",
    67: "somebody who may has stopped all transfers of the token",
}
# Nothing that a seller does changes these.
NOT_TO_BE_SOLD = frozenset({36, 37, 67})
ANCHOR_FROM = 100  # the smallest code of a program that is written with Anchor, as the launchpad is

# What a sale says that failed by its price alone.
PRICE_CODES = frozenset({6001, 6003, 6004})
PRICE_FAILURES = frozenset({LAUNCHPAD_ERRORS[6003][1], POOL_ERRORS[6004][1]})
# What a sale meets that was made for where its coin traded before: the curve is complete, or an account that it names is
# not the one that belongs there any more (Anchor: a seed that does not fit, another owner, no account).
WRONG_MARKET = frozenset({CURVE_COMPLETE, 2006, 3007, 3012})

_REJECTED = {
    "expired": "it was made too long ago for the network to take it",
    "simulation": "the network says that it would fail now",
    "routed": "a dry run tries no token that trades by an aggregator's offers alone; nothing was sent",
}
_TROUBLES: tuple[tuple[type[Exception], str], ...] = (
    (
        BudgetSpent,
        "the requests that this bot may ask of the chain are used, but for exits; nothing was sent, tell the operator",
    ),
    (
        RouterUnavailable,
        "this token trades only where Jupiter finds a market, and Jupiter does not answer now; nothing was sent, try again"
        " shortly",
    ),
    (ChainUnavailable, "no route to the chain answers now; nothing was sent, try again shortly"),
    (
        WalletFrozen,
        "the vault, which signs, says that the wallet is frozen; nothing was sent, and /unfreeze with a code ends that",
    ),
    (SigningRefused, "the vault does not sign it; the operator has to look, and nothing was sent"),
    (KeyUnavailable, "the wallet's key cannot be used now; the operator has to look"),
    (DecodeError, "what the chain says of this token cannot be read; nothing was sent"),
    (Conflict, "the order went on in another way meanwhile; see /positions"),
)


def program_failure(code: int | None) -> str:
    """What a program's own error code means; None is an error that no program gave."""
    if code is None:
        return "the network could not carry it out"
    if code == NOT_ENOUGH:
        return "the wallet does not hold enough for it"
    if code in TOKEN_ERRORS:
        return TOKEN_ERRORS[code]
    named = LAUNCHPAD_ERRORS.get(code) or POOL_ERRORS.get(code) or ROUTER_ERRORS.get(code)
    who = "the launchpad" if code >= ANCHOR_FROM else "the token program"
    return named[1] if named else f"{who} refused it (its error {code})"


def after_failed_sale(code: int | None) -> str:
    """What whoever sold by hand can do, once his sale has landed with this error and is not tried again by itself."""
    if code in PRICE_CODES:
        return "/sell it again to take the price of that moment; /settings slippage_sell says how far it may fall meanwhile."
    if code in WRONG_MARKET:
        return "It waits for its pool, mostly for less than a minute: /sell it again then."
    if code == FROZEN:
        return "Nobody can sell it before it is thawed."
    if code in NOT_TO_BE_SOLD:
        return "You still hold it, and nobody can sell it as long as that is so; it may be worth nothing."
    if code == NOT_ENOUGH:
        return "The chain shows less in your wallet than was known of it: look at /positions, then /sell it again."
    return "You still hold it: /sell it again, or look at /positions."


def order_failure(error: Exception) -> str:
    """Why an order was not made or not sent; an error whose text is for people anyway keeps it."""
    if isinstance(error, SendRejected):
        if error.program_error is not None:
            return f"it would fail now: {program_failure(error.program_error)}"
        if error.kind == "untrusted":
            return str(error)
        return _REJECTED.get(error.kind, "the network refuses the transaction as it was made")
    return next((words for kind, words in _TROUBLES if isinstance(error, kind)), str(error))
