"""A checked supervision file as lines for people: the tree with its policies, then what an outage of each service means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actors.failure_policy import OUTCOMES
from actors.runtime import Supervision, SupervisionError
from actors.runtime.supervision_diff import show
from bot.errors import StartupError
from bot.supervision.sections import DEPENDENCY, Dependency, read

ROOT = "root"
_TOLD_ALREADY = {"strategy", "children", "template", "intensity", "period_s", "on_exhausted"}


def checked_text(name: str, text: str, profile: str) -> str:
    """What `bot supervision check` prints of a file; raises StartupError with every fault in it, one line each."""
    try:
        return supervision_text(read(name, text, profile))
    except SupervisionError as error:
        raise StartupError(str(error)) from None


def supervision_text(supervision: Supervision) -> str:
    """A good file."""
    lines = list(_supervisor(supervision, ROOT, 0))
    lines += ["", "used up means:", *(f"  {name}: {meaning}" for name, meaning in OUTCOMES.items())]
    lines += ["", "an outage of:"]
    for name, section in supervision.extras[DEPENDENCY].items():
        lines.append(f"  {name}: {_outage(section)}")
    return "\n".join(lines)


def _supervisor(supervision: Supervision, name: str, depth: int) -> Iterator[str]:
    section = supervision.supervisors[name]
    intensity = section.get("intensity", 1)
    budget = f"{intensity} restart{'' if intensity == 1 else 's'} in {section.get('period_s', 5)} s"
    whose = " for each child" if section.get("template") else ""
    outcome = f", used up: {section['on_exhausted']}" if section.get("on_exhausted") else ""
    lead = "  " * depth
    strategy = section.get("strategy", "one_for_one")
    yield f"{lead}{name} ({strategy}, {budget}{whose}{outcome}){_rest(section)}"
    if template := section.get("template"):
        yield f"{lead}  * {template}{_rest(supervision.actors[template])}"
    for child in section.get("children", ()):
        if child in supervision.supervisors:
            yield from _supervisor(supervision, child, depth + 1)
        else:
            yield f"{lead}  {child}{_rest(supervision.actors[child])}"


def _rest(section: Mapping[str, object]) -> str:
    words = [f"{key} {show(value)}" for key, value in section.items() if key not in _TOLD_ALREADY]
    return f"  {', '.join(words)}" if words else ""


def _outage(section: Dependency) -> str:
    when = f"after {section.pauses_after_s:g} s" if section.pauses_after_s else "at once"
    whom = "entries" if section.binds == "all" else "what buys by itself"
    limit = section.critical_after_s
    critical = "never critical" if isinstance(limit, str) else f"critical after {limit:g} s"
    breaker = "" if section.breaker is None else f", breaker of each endpoint {show(section.breaker)}"
    return f"pauses {whom} {when}, {critical}, over when well for {section.dwell_s:g} s{breaker}"
