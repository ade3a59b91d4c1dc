"""docs/schema.md says what the migrations make."""

from __future__ import annotations

from pathlib import Path

from bot.storage.address import DatabaseAddress
from tests.storage.schema_page import page
from tests.storage.server_thread import TEMPLATE, fresh_database

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"


async def test_the_page_of_the_schema_is_that_of_the_migrations(server: DatabaseAddress) -> None:
    async with fresh_database(server, TEMPLATE) as address:
        told = await page(address)
    assert PAGE.read_text("utf-8") == told, "run: python -m tests.storage.schema_page > docs/schema.md"
