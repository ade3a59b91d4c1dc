"""The sources of launches as the state record names them, each with its age."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.clock import rfc3339
from bot.ports import LaunchStream, SourceHealth


def sources_record(stream: LaunchStream) -> list[dict[str, Any]]:
    """One entry for each source in the order of the settings; `age_s` is how long ago it gave a sign of life.

    Beside what it told stands what it did not tell, by the names of `SourceLosses`.
    """
    return [_source(one) for one in stream.sources()]


def _source(one: SourceHealth) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": one.state,
        "since": rfc3339(one.since_ms) if one.since_ms else None,
        "age_s": None if one.age_s is None else round(one.age_s, 1),
        "launches": one.launches,
        "first": one.first,
        "detail": one.detail,
        **asdict(one.losses),
    }
