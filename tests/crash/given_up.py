"""An order that everybody said had never landed, and that lands."""

from __future__ import annotations

import base64

import trio

from bot.trading.intent import AttemptState, IntentState
from tests.crash.stage import SETTLED_WITHIN_S, Stage
from tests.whole.virtual import until

LOST_S = 1.0


async def given_up_and_landed(stage: Stage) -> None:
    """Everybody said that a buy had never landed; then it lands."""
    store, chain = stage.world.store, stage.world.chain
    chain.set_fault("drop-tx", for_s=LOST_S)
    await stage.buy()
    [(intent, [attempt])] = await store.in_flight()
    await store.close_unfilled(
        intent.id, IntentState.EXPIRED, "a lie", now_ms=stage.world.clock.now_ms(), signature=attempt.signature
    )
    stage.living.in_flight.resolve(attempt.signature)
    await trio.sleep(LOST_S)
    chain.call("sendTransaction", base64.b64encode(attempt.raw).decode(), {"encoding": "base64", "skipPreflight": True})
    await trio.sleep(2)
    stage.living.supervisor("money").kill("reconciler")
    await until(lambda: store._attempts[attempt.signature].state is AttemptState.LANDED, within_s=SETTLED_WITHIN_S)
    await stage.final()
