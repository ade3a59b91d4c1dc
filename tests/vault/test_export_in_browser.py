"""The page with a key in it, opened from the disk in a real browser without a network: it shows the key for its code alone.

Real process, real clock; its start takes seconds. Skipped where there is no browser.
"""

from __future__ import annotations

import json
from pathlib import Path

import trio
from solders.keypair import Keypair

from bot.vault.export_page import make_code, make_page
from tests.browser import Page, opened

WITHIN_S = 60
PAIR = Keypair.from_seed(bytes([0, 0, *range(30)]))
ADDRESS = str(PAIR.pubkey())
SAID = "document.getElementById('said').textContent"
SHOWN = "[...document.querySelectorAll('#shown:not([hidden]) code')].map((one) => one.textContent)"


async def types(page: Page, code: str) -> str:
    """Type a code and press the button as a person does; what the page says then."""
    await page.value(f"document.getElementById('code').value = {json.dumps(code)}")
    await page.value("document.getElementById('open').click()")
    while (said := str(await page.value(SAID))) == "Opening":
        await trio.sleep(0.05)
    return said


async def test_a_browser_without_a_network_shows_the_key_for_its_code_and_for_no_other(tmp_path: Path) -> None:
    code = make_code()
    file = tmp_path / "key.html"
    file.write_bytes(make_page(ADDRESS, bytearray(bytes(PAIR)), code))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    with trio.fail_after(WITHIN_S):
        async with opened(file.as_uri(), tmp_path / "profile") as page:
            for other in (wrong, "", "x" * 1_000, code[:-1]):
                assert await types(page, other) == "That code does not open this file."
                assert await page.value(SHOWN) == []
            for typed in (code, code.lower().replace("-", " "), code.replace("1", "l").replace("0", "o")):
                assert (await types(page, typed)).startswith("This is the key.")
                base58, numbers = await page.value(SHOWN)
                assert Keypair.from_base58_string(base58) == PAIR
                assert Keypair.from_json(numbers) == PAIR
            assert await types(page, wrong) == "That code does not open this file."
            assert await page.value(SHOWN) == [], "what was shown before is hidden again"


async def test_its_own_policy_keeps_the_page_from_asking_anybody_and_from_running_anything_else(tmp_path: Path) -> None:
    file = tmp_path / "key.html"
    page = make_page(ADDRESS, bytearray(bytes(PAIR)), make_code())
    file.write_bytes(page.replace(b"</main>", b"</main><script>globalThis.strange = 1</script>"))
    with trio.fail_after(WITHIN_S):
        async with opened(file.as_uri(), tmp_path / "profile") as shown:
            assert await shown.value("globalThis.strange === undefined")
            tried = "fetch('data:text/plain,x').then(() => 'asked', () => 'refused')"
            assert await shown.value(tried) == "refused"
            assert await shown.value("document.querySelector('h1 code').textContent") == ADDRESS
