"""Which events of a stream were told already, so that what two connections tell is handed on once. Pure."""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 16_384  # transactions; minutes of a busy launchpad


class ToldEvents:
    """Which connection told of which event first, so that a later connection does not tell it again.

    An event is known by its transaction's signature and its place there. The same connection may repeat one: nodes do
    when a transaction lands again on another fork.
    """

    def __init__(self) -> None:
        self._by_signature: OrderedDict[str, dict[int, int]] = OrderedDict()

    def knows(self, signature: str) -> bool:
        """Whether some connection told of a transaction."""
        return signature in self._by_signature

    def is_repeat(self, signature: str, index: int, connection: int) -> bool:
        """Whether another connection told of this event already; notes it otherwise."""
        told = self._by_signature.setdefault(signature, {})
        if len(self._by_signature) > REMEMBERED:
            self._by_signature.popitem(last=False)
        return told.setdefault(index, connection) != connection
