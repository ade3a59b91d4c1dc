"""What every endpoint's history says of signatures: the questions whose answers may prove that something is not there."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chain import wire
from bot.chain.endpoints import Endpoints
from bot.chain.outcome import failure_of
from bot.chain.rpc import RpcClient
from bot.errors import BotError, ChainUnavailable
from bot.trading.recovery import Absence, Sighting, SignatureStatus


async def search_absences(
    endpoints: Endpoints, signature: str, blockhash: str
) -> SignatureStatus | tuple[Absence, ...]:
    """A status when any endpoint knows it, else one Absence per endpoint that does not and takes its blockhash no more.

    The height to which bytes are good is what one endpoint said when they were signed; each witness has to say for itself
    that they are too old. Its finalized height is read before its history is asked, so that an absence cannot be too young.
    Raises ChainUnavailable when no endpoint answered.
    """

    async def ask(client: RpcClient) -> SignatureStatus | Absence | None:
        finalized_height = await client.block_height("finalized")
        may_land = await client.takes_blockhash(blockhash)
        slot, found = await client.signature_statuses([signature], search_history=True)
        if found[0] is None:
            await client.prove_sight()
        return status_of(found[0]) or (None if may_land else Absence(client.name, slot, finalized_height))

    absences: list[Absence] = []
    troubles: list[str] = []
    takers = 0
    for _, outcome in await endpoints.every(ask):
        if isinstance(outcome, SignatureStatus):
            return outcome
        if isinstance(outcome, Absence):
            absences.append(outcome)
        elif outcome is None:
            takers += 1
        else:
            troubles.append(str(outcome))
    if not absences and not takers:
        raise ChainUnavailable("; ".join(troubles))
    return tuple(absences)


async def sightings(endpoints: Endpoints, signatures: Sequence[str]) -> list[tuple[Sighting, ...]]:
    """What each endpoint that answered says of each signature.

    Its finalized slot is read before its history is asked, so that a denial cannot be too young. Raises ChainUnavailable
    when no endpoint answered.
    """

    async def ask(client: RpcClient) -> list[Sighting]:
        finalized_slot = await client.finalized_slot()
        slot, found = await client.signature_statuses(signatures, search_history=True)
        if None in found:
            await client.prove_sight()
        return [Sighting(client.name, slot, finalized_slot, status_of(status)) for status in found]

    told = [outcome for _, outcome in await endpoints.every(ask)]
    answers = [outcome for outcome in told if not isinstance(outcome, BotError)]
    if not answers:
        raise ChainUnavailable("; ".join(str(trouble) for trouble in told))
    return list(zip(*answers, strict=True))


def status_of(status: wire.Status | None) -> SignatureStatus | None:
    """A status without a commitment level counts as the lowest: it was seen, and nothing more is known."""
    if status is None:
        return None
    failure = failure_of(status.err)
    level = status.confirmation_status
    return SignatureStatus(
        slot=status.slot,
        error=failure.text if failure else None,
        settled=level in {"confirmed", "finalized"},
        finalized=level == "finalized",
    )
