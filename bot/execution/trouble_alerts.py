"""What an operator must hear that is no pause: what crashed, a day's loss, a wallet that runs dry, a file that is not taken."""

from __future__ import annotations

import re

from bot.execution.alerts import Alert, Turn
from bot.ports import Wallet
from bot.trading.runbooks import CRASHED, DAY_LOSS, EXIT_FEES, SETTINGS_FILE
from bot.trading.units import counted, format_sol

FIXED_NAME = re.compile("[a-z_]+")  # of an actor of the fixed tree; ids and addresses have digits or capitals in them


def crashed(path: str, kind: str, errors: str, budget_left: int | None) -> Alert:
    """An actor ended by an error that nobody had thought of, or does not end. `errors` names their classes.

    What an error says is in the log alone: it may hold what somebody typed, or an address with a key in it.
    """
    left = "" if budget_left is None else f", {counted(budget_left, 'more restart')} before it is given up"
    what = f"ended by {errors}" if errors else f"does not run as it should ({kind})"
    text = f"{path} {what}; it is started again{left}. The log has where, as supervision with this path."
    return Alert(f"crashed {_group(path)} {errors or kind}", text, CRASHED, urgent=True)


def _group(path: str) -> str:
    """Whose crashes are one alert a minute: an actor of the fixed tree by itself, those that have an id together."""
    parent, _, name = path.rpartition("/")
    return path if FIXED_NAME.fullmatch(name) else parent


def exception_logged(event: str, error: str) -> Alert:
    """An error that nobody had thought of was caught where one command or request ends; its text is in the log alone."""
    text = f"{event} was logged with {error}, an error that nobody had thought of. What it was about is given up."
    return Alert(f"exception {event} {error}", text, CRASHED, urgent=True)


def day_loss(user_id: str, why: str) -> Alert:
    """The loss of a user's day closed his entries."""
    text = f"Entries of user {user_id} are closed: {why}. His exits go on; nobody else is touched."
    return Alert(f"day_loss {user_id}", text, DAY_LOSS, urgent=True)


def wallet_low(wallet: Wallet, lamports: int, positions: int, missing_lamports: int) -> Alert:
    """A wallet has less SOL than the sales of what it holds may cost."""
    text = (
        f"Wallet {wallet.address} of user {wallet.user_id} has {format_sol(lamports)} SOL, {format_sol(missing_lamports)} SOL"
        f" less than the sales of its {counted(positions, 'position')} may cost. They are tried with the fee that is left,"
        " which may be too little to land; he was told to send SOL."
    )
    return Alert(f"wallet_low {wallet.id}", text, EXIT_FEES, Turn.BEGINS, urgent=True)


def wallet_filled(wallet_id: str) -> Alert:
    """It has enough again, or holds nothing any more."""
    return Alert(f"wallet_low {wallet_id}", "That wallet can pay for its sales again.", EXIT_FEES, Turn.ENDS)


def settings_not_taken(why: str) -> Alert:
    """The settings file changed and cannot count as it is; `why` begins with its name."""
    text = f"{why.splitlines()[0].rstrip('.;:')}. What held before holds on; bot config get says all that is wrong."
    return Alert("settings_file", text, SETTINGS_FILE, Turn.BEGINS)


def settings_taken(name: str) -> Alert:
    """A later state of the file counts."""
    return Alert("settings_file", f"{name} is taken as it is now.", SETTINGS_FILE, Turn.ENDS)
