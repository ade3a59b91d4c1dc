"""Which moments train, calibrate and test: by time, with everything between them left out whose outcome reaches across."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bot.analysis.training.dataset import Bools, Dataset
from bot.errors import BotError

# Where test blocks begin and the last one ends, as shares of all tokens in the order of time.
CUTS = (0.4, 0.55, 0.7, 0.85, 1.0)
# A recording of at least so many days is tested a whole day at a time: the days behind the first cut, each a block.
DAY_MS = 86_400_000
DAYS_MIN = 5
CALIBRATES = 0.25  # of what comes before a test block, the last part
EMBARGO_MS = 60_000
CREATOR_PARTS = 5
TOKENS_MIN = 200


class TooLittle(BotError):
    """The recording holds too little to train and test on; the text says how much there is."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Masks over the moments of a dataset. `unseen` are tested moments of creators that training never met."""

    train: Bools
    calibrate: Bools
    test: Bools
    unseen: Bools


def walk_forward(data: Dataset, horizon_ms: int) -> list[Fold]:
    """Test blocks that follow each other, each judged by what was trained before it; raises TooLittle.

    They are whole days, counted from the first token, where there are `DAYS_MIN` of them, else parts of equal size.

    A moment whose outcome is not known, `EMBARGO_MS` included, when the next part begins is in neither. One creator in
    five, another fifth for each block, trains nothing, so that what is learned of creators can be told from what is learned
    of launches.
    """
    tokens = len(np.unique(data.token))
    if tokens < TOKENS_MIN:
        raise TooLittle(f"{tokens} tokens whose outcome is known, at least {TOKENS_MIN} are needed; record for longer")
    starts = _days(data) or _cuts(data, CUTS)
    return [_fold(data, starts[number], starts[number + 1], horizon_ms, number) for number in range(len(starts) - 1)]


def last_part(data: Dataset, horizon_ms: int) -> tuple[Bools, Bools]:
    """All of it for the model that is kept: what trains, and the last part, which calibrates."""
    return _parts(data, np.ones(len(data), dtype=np.bool_), horizon_ms)


def _days(data: Dataset) -> list[int]:
    """When each day behind the first cut begins and the last one ends; nothing where there are too few days."""
    first_ms = int(data.first_ms.min())
    days = -(-(int(data.first_ms.max()) + 1 - first_ms) // DAY_MS)
    if days < DAYS_MIN:
        return []
    return [first_ms + day * DAY_MS for day in range(round(CUTS[0] * days), days + 1)]


def _cuts(data: Dataset, shares: tuple[float, ...]) -> list[int]:
    """The moments of first sight at these shares of all tokens; the last one is behind every token."""
    first_ms = np.sort(data.first_ms[np.unique(data.token, return_index=True)[1]])
    places = [min(int(share * len(first_ms)), len(first_ms) - 1) for share in shares[:-1]]
    return [*(int(first_ms[place]) for place in places), int(first_ms[-1]) + 1]


def _fold(data: Dataset, begins_ms: int, ends_ms: int, horizon_ms: int, number: int) -> Fold:
    test = (data.first_ms >= begins_ms) & (data.first_ms < ends_ms)
    before = (data.at_ms + horizon_ms + EMBARGO_MS <= begins_ms) & (
        data.group % CREATOR_PARTS != number % CREATOR_PARTS
    )
    if not before.any() or not test.any():
        raise TooLittle(
            f"no moment is known {horizon_ms / 60_000:.0f} min before a test block begins; record for longer"
        )
    train, calibrate = _parts(data, before, horizon_ms)
    unseen = test & ~np.isin(data.group, data.group[train | calibrate])
    return Fold(train, calibrate, test, unseen)


def _parts(data: Dataset, among: Bools, horizon_ms: int) -> tuple[Bools, Bools]:
    (cut_ms,) = _cuts(data.where(among), (1 - CALIBRATES, 1.0))[:1]
    calibrate = among & (data.first_ms >= cut_ms)
    train = among & (data.at_ms + horizon_ms + EMBARGO_MS <= cut_ms)
    if not train.any():
        raise TooLittle(
            f"no moment is known {horizon_ms / 60_000:.0f} min before calibration begins; record for longer"
        )
    return train, calibrate
