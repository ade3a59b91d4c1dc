"""What both stores write into the audit about traders."""

from __future__ import annotations

DELISTED = "trader delisted"
LISTED = "trader listed"
CAME_BACK = "an earlier account of his"  # by whom somebody is delisted who left as one who was
