"""`bot train` on some minutes of the local market, and the model that it writes, as a bot meets it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import trio
from trio.testing import MockClock

from bot import cli, settings
from bot.analysis.drift import ROWS_MIN
from bot.analysis.model import FILE, HEADS, QUANTILES, Model, ModelRefused
from bot.analysis.opinion import rule_opinion
from bot.analysis.token_analysis import Analysis, TokenAnalysis
from bot.analysis.training.evaluate import Trades, auc, coverage, difference, line
from bot.analysis.vector import FEATURES, NAMES
from bot.analysis.vector import row as row_of
from bot.backtest.pictures import importance_svg
from bot.compose import market_rules
from bot.execution.alerts import Alert, Turn
from bot.execution.entry_model import ChosenModel, EntryModel, chosen_model
from bot.localnet.inprocess import InProcessChain
from bot.ports import SnipeRun
from bot.status import StatusBoard
from bot.status_text import status_text
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from bot.trading.signal import Action
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from tests.analysis.launch_samples import BORN_MS, Market
from tests.model.market_samples import planned_file
from tests.whole.crowd import Crowd
from tests.whole.virtual import make_world, open_for_entries, running_bot

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of some 500 launches."""
    place = tmp_path_factory.mktemp("trained")
    assert (
        cli.main(["train", str(planned_file(place)), "--out", str(place / "model"), "--hold", "45", "--seed", "5"]) == 0
    )
    return place / "model"


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def rows() -> list[list[float]]:
    draw = np.random.default_rng(1)
    drawn = draw.lognormal(0, 2, (200, len(FEATURES)))
    drawn[draw.random(drawn.shape) < 0.2] = math.nan
    return [[float(value) for value in row] for row in drawn]


def test_single_rows_score_as_the_package_scores_them(folder: Path) -> None:
    model = Model.load(folder)
    told = rows()
    for name in HEADS:
        booster = lightgbm.Booster(model_file=str(folder / f"{name}.txt"))
        expected = booster.predict(np.array(told), raw_score=True)
        assert [model._heads[name].raw(row) for row in told] == pytest.approx(list(expected), abs=1e-12)


def test_an_outcome_is_made_of_frequencies_and_quantiles_in_order(folder: Path) -> None:
    model = Model.load(folder)
    for row in (*rows(), [math.nan] * len(FEATURES), [1e9] * len(FEATURES), [-1e9] * len(FEATURES)):
        outcome = model.predict(row)
        assert min(outcome.rug_p, outcome.up_p, outcome.gain_p) >= 0.0
        assert max(outcome.rug_p, outcome.up_p, outcome.gain_p) <= 1.0
        assert outcome.q10 <= outcome.q50 <= outcome.q90
        assert math.isfinite(outcome.mean)


def test_what_training_measured_stands_with_the_model(folder: Path) -> None:
    about = json.loads((folder / FILE).read_text("utf-8"))
    assert {one["name"] for one in about["lines"]} == {
        "buy all",
        "random",
        "rules",
        "rules, strong",
        "model",
        "model, strong",
    }
    assert about["seed"] == 5
    assert about["exits"]["max_hold_s"] == 45
    for name in ("rug", "gain"):
        assert about["metrics"][name]["auc"] > 0.6
        assert abs(about["shuffled_auc"][name] - 0.5) < 0.1
    for name, share in QUANTILES.items():
        told = about["metrics"]["quantiles"][name]
        assert told["below"] - 0.1 < share < told["not_above"] + 0.1, name
    assert sum(about["importance"].values()) == pytest.approx(1, abs=0.01)


def test_the_picture_of_what_a_trained_model_looks_at_has_its_heaviest_features_in_order(folder: Path) -> None:
    """The page of a backtest is made from the very numbers that training wrote beside the heads."""
    importance = json.loads((folder / FILE).read_text("utf-8"))["importance"]
    heaviest = sorted(importance, key=lambda name: -importance[name])[:3]
    boosters = [lightgbm.Booster(model_file=str(folder / f"{name}.txt")) for name in ("rug", "gain")]
    gains = sum(booster.feature_importance("gain") for booster in boosters)
    assert heaviest == [NAMES[place] for place in np.argsort(-gains, kind="stable")[:3]]
    picture = importance_svg(list(importance.items()))
    drawn = [picture.index(f">{name}<") for name in heaviest]
    assert drawn == sorted(drawn)
    assert f">{importance[heaviest[0]] / sum(importance.values()):.1%}<" in picture


def test_a_model_of_other_features_is_refused_in_a_line(copy: Path) -> None:
    about = json.loads((copy / FILE).read_text("utf-8"))
    about["feature_hash"] = "of other features"
    (copy / FILE).write_text(json.dumps(about), "utf-8")
    with pytest.raises(
        ModelRefused, match=r"has features of other features, this bot has \w+; train it again: bot train$"
    ):
        Model.load(copy)


