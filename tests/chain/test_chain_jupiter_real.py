"""The aggregator's interface over sockets: the key in nobody's words, and the local chain's stand-in."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain.http_api import open_http_api
from bot.chain.jupiter import SOL
from bot.chain.jupiter_check import PROGRAM, Wanted, check_quote, checked_swap
from bot.chain.jupiter_client import JupiterClient, NoWayError
from bot.errors import RouterUnavailable
from bot.localnet import aggregator, elsewhere
from tests.leaks.detect import MARK

WALLET, MINT = Pubkey(bytes([1]) * 32), Pubkey(bytes([2]) * 32)
AMOUNT, SLIPPAGE_BPS = 1_000_000, 100
KEY = f"key-{MARK}"


async def test_the_key_goes_with_each_question_and_into_nobodys_words(nursery: trio.Nursery) -> None:
    seen: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            seen.append(await stream.receive_some(4096))
            await stream.send_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, serve, listeners)
    port = listeners[0].socket.getsockname()[1]
    with trio.fail_after(10):
        async with open_http_api(f"http://127.0.0.1:{port}/swap/v2/", lambda: KEY) as api:
            with pytest.raises(RouterUnavailable) as refused:
                await JupiterClient(api).quote(SOL, str(MINT), 1, 50)
            assert KEY not in f"{refused.value!r} {api!r}"
    assert seen[0].startswith(b"GET /swap/v2/quote?inputMint=")
    assert f"x-api-key: {KEY}".encode() in seen[0]
    nursery.cancel_scope.cancel()


async def test_the_local_stand_in_answers_over_a_socket(localnet: dict[str, Any]) -> None:
    mint = str(elsewhere.MINT)
    with trio.fail_after(20):
        async with open_http_api(localnet["jupiter_url"], None) as api:
            client = JupiterClient(api)
            quote = await client.quote(SOL, mint, AMOUNT, SLIPPAGE_BPS)
            promised = check_quote(quote.quote, SOL, mint, AMOUNT, SLIPPAGE_BPS)
            proposed = await client.instructions(quote, str(WALLET))
            buy = Wanted(
                WALLET,
                at.WRAPPED_SOL_MINT,
                elsewhere.MINT,
                at.TOKEN_PROGRAM,
                at.TOKEN_PROGRAM,
                AMOUNT,
                promised * (10_000 - SLIPPAGE_BPS) // 10_000,
            )
            assert checked_swap(proposed, buy).program_id == PROGRAM
            assert proposed.tables == [str(aggregator.TABLE)]
            with pytest.raises(NoWayError):
                await client.quote(str(MINT), SOL, AMOUNT, SLIPPAGE_BPS)
