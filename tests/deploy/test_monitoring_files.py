"""The alert rules and the dashboard: every name in them is a metric of the bot, and every rule leads to a page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bot.metrics_table import METRICS, PREFIX

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus-rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana-dashboard.json"

NAME = re.compile(rf"{PREFIX}\w+")
KNOWN = {
    PREFIX + name + part
    for name, (kind, _) in METRICS.items()
    for part in (("_sum", "_count") if kind == "summary" else ("",))
}


def rules() -> list[dict[str, str]]:
    """Each rule's name, expression, severity and page; a line that this does not know fails."""
    found: list[dict[str, str]] = []
    shapes = {
        "alert": r"      - alert: (\w+)",
        "expr": r"        expr: '([^']+)'",
        "for": r"        for: (\d+m)",
        "severity": r"        labels: \{severity: (critical|warning)\}",
        "page": r"        annotations: \{summary: '[^']+', runbook: (runbooks/[a-z-]+\.md|runbooks/README\.md)\}",
    }
    lines = RULES.read_text(encoding="utf-8").splitlines()
    begin = lines.index("    rules:") + 1
    for number, line in enumerate(lines[begin:]):
        key = list(shapes)[number % len(shapes)]
        match = re.fullmatch(shapes[key], line)
        assert match is not None, line
        if key == "alert":
            found.append({})
        found[-1][key] = match[1]
    return found


def test_every_rule_asks_for_what_the_bot_tells_and_leads_to_a_page_that_is_there() -> None:
    found = rules()
    assert len({one["alert"] for one in found}) == len(found) > 15
    for one in found:
        names = set(NAME.findall(one["expr"]))
        assert names <= KNOWN, one
        assert names or one["expr"].startswith("up{"), one
        assert (ROOT / one["page"]).is_file(), one


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    shown = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])
    }
    assert shown == KNOWN
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
