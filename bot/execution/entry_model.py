"""The model by which entries are judged, where the operator chose one; where it is refused the rules judge, and he is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from bot.analysis.drift import Drift, Moved, is_drift
from bot.analysis.model import Model, ModelRefused
from bot.analysis.model_opinion import model_opinion
from bot.analysis.token_analysis import Analysis
from bot.analysis.vector import row
from bot.execution.alerts import Alert
from bot.execution.model_alerts import model_drifted, model_like_before, model_refused
from bot.trading.signal import Action, Opinion

log = structlog.get_logger()

LOOKED_EVERY = 100  # judged tokens between two looks at the drift


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model, or why the chosen one may not be used; neither where none was chosen."""

    model: Model | None = None
    refused: str = ""


def chosen_model(folder: Path | None) -> ChosenModel:
    """The model of a folder. One that is refused stops nobody: exits need none."""
    if folder is None:
        return ChosenModel()
    try:
        return ChosenModel(Model.load(folder))
    except ModelRefused as error:
        return ChosenModel(refused=str(error))


@dataclass(frozen=True, slots=True)
class ModelLook:
    """Who judges entries: `version` is empty for the rules, and `refused` says why the chosen model may not.

    `until_ms` is when the newest moment was that the model was trained on, None where it does not say. `judged` counts since
    the start; `moved` are the columns that look otherwise than in training, most first, of the newest `drift_rows` launches.
    """

    version: str = ""
    refused: str = ""
    until_ms: int | None = None
    judged: int = 0
    drift_rows: int = 0
    has_drifted: bool = False
    moved: tuple[Moved, ...] = ()


@dataclass(slots=True, repr=False)
class EntryModel:
    """Judges tokens about to be published. Not on the way of an exit."""

    chosen: ChosenModel
    alert: Callable[[Alert], None]
    moved: list[Moved] = field(default_factory=list)
    _drift: Drift | None = None
    _drifted: bool = False
    _judged: int = 0

    def __post_init__(self) -> None:
        if self.chosen.model is not None:
            self._drift = Drift(self.chosen.model.about["reference"])
            log.info("model_judges", version=self.chosen.model.version)
        if self.chosen.refused:
            self.alert(model_refused(self.chosen.refused))

    def look(self) -> ModelLook:
        """For status."""
        if (model := self.chosen.model) is None or self._drift is None:
            return ModelLook(refused=self.chosen.refused)
        until = model.about["data"].get("last_ms")
        return ModelLook(
            model.version,
            until_ms=until if isinstance(until, int) else None,
            judged=self._judged,
            drift_rows=self._drift.rows,
            has_drifted=self._drifted,
            moved=tuple(self.moved),
        )

    def judged(self, ruled: Opinion, analysis: Analysis, *, sure: bool) -> Opinion:
        """What the model makes of a token of which the rules have this opinion; that itself where there is no model.

        The rules' vetoes stand. Unless it is `sure` what was traded, because more than one voice told it, the model may take
        confidence away and give none.
        """
        if (model := self.chosen.model) is None:
            return ruled
        seen = row(analysis)
        outcome = model.predict(seen)
        self._note(seen, outcome.gain_p)
        opinion = model_opinion(ruled, analysis.features, outcome, model)
        if sure or opinion.action is not Action.BUY:
            return opinion
        less = min(opinion.confidence_bps, ruled.confidence_bps)
        return replace(opinion, action=ruled.action, confidence_bps=less)

    def _note(self, seen: tuple[float, ...], score: float) -> None:
        if self._drift is None:
            return
        self._drift.note(seen, score)
        self._judged += 1
        if self._judged % LOOKED_EVERY:
            return
        self.moved = self._drift.moved()
        if is_drift(self.moved) is self._drifted:
            return
        self._drifted = not self._drifted
        self.alert(model_drifted(self.moved) if self._drifted else model_like_before())