def test_a_file_that_was_cut_short_never_reaches_the_library(copy: Path) -> None:
    text = (copy / "gain.txt").read_bytes()
    (copy / "gain.txt").write_bytes(text[: len(text) // 2])
    with pytest.raises(ModelRefused, match="is not the file that was trained"):
        Model.load(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda about: about.pop("calibrations"), "is not as it was written"),
        (lambda about: about["calibrations"]["gain"].update(gives=[]), "is not as it was written"),
        (lambda about: about.update(format=99), "is no model of format"),
        (lambda about: about["proofs"]["scores"]["rug"].__setitem__(0, 0.123), "scores otherwise here"),
    ],
)
def test_what_does_not_fit_is_refused(copy: Path, change: object, said: str) -> None:
    about = json.loads((copy / FILE).read_text("utf-8"))
    change(about)  # type: ignore[operator]
    (copy / FILE).write_text(json.dumps(about), "utf-8")
    with pytest.raises(ModelRefused, match=said):
        Model.load(copy)


def test_no_model_at_all_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="train a model: bot train"):
        Model.load(tmp_path)


def test_a_bot_that_serves_a_model_has_loaded_no_heavy_package(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from bot.analysis.model import Model; from bot.analysis.vector import FEATURES;"
        f"Model.load(Path({str(folder)!r})).predict([0.0] * len(FEATURES));"
        "print(sorted({'lightgbm', 'polars', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bad_data_ends_the_verb_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", "utf-8")
    assert cli.main(["train", str(tmp_path / "x.csv")]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("bot: ")
    assert told.err.count("\n") == 1


def test_an_interval_counts_creators_and_not_trades() -> None:
    # One creator with a hundred gains says as much as one creator, whatever the number of trades.
    change = np.array([1.0] * 100 + [-0.1] * 20)
    alone = line("x", Trades(change, np.arange(120)), 1)
    together = line("x", Trades(change, np.array([0] * 100 + list(range(1, 21)))), 1)
    assert alone.mean == together.mean == pytest.approx(98 / 120)
    assert together.low < 0 < alone.low
    assert alone.without_best == pytest.approx(95 / 117)
    assert alone.median == 1.0
    assert alone.is_suspicious is False  # too few trades to say so


def test_ways_are_compared_on_the_same_draws() -> None:
    draw = np.random.default_rng(2)
    common = np.repeat(draw.normal(0, 1, 30), 10)
    cluster = np.repeat(np.arange(30), 10)
    found = difference(Trades(common + 0.1, cluster), Trades(common, cluster), 1)
    assert found == pytest.approx({"mean": 0.1, "low": 0.1, "high": 0.1})


def test_a_quantile_on_which_many_lie_has_its_share_between_what_is_below_and_what_is_not_above_it() -> None:
    came = np.array([-0.5] * 5 + [-0.045] * 70 + [0.2] * 25)
    assert coverage(came, np.full(100, -0.045)) == {"below": 0.05, "not_above": 0.75}
    assert coverage(came, np.full(100, -0.1)) == {"below": 0.05, "not_above": 0.05}


def test_ranking_is_counted_with_ties() -> None:
    assert auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([False, True, False, True])) == pytest.approx(0.875)
    assert math.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def seen_at(market: Market, after_ms: int) -> Analysis:
    analysis = TokenAnalysis(market.launch)
    for trade in market.told:
        assert analysis.add(trade)
    return analysis.analysis(BORN_MS + after_ms)


def crowd() -> Market:
    market = Market()
    market.buy("creator", 0.5, 0)
    for number in range(12):
        market.buy(f"buyer {number}", 0.4, 400 + 300 * number)
    return market


def test_the_model_judges_in_the_place_of_the_rules_and_says_so(folder: Path) -> None:
    told: list[Alert] = []
    entry = EntryModel(chosen_model(folder), told.append)
    seen = seen_at(crowd(), 5_000)
    ruled = rule_opinion(seen.features)
    outcome = Model.load(folder).predict(row_of(seen))
    judged = entry.judged(ruled, seen, sure=True)
    assert judged.version.startswith("model-")
    assert judged.confidence_bps == min(round(outcome.gain_p * BPS), 9_500)
    assert judged.action is (Action.BUY if outcome.mean > 0 else Action.NEUTRAL)
    assert judged.edge is not None
    assert "on average" in judged.reasons[0]
    assert told == []


def test_no_model_lifts_a_veto_of_the_rules(folder: Path) -> None:
    market = crowd()
    market.sell("creator", 1.0, 4_500)
    seen = seen_at(market, 5_000)
    ruled = rule_opinion(seen.features)
    assert ruled.action is Action.SELL
    assert EntryModel(chosen_model(folder), [].append).judged(ruled, seen, sure=True) == ruled


