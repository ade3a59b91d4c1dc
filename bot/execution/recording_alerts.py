"""What operators hear of the recording of the market."""

from __future__ import annotations

from bot.execution.alerts import Alert, Turn
from bot.trading.runbooks import RECORDING
from bot.trading.units import counted


def recording_stopped(why: str) -> Alert:
    """The recording of the market has not gone on for a while."""
    text = f"The recording of the market does not go on: {why}. Trading is not touched; what is not recorded is lost."
    return Alert("recording", text, RECORDING, Turn.BEGINS)


def recording_goes_on(dropped: int) -> Alert:
    """The disk takes the recording again; `dropped` rows were lost since the bot's start."""
    text = f"The recording of the market goes on; {counted(dropped, 'row')} dropped since the start."
    return Alert("recording", text, RECORDING, Turn.ENDS)
