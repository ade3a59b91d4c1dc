"""Numbers as Prometheus reads them, in the text format 0.0.4. Pure: what the numbers mean is decided elsewhere.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["counter", "gauge", "summary"]
Number = int | float

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Sample:
    """One number with its labels. `part` is `_sum` or `_count` of a summary."""

    value: Number
    labels: Mapping[str, str] = field(default_factory=dict)
    part: Literal["", "_sum", "_count"] = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its whole name, what it counts in a sentence, and its samples, of which there may be none.

    A counter only rises while a process lives, and its name ends in `_total`; whoever reads it takes a fall for a restart.
    """

    name: str
    kind: Kind
    help: str
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> str:
    """The text of all families in their order; raises ValueError for a name that the format does not know."""
    return "".join(f"{line}\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    names = [family.name, *(name for sample in family.samples for name in sample.labels)]
    if wrong := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"{wrong[0]!r} is no name of a metric or label")
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in family.samples:
        labels = ",".join(f'{name}="{_quoted(value)}"' for name, value in sample.labels.items())
        yield f"{family.name}{sample.part}{'{' + labels + '}' if labels else ''} {_number(sample.value)}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: Number) -> str:
    return str(int(value)) if isinstance(value, bool | int) else repr(value)