def test_on_one_voices_word_the_model_gives_no_confidence(folder: Path) -> None:
    entry = EntryModel(chosen_model(folder), [].append)
    for market in (crowd(), Market()):
        seen = seen_at(market, 5_000)
        ruled = replace(rule_opinion(seen.features), action=Action.NEUTRAL, confidence_bps=50)
        judged = entry.judged(ruled, seen, sure=False)
        assert judged.action is Action.NEUTRAL
        assert judged.confidence_bps <= max(50, round(Model.load(folder).predict(row_of(seen)).gain_p * BPS))


def test_a_refused_model_leaves_the_rules_and_an_alert_with_its_page(copy: Path) -> None:
    (copy / "rug.txt").unlink()
    told: list[Alert] = []
    entry = EntryModel(chosen_model(copy), told.append)
    seen = seen_at(crowd(), 5_000)
    ruled = rule_opinion(seen.features)
    assert entry.judged(ruled, seen, sure=True) is ruled
    assert [alert.page for alert in told] == ["runbooks/model.md"]
    assert "rug.txt" in told[0].text


def test_operators_hear_once_that_launches_look_otherwise(folder: Path) -> None:
    told: list[Alert] = []
    entry = EntryModel(chosen_model(folder), told.append)
    odd = seen_at(crowd(), 900_000)
    for _ in range(ROWS_MIN + 200):
        entry.judged(rule_opinion(odd.features), odd, sure=True)
    assert [alert.turn for alert in told] == [Turn.BEGINS]
    assert entry.moved[0].index > 0.25


async def judged_by(model: ChosenModel, odd_launches: int = 0) -> str:
    """The line of `bot status` about opinions, of a bot that has judged so many launches of no kind that it was trained on."""
    world = make_world(InProcessChain(seed=1))
    world.model = model
    async with running_bot(world) as bot:
        board = StatusBoard(bot, mode=Mode.LIVE, cluster="local", foundation=None)
        odd = seen_at(crowd(), 900_000)
        for _ in range(odd_launches):
            bot.market.model.judged(rule_opinion(odd.features), odd, sure=True)
        [line] = [line for line in status_text(await board.status()).splitlines() if line.startswith("opinions: ")]
    return line


async def test_status_says_what_judges_how_old_it_is_and_whether_its_market_has_moved(
    autojump_clock: MockClock, folder: Path, copy: Path
) -> None:
    assert await judged_by(ChosenModel()) == "opinions: by the rules"
    version = Model.load(folder).version
    fresh = await judged_by(chosen_model(folder), 1)
    assert fresh.startswith(f"opinions: by {version}, trained on launches until 20")
    assert fresh.endswith(" ago), 1 judged, nothing has moved in the newest 1 launch")
    moved = await judged_by(chosen_model(folder), ROWS_MIN + 200)
    assert f", {ROWS_MIN + 200} judged, of the newest {ROWS_MIN + 200} launches these have moved: " in moved
    assert moved.endswith("; the market is no longer that of the training")
    (copy / "rug.txt").unlink()
    assert (await judged_by(chosen_model(copy))).startswith("opinions: by the rules; the model is not used: ")


async def looked_at(model: ChosenModel) -> SnipeRun:
    """What became of a crowded launch under a bot that judges by this model."""
    world = make_world(InProcessChain(seed=1))
    world.model = model
    user, _ = await world.user("demo-1", replace(UserSettings(), snipe_enabled=True, snipe_only_strong_buy=False))
    crowd = Crowd(world.chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await trio.sleep(1)
        mint = crowd.launch()
        for trader in range(2, 9):
            await trio.sleep(0.4)
            crowd.buy(mint, trader, LAMPORTS_PER_SOL // 4)
        await trio.sleep(15)
    (run,) = await world.store.runs_since(user.id, 0)
    return run


async def test_a_bot_with_a_model_looks_at_launches_by_it_and_its_runs_say_so(
    folder: Path, autojump_clock: MockClock
) -> None:
    by_model = await looked_at(chosen_model(folder))
    assert by_model.version == json.loads((folder / FILE).read_text("utf-8"))["version"]
    assert by_model.confidence_bps is not None
    assert {part.name for part in by_model.components} >= {"momentum", "scam", "curve"}


def test_the_settings_name_the_folder_and_whether_results_count(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(f'[model]\nfolder = "{folder}"\n[trading]\nadapt_to_results = true\n', "utf-8")
    rules = market_rules(settings.load(file, {}))
    assert rules.model.model is not None
    assert rules.adapts
    assert not market_rules(settings.load(None, {})).adapts


async def test_a_bot_whose_model_is_refused_goes_on_by_rules(tmp_path: Path, autojump_clock: MockClock) -> None:
    assert (await looked_at(chosen_model(tmp_path))).version.startswith("rules-")
