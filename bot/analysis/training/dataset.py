"""Moments of recorded tokens as rows and what followed: each row is made of what the bot would have seen by then, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bot.analysis.opinion import rule_opinion
from bot.analysis.token_analysis import ImpossibleLaunchError, TokenAnalysis
from bot.analysis.training.outcomes import RETURN_MAX, Judge, path_of
from bot.analysis.training.recorded import RecordedToken
from bot.analysis.vector import FEATURES, row
from bot.analysis.weighing import weighed
from bot.trading.signal import Action

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Seconds after the first sight of a token at which somebody might decide. The sniper does within `trading.observe_s`.
MOMENTS_S = (2, 4, 6, 10, 20, 40)
JUDGED_AT_S = 6  # the default of that setting, at which most opinions are given


@dataclass(frozen=True, slots=True)
class Dataset:
    """One line per moment, in the order of tokens. `token` and `group` are numbers; `first_ms` is the token's first sight.

    `change` is what an entry then would have brought net of all costs, a share of what was spent; `rule_bps` is the
    confidence of the rules where they called it a buy, else 0.
    """

    rows: Floats
    token: Ints
    group: Ints
    first_ms: Ints
    at_ms: Ints
    change: Floats
    rug: Bools
    doubled: Bools
    rule_bps: Ints
    traders_known: bool

    def __len__(self) -> int:
        return len(self.token)

    def where(self, chosen: Bools) -> Dataset:
        """A part of it."""
        return Dataset(
            self.rows[chosen],
            self.token[chosen],
            self.group[chosen],
            self.first_ms[chosen],
            self.at_ms[chosen],
            self.change[chosen],
            self.rug[chosen],
            self.doubled[chosen],
            self.rule_bps[chosen],
            self.traders_known,
        )

    @property
    def gained(self) -> Bools:
        """Whether an entry brought more than it cost."""
        return self.change > 0

    @property
    def clipped(self) -> Floats:
        """Net results as far as they can be learned."""
        return np.minimum(self.change, RETURN_MAX)


def moments(token: RecordedToken) -> list[tuple[int, tuple[float, ...], int]]:
    """Each moment of a token: when, what a model sees, and whether the rules buy. Nothing later than a moment enters it."""
    analysis = TokenAnalysis(token.launch)
    seen = []
    place = 0
    for after_s in MOMENTS_S:
        at_ms = token.first_ms + after_s * 1_000
        while place < len(token.trades) and token.trades[place].seen_at_ms <= at_ms:
            analysis.add(token.trades[place])
            place += 1
        now = analysis.analysis(at_ms)
        ruled = weighed(rule_opinion(now.features), now)
        buys = token.known.traders and ruled.action is Action.BUY
        seen.append((at_ms, row(now, token.known), ruled.confidence_bps if buys else 0))
    return seen


def _moments(token: RecordedToken) -> list[tuple[int, tuple[float, ...], int]]:
    try:
        return moments(token)
    except ImpossibleLaunchError:
        return []  # as the bot declines it


def build(
    tokens: Iterable[RecordedToken], judge: Judge, ends_ms: int, step: Callable[[], None] = lambda: None
) -> Dataset:
    """The dataset of recorded tokens; `step` is called after each.

    Moments whose outcome the recording does not know are left out; tokens that nobody trades any more are not, because
    whoever decides does not know that yet.
    """
    rows: list[tuple[float, ...]] = []
    facts: list[tuple[int, int, int, int]] = []
    outcomes: list[tuple[float, bool, bool, int]] = []
    groups: dict[str, int] = {}
    traders_known = True
    for number, token in enumerate(tokens):
        group = groups.setdefault(token.group, len(groups))
        traders_known = traders_known and (token.known.traders or not token.trades)
        path = path_of(token)
        for at_ms, seen, rule_bps in _moments(token):
            if at_ms + judge.horizon_ms > ends_ms:
                continue
            outcome = judge.outcome(path, at_ms)
            rows.append(seen)
            facts.append((number, group, token.first_ms, at_ms))
            outcomes.append((outcome.change, outcome.rug, outcome.doubled, rule_bps))
        step()
    return _arrays(rows, facts, outcomes, traders_known=traders_known)


def _arrays(
    rows: list[tuple[float, ...]],
    facts: list[tuple[int, int, int, int]],
    outcomes: list[tuple[float, bool, bool, int]],
    *,
    traders_known: bool,
) -> Dataset:
    told = np.array(facts, dtype=np.int64).reshape(-1, 4)
    came = np.array(outcomes, dtype=np.float64).reshape(-1, 4)
    return Dataset(
        np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES)),
        told[:, 0],
        told[:, 1],
        told[:, 2],
        told[:, 3],
        came[:, 0],
        came[:, 1] > 0,
        came[:, 2] > 0,
        came[:, 3].astype(np.int64),
        traders_known,
    )
