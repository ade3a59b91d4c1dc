"""Reads the text that Prometheus reads, strictly: what is no line of the format fails the test."""

from __future__ import annotations

import re

from bot.metrics_table import METRICS, PREFIX

_SAMPLE = re.compile(r"([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)')

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read_samples(text: str) -> Samples:
    """Every sample by name and labels; each belongs to the family that was named and typed before it."""
    found: Samples = {}
    family = ""
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ", 3)[2]
            continue
        if line.startswith("# TYPE "):
            _, _, named, kind = line.split(" ")
            assert named == family and kind == METRICS[family.removeprefix(PREFIX)][0]
            continue
        match = _SAMPLE.fullmatch(line)
        assert match is not None, line
        name, labels, value = match.groups()
        assert name in {family, f"{family}_sum", f"{family}_count"}, line
        pairs = _LABEL.findall(labels or "")
        assert "".join(f'{key}="{told}",' for key, told in pairs).rstrip(",") == (labels or ""), line
        key = (name, frozenset(pairs))
        assert key not in found, line
        found[key] = float(value)
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    """One sample of the bot's; raises KeyError where it is not there."""
    return samples[PREFIX + name, frozenset(labels.items())]
