"""Classic mistakes of whoever asks endpoints: whose trouble a failure is, how long to wait, which key to use."""

from __future__ import annotations

from tests.mutants.mutants import Edit, Mutant

BORNE_OUT = "bot/execution/borne_out.py"
FALSE_PRICES = "tests/whole/test_false_prices.py"
FALSE_STREAMS = "tests/whole/test_false_streams.py"

CHAIN_MUTANTS = (
    Mutant(
        "believes that an endpoint is down where one method of it fails",
        (
            Edit(
                "bot/chain/method_health.py",
                "        if method in ALWAYS or not self._is_alive(method, now_s):\n",
                "        if True:\n",
            ),
        ),
        ("tests/chain/test_chain_method_health.py",),
    ),
    Mutant(
        "leaves an endpoint alone for bytes that it failed to take",
        (
            Edit(
                "bot/chain/method_health.py",
                'ALWAYS = FOR_ALL | {"sendTransaction"}\n',
                "ALWAYS = FOR_ALL\n",
            ),
        ),
        ("tests/chain/test_chain_method_health.py",),
    ),
    Mutant(
        "asks an endpoint again before the rest that it asked for is over",
        (
            Edit(
                "bot/chain/breaker.py",
                "        if self.must_wait(now_s):\n            return",
                "        if False:\n            return",
            ),
        ),
        ("tests/chain/test_chain_pool_breaker.py",),
    ),
    Mutant(
        "goes back to the old key where the new one is refused",
        (
            Edit(
                "bot/chain/transport.py",
                "        if self._built is None or key != self._used_key:\n",
                "        if self._built is None:\n",
            ),
        ),
        ("tests/chain/test_chain_keys.py",),
    ),
    Mutant(
        "uses a key that is being written",
        (
            Edit(
                "bot/chain/key_file.py",
                "        if is_whole and found != self._text:\n",
                "        if found != self._text:\n",
            ),
        ),
        ("tests/chain/test_chain_keys.py::test_a_key_that_is_being_written_is_not_used_by_half",),
    ),
    Mutant(
        "lets an answer that nests too deeply end whoever reads it",
        (
            Edit(
                "bot/chain/wire.py",
                "UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)\n",
                "UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)\n",
            ),
        ),
        ("tests/chain/test_chain_rpc_fuzz.py::test_no_answer_breaks_a_reader",),
    ),
    Mutant(
        "keeps the window of answers that were given up over HTTP/2",
        (
            Edit(
                "bot/chain/http2_connection.py",
                "            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)\n",
                "            pass\n",
            ),
        ),
        ("tests/chain/test_chain_http2.py::test_given_up_answers_hold_up_no_later_one_and_cost_no_connection",),
    ),
    Mutant(
        "believes what one endpoint says that an order did",
        (
            Edit(
                "bot/chain/evidence.py",
                "        if len(seen) == 1:\n",
                "        if seen:\n            return first\n        if len(seen) == 1:\n",
            ),
        ),
        ("tests/whole/test_lying_records.py",),
    ),
    Mutant(
        "fails a buy by the word of one endpoint",
        (Edit("bot/execution/landings.py", "    if is_buy and not succeeded:\n        return False\n", ""),),
        ("tests/trading/test_landings.py",),
    ),
    Mutant(
        "sells by a price that one endpoint alone tells",
        (
            Edit(
                BORNE_OUT,
                "        if decided is None or not decided.reason.is_by_price or isinstance(told, Route) or not told.told_by:\n",
                "        if True:\n",
            ),
        ),
        (f"{FALSE_PRICES}::test_false_reserves_of_one_endpoint_sell_nothing",),
    ),
    Mutant(
        "takes what one stream tells for everybody's word",
        (Edit("bot/chain/launch_stream.py", 'self._tellers[place] if self._others else ""', '""'),),
        (f"{FALSE_STREAMS}::test_a_trade_that_one_stream_makes_up_sells_nothing",),
    ),
    Mutant(
        "buys by trades that one stream alone tells",
        (Edit("actors/token_tracker.py", "if told.action is not Action.BUY or self._window.is_sure:", "if True:"),),
        (f"{FALSE_STREAMS}::test_buys_that_one_stream_makes_up_buy_nothing",),
    ),
    Mutant(
        "lets a price of a slot of the future stand",
        (Edit("bot/execution/price_book.py", "if point.seen_at_ms - self.read_at_ms <= after_ms:", "if True:"),),
        (f"{FALSE_STREAMS}::test_a_slot_that_is_a_little_ahead_once_hides_no_crash",),
    ),
    Mutant(
        "hears whatever slot a stream names",
        (Edit("bot/chain/slot_bound.py", "if newest == 0 or slot <= newest + self._ahead_slots:", "if True:"),),
        (f"{FALSE_STREAMS}::test_a_slot_of_the_far_future_hides_no_crash_and_its_teller_is_left",),
    ),
    Mutant(
        "believes the second endpoint where two contradict each other about a price",
        (
            Edit(
                BORNE_OUT,
                "        looks = await self._looks(mint, told) or [told, second]\n        right = _majority",
                "        looks = [second]\n        right = _majority",
            ),
        ),
        (f"{FALSE_PRICES}::test_a_crash_that_only_polling_shows_sells_although_another_endpoint_denies_it",),
    ),
    Mutant(
        "makes the bound of an order of what one endpoint alone tells",
        (
            Edit(
                BORNE_OUT,
                "        if self.is_known(mint, told, tolerance_bps):\n",
                "        if True:\n",
            ),
        ),
        (f"{FALSE_PRICES}::test_the_bound_of_a_buy_lies_within_the_slippage_of_the_true_price",),
    ),
    Mutant(
        "polls prices of one endpoint alone",
        (
            Edit(
                "actors/price_poller.py",
                "_batches(of_others, others=True)",
                "_batches(of_others, others=False)",
            ),
        ),
        (f"{FALSE_PRICES}::test_false_reserves_of_a_pool_sell_nothing_and_hide_no_crash",),
    ),
    Mutant(
        "remembers a peak that one endpoint made up",
        (Edit(BORNE_OUT, "        return min(worth_now, worth(second))\n", "        return worth_now\n"),),
        (f"{FALSE_PRICES}::test_a_false_peak_stops_nobody_once_the_lie_is_over",),
    ),
    Mutant(
        "leaves a stream under the old key before one under the new key tells anything",
        (
            Edit(
                "bot/chain/new_key.py",
                "        with trio.CancelScope() as self._scopes[number]:\n",
                "        self._lives(number)\n        with trio.CancelScope() as self._scopes[number]:\n",
            ),
        ),
        ("tests/chain/test_chain_new_key.py",),
    ),
    Mutant(
        "takes leaders who are away for the silence of a stream that tells what is confirmed",
        (
            Edit(
                "bot/chain/silence.py",
                "            if self._behind_slots:\n                await",
                "            if False:\n                await",
            ),
        ),
        ("tests/chain/test_chain_silence.py",),
    ),
    Mutant(
        "tips what others tip where its user wishes for less",
        (
            Edit(
                "bot/trading/landing.py",
                "        tip = min(tip, landing_lamports)\n",
                "        tip = landing_lamports\n",
            ),
        ),
        ("tests/chain/test_chain_tip_floor.py",),
    ),
    Mutant(
        "calls liquidity locked that somebody can withdraw",
        (
            Edit(
                "bot/chain/pool_locks.py",
                '    return LiquidityLock(account.shares_raw, int.from_bytes(shares[36:44], "little"))\n',
                "    return LiquidityLock(account.shares_raw, 0)\n",
            ),
        ),
        ("tests/chain/test_chain_pool_locks.py",),
    ),
    Mutant(
        "leaves an order given up that has landed all the same",
        (
            Edit(
                "bot/execution/ledger_audit.py",
                "        if ours:\n            await self.listed(sorted(ours))\n",
                "",
            ),
        ),
        ("tests/whole/test_lying_records.py",),
    ),
)
