"""What both stores write into the audit about traders."""

from __future__ import annotations

DELISTED = "trader delisted"
LISTED = "trader listed"
