"""The picture of the dashboard in the papers: it asks the web for nothing, and a token's name cannot break out of it."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from bot.top.asking import Answers
from tests.top.top_cases import CASES
from tests.top.top_samples import NOW_MS

SCRIPT = Path(__file__).parents[2] / "docs" / "make_pictures.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", ["open", "hostile"])
def test_the_picture_names_nothing_of_the_web(script: ModuleType, case: str) -> None:
    svg = script.picture(Answers(NOW_MS, *CASES[case]()))
    assert "font-face" not in svg
    assert svg.count("http") == svg.count('xmlns="http://www.w3.org/2000/svg"') == 1
    text = "".join(ET.fromstring(svg).itertext())
    assert "trading-bot" in text
    if case == "hostile":
        assert "[bold\u00a0red]PUMP[/]" in text


def test_the_picture_in_the_papers_names_nothing_of_the_web() -> None:
    svg = (SCRIPT.parent / "pictures" / "top.svg").read_text(encoding="utf-8")
    assert "font-face" not in svg
    assert svg.count("http") == 1
    ET.fromstring(svg)
