"""The mistakes that trading bots make, each as a small change of our own source that brings it back.

An edit that no longer applies fails the campaign: the mutant has to follow the source. The texts are those of the source
and not of a diff, so that whoever moves the code sees what the mutant is about.
"""

from __future__ import annotations

from dataclasses import dataclass

COMPARED = "tests/whole/test_compared_while_trading.py"
CONFIRM = "bot/execution/confirm.py"
FINALITY = "bot/execution/finality.py"
GATE = "bot/trading/risk_gate.py"
GUARD = "actors/trading_guard.py"
LEDGER = "bot/execution/ledger_audit.py"
MONITOR = "actors/position_monitor.py"
PIPELINE, DEPARTURE = "bot/execution/pipeline.py", "bot/execution/departure.py"
RECONCILE = "bot/execution/reconcile.py"
RECONCILER = "actors/reconciler.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """`old`, which stands in the file exactly once, becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake. `name` says what the bot does wrong; `tests` are files, or tests in them, that it is held against first.

    Those are for parts of the bot that the simulation does not play: what several requests share, and several bots.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()


MUTANTS = (
    Mutant(
        "signs again inside a retry",
        (
            Edit(
                PIPELINE,
                "        return Submitted(sent, _what(order) if is_taken else NOT_TAKEN)\n",
                "        await trio.sleep(1.0)\n"
                "        if (await self.chain.statuses([attempt.signature]))[0] is None:\n"
                "            attempt = await self._sign(intent, wallet, order, sells_all=False)\n"
                "            await self.chain.send(attempt.raw)\n"
                "        return Submitted(sent, _what(order) if is_taken else NOT_TAKEN)\n",
            ),
        ),
    ),
    Mutant(
        "takes unknown for failed",
        (
            Edit(
                "bot/trading/recovery.py",
                "    return Step.EXPIRE if _proven_absent(last_valid_block_height, absences, endpoints) else Step.ASK_HISTORY\n",
                "    return Step.EXPIRE\n",
            ),
        ),
    ),
    Mutant(
        "records after the swap",
        (
            Edit(
                PIPELINE,
                "        await self.store.record_attempt(attempt)\n        return attempt\n",
                "        return attempt\n",
            ),
            Edit(
                DEPARTURE,
                "            await self.store.mark_sent(attempt.signature, self.clock.now_ms())\n",
                "            await self.store.mark_sent(attempt.signature, self.clock.now_ms())\n"
                "        else:\n"
                "            try:\n"
                "                await self.chain.send(attempt.raw)\n"
                "            except (Unavailable, SendRejected):\n"
                "                pass\n"
                "            await self.store.record_attempt(attempt)\n",
            ),
        ),
    ),
    Mutant(
        "takes the entry price as the floor of an exit",
        (
            Edit(
                PIPELINE,
                "        request = intent.request\n        priced = await self.priced(request, wallet, settings)\n",
                "        request = intent.request\n"
                "        priced = await self.priced(request, wallet, settings)\n"
                "        held = await self.store.open_positions(request.user_id)\n"
                "        if costs := [row.cost_lamports for row in held if row.mint == request.mint]:\n"
                "            if request.side is Side.SELL:\n"
                "                priced = replace(priced, limit_raw=max(priced.limit_raw, costs[0]))\n",
            ),
        ),
    ),
    Mutant(
        "stops selling after a failed sale",
        (
            Edit(
                MONITOR,
                "            tries = tries.after(await self._leave(position, decided, tries))\n",
                "            tries = tries.after(await self._leave(position, decided, tries))\n"
                "            if tries.failures:\n"
                "                await trio.sleep_forever()\n",
            ),
        ),
    ),
    Mutant(
        "flattens one position after the other",
        (
            Edit(
                "actors/flattener.py",
                "            for position in positions:\n",
                "            for position in positions[:1]:\n",
            ),
        ),
    ),
    Mutant(
        "takes a read that failed for zero",
        (
            Edit(
                RECONCILE,
                "        look = await self.chain.balances(wallet.address)\n",
                "        try:\n"
                "            look = await self.chain.balances(wallet.address)\n"
                "        except Exception:\n"
                "            look = WalletBalances(0, 0, {})\n",
            ),
        ),
    ),
    Mutant(
        "checks the limits outside of the transaction",
        (
            Edit(
                PIPELINE,
                "        admitted = await self.judged_by(request, wallet, settings, intent_id, gate, run=run)\n",
                "        found: list[RiskSnapshot] = []\n"
                "        await self.judged_by(\n"
                "            request, wallet, settings, intent_id, lambda seen: found.append(seen) or Refused('no', '')\n"
                "        )\n"
                "        if found and isinstance(judged := admit(request, found[0]), Refused):\n"
                "            return judged\n"
                "        admitted = await self.judged_by(\n"
                "            request, wallet, settings, intent_id, lambda _: Admitted(request.spend_lamports), run=run\n"
                "        )\n",
            ),
            Edit(
                PIPELINE,
                "from bot.trading.risk_gate import Refused, admit",
                "from bot.trading.risk_gate import Admitted, Refused, RiskSnapshot, admit",
            ),
        ),
    ),
    Mutant(
        "sends before the row says so",
        (
            Edit(PIPELINE, "            state=AttemptState.SENT,\n", "            state=AttemptState.SIGNED,\n"),
            Edit(
                DEPARTURE,
                "            await self.store.mark_sent(attempt.signature, self.clock.now_ms())\n",
                "            try:\n"
                "                await self.chain.send(attempt.raw)\n"
                "            except (Unavailable, SendRejected):\n"
                "                pass\n"
                "            await self.store.mark_sent(attempt.signature, self.clock.now_ms())\n",
            ),
        ),
    ),
    Mutant(
        "begins a wallet's day anew with each start of the vault",
        (
            Edit(
                "bot/vault/day_book.py",
                "        taken = counted or self._written.of(address)\n",
                "        taken = counted\n",
            ),
        ),
        ("tests/vault/test_day_book.py",),
    ),
    Mutant(
        "admits a sale beside a sale",
        (
            Edit(
                GATE,
                "    if facts.mint_sells_in_flight if request.side is Side.SELL else facts.mint_in_flight:\n",
                "    if request.side is Side.BUY and facts.mint_in_flight:\n",
            ),
        ),
    ),
    Mutant(
        "buys a token while another order of it is on its way",
        (
            Edit(
                GATE,
                "    if facts.mint_sells_in_flight if request.side is Side.SELL else facts.mint_in_flight:\n",
                "    if facts.mint_sells_in_flight:\n",
            ),
        ),
    ),
    Mutant(
        "buys while it is paused",
        (Edit(GATE, "    if request.side is Side.SELL or not pause_causes:\n", "    if request:\n"),),
    ),
    Mutant("looks at pauses before the gate and not in it", (Edit(GATE, "    _paused,\n", ""),)),
    Mutant("buys beyond the limit of a position", (Edit(GATE, "    _position_size,\n", ""),)),
    Mutant(
        "forgets a pause when it restarts",
        (Edit("bot/execution/ordered_causes.py", "        await self.store.save_cause(cause)\n", ""),),
    ),
    Mutant(
        "forgets a halt when it restarts",
        (
            Edit(
                GUARD,
                "        if self.halt is None and halt is not None:\n            self.halt = halt\n",
                "        if self.halt is None and halt is not None:\n",
            ),
        ),
    ),
    Mutant(
        "watches nothing that a life before it bought",
        (Edit(RECONCILER, "                await self.watch(position_id)\n", "                pass\n"),),
    ),
    Mutant(
        "leaves an order that was never signed",
        (Edit(CONFIRM, "            if not attempts:\n", "            if not attempts and not self.policy:\n"),),
    ),
    Mutant(
        "does not take up what it had signed",
        (
            Edit(
                CONFIRM,
                "        new = [row for row in attempts if row.state in MAY_LAND and row.signature not in followed]\n",
                '        new = [row for row in attempts if row.state.value == "sent" and row.signature not in followed]\n',
            ),
        ),
    ),
    Mutant(
        "takes what an order on its way did for a difference",
        (Edit(RECONCILE, "        balances = moving.taken_from(look)\n", "        balances = look\n"),),
    ),
    Mutant(
        "ignores that the network took a fill back",
        (
            Edit(
                FINALITY,
                "        for one, evidence in gone:\n            await self._reverse(one, evidence)\n",
                '        if gone:\n            log.info("rollback_ignored", landings=len(gone))\n',
            ),
        ),
    ),
    Mutant(
        "adjusts away what the network took back",
        (
            Edit(
                RECONCILE,
                "        if self._differs(before, ledger, balances) and not await self._stands(wallet):\n",
                "        if self._differs(before, ledger, balances) and not wallet:\n",
            ),
        ),
    ),
    Mutant(
        "books what it quoted instead of what landed",
        (
            Edit(
                "bot/trading/fill.py",
                "        token_raw=trade.token_raw,\n        quote_lamports=trade.quote_lamports,\n",
                "        token_raw=trade.token_raw * 99 // 100,\n        quote_lamports=trade.quote_lamports,\n",
            ),
        ),
    ),
    Mutant(
        "lets two signers of a wallet run in a halt",
        (
            Edit(
                "actors/flattener.py",
                "            await self.stop_money()\n            self.at_work = True\n",
                "            self.at_work = True\n",
            ),
        ),
    ),
    Mutant(
        "compares nothing while it is halted",
        (
            Edit(
                "bot/care.py",
                '        for name, start in (("confirmation_watcher", watcher.run), ("reconciler", self.compare)):\n',
                '        for name, start in (("confirmation_watcher", watcher.run),):\n',
            ),
        ),
        (f"{COMPARED}::test_wallets_are_compared_while_the_bot_is_halted",),
    ),
    Mutant(
        "does not compare a wallet with an order on its way",
        (Edit(RECONCILE, "        if moving is None or not", "        if moving is None or moving.mints or not"),),
        (f"{COMPARED}::test_a_wallet_with_an_order_on_its_way_is_compared_all_the_same",),
    ),
    Mutant(
        "books what the network may still take back",
        (Edit(LEDGER, "    return move.slot + DEEP_SLOTS <= look.slot\n", "    return move.slot <= look.slot\n"),),
        ("tests/whole/test_ledger_audit.py",),
    ),
    Mutant(
        "tells every theft by itself",
        (
            Edit(
                "bot/execution/alerts.py",
                '    return Alert(f"outflow {wallet.user_id}", text, LEDGER, Turn.BEGINS, urgent=True)\n',
                '    return Alert(f"outflow {signatures[-1]}", text, LEDGER, urgent=True)\n',
            ),
        ),
        (f"{COMPARED}::test_many_thefts_are_booked_one_by_one_and_told_once",),
    ),
    Mutant(
        "takes what others brought for its tokens for nothing",
        (
            Edit(
                "bot/storage/ledger_rules.py",
                "    return max(0, by.lamports)\n",
                "    return 0\n",
            ),
        ),
        ("tests/whole/test_outside_trades.py", "tests/storage/test_contract_outside.py"),
    ),
    Mutant(
        "takes two endpoints that show nothing for two witnesses",
        (Edit("bot/chain/rpc.py", "        self.blind = not shown\n", "        self.blind = False\n"),),
        ("tests/chain/test_chain_lies.py::test_two_endpoints_that_say_that_nothing_exists_are_no_witnesses",),
    ),
    Mutant(
        "takes the answers of a batch in the order in which they come",
        (
            Edit(
                "bot/chain/batches.py",
                "        own = told.get(one.id)\n",
                '        own = told.pop(next(iter(told), b""), None)\n',
            ),
        ),
        ("tests/chain/test_chain_batches.py",),
    ),
    Mutant(
        "signs though its lease has run out",
        (
            Edit(
                "bot/execution/leadership.py",
                "        if self.stands_still:\n",
                "        if self.stands_still and self.why:\n",
            ),
        ),
        ("tests/storage/test_leadership.py", "tests/whole/test_takeover.py"),
    ),
    Mutant(
        "believes the minimum of an aggregator",
        (
            Edit(
                "bot/chain/jupiter_check.py",
                "bps_floor(quoted, BPS - slippage_bps) < wanted.least_raw",
                "bps_floor(quoted, BPS - slippage_bps) < 0",
            ),
        ),
        ("tests/chain/test_chain_jupiter.py",),
    ),
    Mutant(
        "lets an aggregator pay into another account",
        (
            Edit(
                "bot/chain/jupiter_check.py",
                '        (places.target, wanted.target, "the swap pays into another account"),\n',
                "",
            ),
        ),
        ("tests/chain/test_chain_jupiter.py",),
    ),
    Mutant(
        "lets an aggregator keep a fee more than there are",
        (
            Edit(
                "bot/chain/routed_chain.py",
                "        if gained < order.limit_raw - fees:\n",
                "        if gained < order.limit_raw - 2 * fees:\n",
            ),
        ),
        ("tests/chain/test_chain_routed_judgement.py",),
    ),
)
