"""How a node cuts the log of a transaction that is too long: Agave's LogCollector, with its line that says so.

Each node has its own limit, 10,000 bytes unless its operator chose another one, so that the same transaction may be told
whole by one endpoint and cut by another. LiteSVM cuts at the usual limit; the fault `cut-logs` is an endpoint with a low one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.localnet.faults import CUT_LOGS, FaultTable

TRUNCATED = "Log truncated"
LOW_LIMIT_BYTES = 400  # the events of a launch and of a trade come behind it


def told_lines(lines: Iterable[str], faults: FaultTable) -> list[str]:
    """The lines as an endpoint with these faults tells them."""
    return list(lines) if faults.get(CUT_LOGS) is None else cut_lines(lines, LOW_LIMIT_BYTES)


def cut_lines(lines: Iterable[str], limit_bytes: int) -> list[str]:
    """Leave out each line with which the limit would be reached, the first of them with a line that says so.

    Shorter lines that still fit may follow behind that one, as on a real node.
    """
    kept: list[str] = []
    written_bytes, said = 0, False
    for line in lines:
        length = len(line.encode())
        if line == TRUNCATED or written_bytes + length >= limit_bytes:
            if not said:
                kept.append(TRUNCATED)
            said = True
            continue
        written_bytes += length
        kept.append(line)
    return kept
