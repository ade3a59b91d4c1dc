"""What is said of what users think of a token."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ports import Remark
from bot.telegram.words import short
from bot.trading.community import RATING_MOST, WEIGHT_MAX, Crowd, Rating, Voice, weight_of
from bot.trading.units import counted

COMMENTS_SHOWN = 8
MEANS = (
    "A voice weighs 0 to 100: by how long and how much its user has traded live, and by what he paid for this token."
    " It is an opinion of strangers and no advice."
)


def community_text(mint: str, voices: Sequence[Voice], crowd: Crowd, now_ms: int) -> str:
    """The mean, the warnings, and the latest comments with what each voice weighs; hidden ones are left out."""
    shown = [voice for voice in voices if not voice.hidden_why]
    if not shown:
        return f"Nobody has rated {short(mint)} here. /rate_token {mint} 7 does; a comment may follow."
    comments = [
        f"  {_said(voice.rating)} (weight {weight_of(voice, now_ms)}, no {voice.number})"
        for voice in shown
        if voice.rating.comment or voice.rating.flag is not None
    ]
    return "\n".join(
        [
            f"{short(mint)}: {counted(len(shown), 'rating')}. {_crowd(crowd)}",
            *(f"{bps / 100:.0f} % of the weight warn of a {flag}" for flag, bps in crowd.flags_bps.items()),
            *comments[:COMMENTS_SHOWN],
            MEANS,
        ]
    )


def remarks_text(remarks: Sequence[Remark]) -> str:
    """The latest for an admin, with their numbers."""
    if not remarks:
        return "Nobody has said anything of a token yet."
    lines = [
        f"no {one.number} of {short(one.rating.mint)}: {_said(one.rating)}"
        + (f" (hidden: {one.hidden_why})" if one.hidden_why else "")
        for one in remarks
    ]
    return "\n".join(["The latest that users said of tokens:", *lines])


def _crowd(crowd: Crowd) -> str:
    if not crowd.known:
        return f"{crowd.voices} of them weigh something, together {crowd.weight}: too little for a mean."
    mean = f"{crowd.hundredths // 100}.{crowd.hundredths % 100 // 10}"
    most = crowd.voices * WEIGHT_MAX
    return f"{mean} of {RATING_MOST} by {counted(crowd.voices, 'voice')} with a weight of {crowd.weight} of {most}."


def _said(rating: Rating) -> str:
    flag = "" if rating.flag is None else f" warns of a {rating.flag.value}"
    return f"{rating.points} of {RATING_MOST}{flag}" + (f': "{rating.comment}"' if rating.comment else "")
