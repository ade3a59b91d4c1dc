"""The container's file: no engine builds it here, so what a build of it went wrong by is held as text."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")


def test_an_environment_of_the_checkout_and_the_history_go_into_no_image() -> None:
    """`make install` finds nothing to do where one is, and its scripts name a Python of another folder."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {".venv", ".git"} <= set(ignored)
    made = {line.rstrip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    assert made <= {line.removeprefix("**/") for line in ignored}, "what git does not know is made anew there too"


def test_the_image_that_runs_knows_whom_to_trust_and_tells_its_health() -> None:
    _, _, runs = TEXT.rpartition("FROM ")
    assert "ca-certificates" in runs, "wss and gRPC ask the system's store"
    assert "HEALTHCHECK" in runs and "--format docker" in TEXT, "podman's own format has no health"
    assert "\nUSER trading-bot\n" in runs
