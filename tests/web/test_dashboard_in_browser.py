"""The dashboard in a real browser: the way in, what is pushed, names that want to be code, a phone, and pages of others.

Real browser, real sockets, real clock; each start of a browser takes seconds. Skipped where none is installed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.browser import Page, opened
from tests.top.top_cases import CASES
from tests.web.dashboard_world import NAMES, TOKEN, World, everywhere, trace, with_buy, world

WITHIN_S = 90
EVIL = "evil.test"
PANELS = "[...document.querySelectorAll('#panels > section')].map((one) => one.id)"
ALL_PANELS = ["state", "positions", "today", "momentum", "recent", "waterfall", "health", "endpoints", "levels", "tree"]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}

# The panels in which a table is wider than the screen, so that its last columns are cut until somebody thinks of moving it.
CUT = """[...document.querySelectorAll('.scrolls')].filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth)
  .map((one) => one.closest('section').id + ' ' + one.scrollWidth + ' of ' + one.clientWidth)"""

# The least contrast between each text and what is behind it, by WCAG 2.2 (1.4.3).
CONTRAST = """(() => {
  const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => {
    const part = rgb.slice(0, 3).map((one) => one / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const rgb = numbers(getComputedStyle(one).backgroundColor);
      if (rgb.length === 3 || rgb[3] === 1) { return rgb; }
    }
    return [255, 255, 255];
  };
  return Math.min(...[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility()
      && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())).map((one) => {
    const [a, b] = [light(numbers(getComputedStyle(one).color)), light(ground(one))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  }));
})()"""


async def enter(page: Page) -> None:
    """Type the token as a person does, and wait for the panels."""
    await page.arrived("document.getElementById('token') !== null")
    await page.value(f"document.getElementById('token').value = {json.dumps(TOKEN)}")
    await page.value("document.querySelector('button').click()")
    await page.arrived("document.getElementById('panels') !== null")


@asynccontextmanager
async def shown(place: World, folder: Path) -> AsyncIterator[Page]:
    """The dashboard in a browser that has shown the token. Names lead to it that are not its own."""
    async with opened(place.url, folder / "profile", [EVIL]) as page:
        await enter(page)
        yield page


async def test_the_page_follows_the_bot_and_an_action_is_asked_confirmed_and_done(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, shown(place, tmp_path) as page:
            assert await page.value(PANELS) == ALL_PANELS
            assert await page.value("document.querySelector('.state .badge').textContent") == "OPEN"
            place.become(CASES["paused"]())
            await page.until("document.querySelector('.state .badge').textContent === 'PAUSED'")
            assert await page.value("document.getElementById('lost').hidden")
            await page.value("document.querySelector('button[value=pause]').click()")
            await page.arrived("document.getElementById('why') !== null")
            assert place.asked == []
            await page.value("document.getElementById('why').value = 'looks odd'")
            await page.value("document.querySelector('form button').click()")
            await page.arrived("document.body.textContent.includes('done: pause')")
            assert [(one["verb"], one["why"]) for one in place.asked] == [("pause", "looks odd")]


async def test_names_that_want_to_be_code_are_texts_on_every_panel(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, shown(place, tmp_path) as page:
            for name in NAMES:
                place.traced = trace(name)
                place.become(everywhere(name))
                start = json.dumps(name[:7] if name[0] in '<"' else "A" * 100)
                await page.until(f"document.getElementById('health').textContent.includes({start})")
                assert await page.value("globalThis.hacked === undefined")
                assert await page.value("document.querySelectorAll('#panels script, #panels img').length") == 0
                assert await page.value(PANELS) == ALL_PANELS
                assert await page.value("document.documentElement.scrollWidth <= innerWidth"), "nothing is pushed aside"


async def test_the_policy_keeps_even_markup_that_got_in_from_running_or_loading_anything(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, shown(place, tmp_path) as page:
            bad = "<img src='data:,x' onerror='globalThis.hacked = 1'><iframe srcdoc='<script>top.hacked = 1</script>'>"
            await page.value("globalThis.broken = []")
            heard = "(event) => broken.push(event.effectiveDirective)"
            await page.value(f"document.addEventListener('securitypolicyviolation', {heard})")
            await page.value(f"document.getElementById('state').innerHTML = {json.dumps(bad)}")
            await page.until("broken.includes('img-src') && broken.includes('script-src-attr')")
            assert await page.value("globalThis.hacked === undefined")
            assert await page.value(f"fetch('http://{EVIL}/').then(() => 'asked', () => 'refused')") == "refused"


async def test_it_is_readable_on_a_phone_and_in_the_dark(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world(with_buy(CASES["paused"]())) as place, shown(place, tmp_path) as page:
            await page.call("Emulation.setDeviceMetricsOverride", **PHONE)
            grounds = set()
            for scheme in ("light", "dark"):
                await page.call(
                    "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
                )
                assert await page.value("innerWidth") == PHONE["width"]
                assert await page.value("document.documentElement.scrollWidth <= innerWidth")
                assert await page.value(CUT) == []
                small = (
                    "[...document.querySelectorAll('button')].filter((one) => one.getBoundingClientRect().height < 36)"
                )
                assert await page.value(f"{small}.length") == 0
                assert await page.value(CONTRAST) >= 4.5
                grounds.add(await page.value("getComputedStyle(document.body).backgroundColor"))
            assert len(grounds) == 2


async def test_a_name_that_somebody_points_at_this_machine_shows_nothing(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place:
            port = place.url.rpartition(":")[2]
            async with opened(f"http://{EVIL}:{port}/", tmp_path / "profile", [EVIL]) as page:
                text = str(await page.value("document.body.textContent"))
                assert "not one of the dashboard's" in text
                assert await page.value("fetch('/events').then((one) => one.status)") == 403


async def test_a_page_of_another_origin_can_neither_read_nor_act(tmp_path: Path) -> None:
    with trio.fail_after(WITHIN_S):
        async with world() as place, world() as other, shown(place, tmp_path) as page:
            # A page of the other door, at the same address with another port: its requests carry this one's cookie.
            await page.call("Page.navigate", url=f"{other.url}/nowhere")
            await page.arrived(f"location.port === '{other.url.rpartition(':')[2]}'")
            await page.call("Page.setBypassCSP", enabled=True)
            await page.call("Page.reload")
            await page.arrived()
            for path in ("/", "/events"):
                read = (
                    f"fetch('{place.url}{path}', {{credentials: 'include'}}).then((one) => one.text(), () => 'unread')"
                )
                assert await page.value(read) == "unread"
            rounds = place.feed.rounds
            send = (
                "{method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({verb: 'pause'})}"
            )
            await page.value(f"fetch('{place.url}/ask', {send}).then(() => 'sent', () => 'refused')")
            assert place.asked == []
            assert place.feed.rounds <= rounds + 1
