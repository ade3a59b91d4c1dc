"""The lines of one service in the panel Health: how it is and for how long, its endpoints, and its sources of launches."""

from __future__ import annotations

from collections.abc import Iterable

from rich.cells import cell_len
from rich.text import Text

from bot.top.ink import ALARM, FAINT, PLAIN, Part, Sheet
from bot.top.record import Service, Source
from bot.top.words import UNKNOWN, brief_age, clip, clip_middle

SLOT_WIDTH = 50  # cells from which an endpoint shows its slot whole
LABEL = 10  # cells of the labels on the left of a panel
SOURCES_MAX = 4


def labelled(sheet: Sheet, label: str, *parts: Part) -> Text:
    """One line of a panel with its label on the left."""
    padded = label + " " * max(LABEL - cell_len(label), 1)
    return sheet.line((padded, FAINT), *parts)


def _health_part(health_word: str | None) -> Part:
    styles = {"up": "bold green", "off": FAINT, "waiting": FAINT}
    word = health_word or UNKNOWN
    return word.ljust(max(5, len(word) + 1)), styles.get(health_word or "", ALARM)


def service_lines(service: Service, sheet: Sheet, *, brief: bool) -> Iterable[Text]:
    """The service's own line and, where there is room, one for each of several endpoints and of several sources."""
    endpoints = service.endpoints
    detail = service.detail or ""
    if len(endpoints) > 1:
        detail = f"{sum(endpoint.healthy is True for endpoint in endpoints)} of {len(endpoints)} up; {detail}"
    if len(service.sources) > 1:
        detail = f"{sum(source.state == 'up' for source in service.sources)} of {len(service.sources)} up; {detail}"
    elif service.sources:
        detail = f"{service.sources[0].name or UNKNOWN} {_age(service.sources[0])}; {detail}"
    since = "" if service.since is None else sheet.since(service.since)
    name = clip(service.name, LABEL - 1, sheet.glyphs.more)
    yield labelled(sheet, name, _health_part(service.health), (f"{since:<7} ", PLAIN), (detail, FAINT))
    if brief:
        return
    if len(service.sources) > 1:
        yield from (_source(source, sheet) for source in service.sources[:SOURCES_MAX])
    for endpoint in endpoints[:4] if len(endpoints) > 1 else ():
        word = endpoint.state or (UNKNOWN if endpoint.healthy is None else "up" if endpoint.healthy else "down")
        told = clip_middle(endpoint.name or UNKNOWN, 12, sheet.glyphs.more)
        slot = "" if endpoint.slot is None or sheet.width < SLOT_WIDTH else f"  slot {endpoint.slot}"
        latency = "" if endpoint.latency_ms is None else f"  {endpoint.latency_ms} ms"
        # The detail of an endpoint begins with its own name, which stands before it already.
        detail = (endpoint.detail or "").removeprefix(f"{endpoint.name}: ")
        trouble = f"  {detail}" if detail else ""
        yield labelled(sheet, "", _health_part(word), (told, PLAIN), (f"{trouble}{latency}{slot}", FAINT))


def _source(source: Source, sheet: Sheet) -> Text:
    """How a source of launches is, how old its last sign of life is, and why it is not up."""
    detail = (source.detail or "").removeprefix(f"{source.name}: ")
    trouble = f"  {detail}" if detail else ""
    told = clip_middle(source.name or UNKNOWN, 12, sheet.glyphs.more)
    return labelled(sheet, "", _health_part(source.state), (told, PLAIN), (f"  {_age(source)}{trouble}", FAINT))


def _age(source: Source) -> str:
    return "not heard" if source.age_s is None else f"{brief_age(source.age_s)} ago"
