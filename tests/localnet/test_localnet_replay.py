"""Replaying a recorded market: every row becomes a real transaction at its time, and nothing happens twice."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from bot.localnet.addresses import bonding_curve
from bot.localnet.cluster import Cluster
from bot.localnet.errors import LocalnetError
from bot.localnet.launchpad import decode_curve
from bot.localnet.market.pool import derived_keypair
from bot.localnet.market.recording import read_recording
from bot.localnet.market.replay import ReplayedMarket
from bot.localnet.store import Store

HEADER = "mint,ts_ms,side,sol_lamports,tokens_raw,trader,v_sol,v_tok,source\n"
SOL = 1_000_000_000
# Two launches: one found at 36 SOL, one at the start; a silence of an hour; then the rest.
ROWS = [
    "AAAAAAAAmint,1000,snapshot,,,,36.0,,made up",
    "AAAAAAAAmint,4000,buy,2000000000,56000000000000,,38.0,,made up",
    "BBBBBBBBmint,4500,snapshot,,,,30.0,,made up",
    "AAAAAAAAmint,5000,dust,1000000,20000000,,38.001,,made up",
    "AAAAAAAAmint,9000,sell,3000000000,72600000000000,,35.0,,made up",
    "BBBBBBBBmint,9500,buy,500000000,17000000000000,,30.5,,made up",
    "BBBBBBBBmint,3609500,sell,500000000,17000000000000,,30.0,,made up",
]


def recorded(folder: Path, rows: list[str] = ROWS, *, packed: bool = False) -> Path:
    text = (HEADER + "\n".join(rows) + "\n").encode()
    path = folder / ("market.csv.gz" if packed else "market.csv")
    path.write_bytes(gzip.compress(text, mtime=0) if packed else text)
    return path


def cluster_on(store: Store, path: Path, speed: float = 1.0) -> tuple[Cluster, ReplayedMarket]:
    market = ReplayedMarket(5, read_recording(path, speed=speed))
    cluster = Cluster(store, seed=5, salt=b"", time_s=1_790_000_000, clock=lambda: 0.0, market=market)
    return cluster, market


def run(cluster: Cluster, seconds: float) -> None:
    for _ in range(int(seconds * 1000 / cluster.slot_ms)):
        cluster.tick(cluster.chain.position.time_s)


def quote_lamports(cluster: Cluster, path: Path, mint: int) -> int:
    fingerprint = read_recording(path, speed=1.0).fingerprint
    key = derived_keypair("replayed mint", 5, fingerprint, mint).pubkey()
    curve = decode_curve(cluster.chain.accounts.get(bonding_curve(key)))
    assert curve is not None
    return curve.virtual_quote_lamports


def test_the_curves_follow_the_recording(tmp_path: Path) -> None:
    path = recorded(tmp_path)
    cluster, market = cluster_on(Store(), path)
    run(cluster, 3.2)
    assert quote_lamports(cluster, path, 0) == pytest.approx(38 * SOL, abs=1_000)
    run(cluster, 8)
    assert quote_lamports(cluster, path, 0) == pytest.approx(35 * SOL, rel=0.01)
    assert quote_lamports(cluster, path, 1) == pytest.approx(30.5 * SOL, abs=1_000)
    statistics = market.statistics()
    assert (statistics["launches"], statistics["left_out_rows"], statistics["failed"]) == (2, 1, 0)


def test_a_long_silence_is_cut_to_half_a_minute_and_told(tmp_path: Path) -> None:
    cluster, market = cluster_on(Store(), recorded(tmp_path))
    run(cluster, 40)
    statistics = market.statistics()
    assert statistics["finished"]
    assert statistics["shortened_s"] == 3_600 - 30
    before = cluster.chain.position.transactions
    run(cluster, 10)
    assert cluster.chain.position.transactions == before


def test_speed_divides_the_recorded_time(tmp_path: Path) -> None:
    slow, fast = (read_recording(recorded(tmp_path), speed=speed) for speed in (1.0, 4.0))
    assert [action.at_ms for action in slow.actions if action.kind == "sell"] == [8_000, 38_500]
    assert [action.at_ms for action in fast.actions if action.kind == "sell"] == [2_000, 32_125]


def test_a_replay_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    path = recorded(tmp_path, packed=True)
    whole, _ = cluster_on(Store(), path)
    run(whole, 42)
    for seconds in (3.6, 5.2, 33.2):
        store = Store(tmp_path / "chain")
        part, _ = cluster_on(store, path)
        run(part, seconds)
        found = part.status()
        part.close()
    assert found == whole.status()
    assert found["market"]["finished"]


def test_what_is_no_longer_possible_is_clamped_or_counted(tmp_path: Path) -> None:
    rows = [
        "AAAAAAAAmint,1000,snapshot,,,,31.0,,made up",
        "AAAAAAAAmint,5000,sell,9000000000,900000000000000,,31.0,,made up",
        "AAAAAAAAmint,7000,sell,9000000000,900000000000000,,31.0,,made up",
        "AAAAAAAAmint,9000,buy,200000000000,900000000000000,,231.0,,made up",
        "AAAAAAAAmint,12000,buy,1000000000,1000000000000,,232.0,,made up",
    ]
    cluster, market = cluster_on(Store(), recorded(tmp_path, rows))
    run(cluster, 14)
    statistics = market.statistics()
    assert statistics["finished"]
    assert (statistics["clamped"], statistics["not_replayed"]) == (1, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks the column"),
        ("mint,ts_ms\nA,1\n", "lacks the column.*side, sol_lamports"),
        (HEADER, "no rows"),
        (HEADER + "A,soon,snapshot,,,,30,,x\n", "line 2"),
        (HEADER + "A,1,snapshot,,,,30,,x\nA,2,gift,1,1,,30,,x\n", "line 3.*gift"),
        (HEADER + "A,1,buy,,,,30,,x\n", "line 2"),
    ],
)
def test_an_unusable_file_is_refused_with_the_place(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(LocalnetError, match=reason):
        read_recording(path, speed=1.0)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalnetError, match=r"nowhere\.csv"):
        read_recording(tmp_path / "nowhere.csv", speed=1.0)


@pytest.mark.skipif("BOT_SHARED_DATA" not in os.environ, reason="BOT_SHARED_DATA is not set: no recorded market here")
def test_the_recorded_sample_replays_nearly_whole() -> None:
    path = Path(os.environ["BOT_SHARED_DATA"]) / "market" / "sample_300_mints.csv.gz"
    cluster, market = cluster_on(Store(), path, speed=60.0)
    run(cluster, 40)
    statistics = market.statistics()
    assert statistics["launches"] >= 10
    assert statistics["transactions"] >= 300
    assert statistics["failed"] <= statistics["transactions"] * 0.02
    assert statistics["not_replayed"] <= statistics["actions_done"] * 0.02
