"""Makes docs/pictures/dashboard*.webp: the dashboard of a real bot that trades on its local chain, in a real browser.

`make pictures` runs it; it takes some minutes, and a browser has to be installed.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import trio

from tests.browser import Page, opened
from tests.web.dashboard_process import Dashboard, dashboard
from tests.whole.real import ROOT, real_bot

FOLDER = ROOT / "docs" / "pictures"
POSITIONS, SALES = 3, 6  # the least that the picture shows
WITHIN_S = 600.0
DESK = {"width": 1280, "height": 1500, "deviceScaleFactor": 1, "mobile": False}
PHONE = {"width": 390, "height": 1500, "deviceScaleFactor": 1, "mobile": True}
SIZES = {"dashboard.webp": (DESK, "dark"), "dashboard-phone.webp": (PHONE, "light")}


def main() -> int:
    """Start a bot, wait until it has something to show, take its pictures, stop it; returns the exit code."""
    with real_bot("") as bot:
        bot.start()
        bot.until(
            "enough to show",
            lambda status: (
                (status["positions"]["open"] or 0) >= POSITIONS and (status["trades_today"]["sells"] or 0) >= SALES
            ),
            within_s=WITHIN_S,
        )
        with dashboard(bot.directory) as shown:
            token = (bot.directory / "web.token").read_text().strip()
            trio.run(take, shown, token, bot.directory / "browser")
        bot.stop()
    return 0


async def take(shown: Dashboard, token: str, profile: Path) -> None:
    """One picture of each size."""
    async with opened(shown.url, profile) as page:
        await page.arrived("document.getElementById('token') !== null")
        await page.value(f"document.getElementById('token').value = '{token}'")
        await page.value("document.querySelector('button').click()")
        await page.arrived("document.querySelectorAll('#waterfall .story').length > 2")
        for name, (size, scheme) in SIZES.items():
            (FOLDER / name).write_bytes(await picture(page, size, scheme))
            print(f"wrote docs/pictures/{name}")


async def picture(page: Page, size: dict[str, int | bool], scheme: str) -> bytes:
    """The page as a screen of this size shows it."""
    await page.call("Emulation.setDeviceMetricsOverride", **size)
    await page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    await page.until(f"innerWidth === {size['width']}")
    shot = await page.call("Page.captureScreenshot", format="webp", quality=80)
    return base64.b64decode(shot["data"])


if __name__ == "__main__":
    sys.exit(main())
