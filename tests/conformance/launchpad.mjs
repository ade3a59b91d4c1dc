// The launchpad's own SDKs drive the local chain, unmodified: they fetch the accounts that they need, build every
// instruction, quote every trade and decode every event. What they quote must be what the chain then does, to the lamport.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { NATIVE_MINT, TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID, getAssociatedTokenAddressSync } from "@solana/spl-token";
import {
  AddressLookupTableProgram,
  ComputeBudgetProgram,
  Keypair,
  LAMPORTS_PER_SOL,
  PublicKey,
  SendTransactionError,
  TransactionMessage,
  VersionedTransaction,
} from "@solana/web3.js";
import { confirmed, connection, does, eventually, finish, heard, refusalOf, wallet } from "./report.mjs";

// As modules these packages import names from each other that node does not find; they are required, as published.
const require = createRequire(import.meta.url);
const anchor = require("@coral-xyz/anchor");
const pumpSdk = require("@pump-fun/pump-sdk");
const pumpSwapSdk = require("@pump-fun/pump-swap-sdk");

const { BN } = anchor;
const { PUMP_SDK, OnlinePumpSdk, PUMP_PROGRAM_ID, PUMP_AMM_PROGRAM_ID } = pumpSdk;
const { PUMP_AMM_SDK, OnlinePumpAmmSdk, canonicalPumpPoolPda } = pumpSwapSdk;

const online = new OnlinePumpSdk(connection);
const pools = new OnlinePumpAmmSdk(connection);
const mint = Keypair.generate();
const sol = (amount) => new BN(amount * LAMPORTS_PER_SOL);
const lamports = (amount) => `${amount.toString()} lamports`;

let creator;
let trader;
let globalAccount;
let feeConfig;

/** Signs, sends and confirms instructions; the transaction as the chain tells it. Throws what web3.js throws. */
async function sent(instructions, signers, { tables = [], ...options } = {}) {
  const { blockhash } = await connection.getLatestBlockhash();
  const units = ComputeBudgetProgram.setComputeUnitLimit({ units: 400_000 });
  const message = new TransactionMessage({
    payerKey: signers[0].publicKey,
    recentBlockhash: blockhash,
    instructions: [units, ...instructions],
  });
  const transaction = new VersionedTransaction(message.compileToV0Message(tables));
  transaction.sign(signers);
  const signature = await connection.sendTransaction(transaction, options);
  await confirmed(signature);
  return connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
}

/** The events of one kind that a transaction's log tells, decoded by the SDK. */
function eventsOf(told, discriminator, decode) {
  const lines = told.meta.logMessages.filter((line) => line.startsWith("Program data: "));
  const data = lines.map((line) => Buffer.from(line.slice("Program data: ".length), "base64"));
  const wanted = data.filter((bytes) => bytes.subarray(0, 8).equals(discriminatorOf(discriminator)));
  return wanted.map((bytes) => decode(bytes.subarray(8)));
}

/** The first eight bytes of an event, from the interface description inside the SDK. */
function discriminatorOf(event) {
  const all = [...pumpSdk.pumpIdl.events, ...pumpSwapSdk.pumpAmmJson.events];
  return Buffer.from(all.find((one) => one.name === event).discriminator);
}

const tradesOf = (told) => eventsOf(told, "TradeEvent", (data) => PUMP_SDK.decodeTradeEventBc(data));

/** How many raw units of the coin an owner holds. */
async function held(owner) {
  const account = getAssociatedTokenAddressSync(mint.publicKey, owner, true, TOKEN_2022_PROGRAM_ID);
  return new BN((await connection.getTokenAccountBalance(account)).value.amount);
}

/** The error that Anchor, on which the SDKs are built, makes of a refusal by web3.js; its name must be that of its code. */
function understood(error, { errors }) {
  assert.ok(error instanceof SendTransactionError, String(error));
  const { error: translated } = anchor.translateError(error, new Map());
  const { code: name, number: code } = translated.errorCode;
  const described = errors.find((one) => one.code === code);
  assert.equal(name, described.name[0].toUpperCase() + described.name.slice(1));
  return { code, name };
}

await does("pump-sdk reads the launchpad's accounts", async () => {
  globalAccount = await online.fetchGlobal();
  feeConfig = await online.fetchFeeConfig();
  assert.equal(await online.fetchQuoteControl(), null);
  const [quote] = await online.fetchSupportedQuoteMints();
  assert.ok(quote.mint.equals(NATIVE_MINT));
  assert.ok(globalAccount.initialVirtualTokenReserves.gtn(0));
  return `${feeConfig.feeTiers.length} fee tier(s)`;
});

/** What both of the SDK's ways to launch and buy in one transaction are told; the first buy is of 1 SOL. */
async function launch(coin) {
  const quoteAmount = sol(1);
  const amount = pumpSdk.getBuyTokenAmountFromSolAmount({
    global: globalAccount,
    feeConfig,
    mintSupply: null,
    bondingCurve: null,
    amount: quoteAmount,
    quoteMint: NATIVE_MINT,
  });
  return {
    global: globalAccount,
    mint: coin.publicKey,
    name: "Conformance",
    symbol: "CONF",
    uri: "https://example.invalid/conf.json",
    creator: creator.publicKey,
    user: creator.publicKey,
    amount,
    solAmount: quoteAmount,
    quoteAmount,
    mayhemMode: false,
  };
}

await does("pump-sdk launches a coin and buys it in one transaction", async () => {
  [creator, trader] = [await wallet(50), await wallet(200)];
  const about = await launch(mint);
  const logs = heard((listener) => connection.onLogs(PUMP_PROGRAM_ID, listener, "processed"));
  await heard((listener) => connection.onSlotChange(listener));
  const told = await sent(await PUMP_SDK.createV2AndBuyInstructions(about), [creator, mint]);
  assert.equal(told.meta.err, null);
  const [created] = eventsOf(told, "CreateEvent", (data) => PUMP_SDK.decodeCreateEventBc(data));
  assert.equal(created.symbol, "CONF");
  assert.ok(created.mint.equals(mint.publicKey));
  const [notification] = await logs;
  assert.equal(notification.signature, told.transaction.signatures[0]);
  assert.ok((await held(creator.publicKey)).eq(about.amount));
  return `${about.amount} raw tokens for at most 1 SOL, heard by a logs subscription`;
});

await does("pump-sdk does so by buy_v2, with a lookup table to make it short enough", async () => {
  const coin = Keypair.generate();
  const about = await launch(coin);
  const instructions = await PUMP_SDK.createV2AndBuyV2Instructions(about);
  const table = await lookupTable(instructions.flatMap(({ keys }) => keys).filter((key) => !key.isSigner));
  const told = await sent(instructions, [creator, coin], { tables: [table] });
  const [{ tokenAmount }] = tradesOf(told);
  assert.ok(tokenAmount.eq(about.amount));
  return `${table.state.addresses.length} addresses in the table`;
});

/** A lookup table of these accounts, made by the creator and old enough to be used. */
async function lookupTable(accounts) {
  const addresses = [...new Set(accounts.map(({ pubkey }) => pubkey.toBase58()))].map((text) => new PublicKey(text));
  const authority = creator.publicKey;
  const [create, key] = AddressLookupTableProgram.createLookupTable({
    authority,
    payer: authority,
    recentSlot: await connection.getSlot("finalized"),
  });
  const extend = (some) =>
    AddressLookupTableProgram.extendLookupTable({ lookupTable: key, authority, payer: authority, addresses: some });
  await sent([create, extend(addresses.slice(0, 20))], [creator]);
  const told = await sent([extend(addresses.slice(20))], [creator]);
  await eventually(async () => (await connection.getSlot()) > told.slot, "no further slot");
  return (await connection.getAddressLookupTable(key)).value;
}

await does("pump-sdk buys on the curve at its own quote", async () => {
  const state = await online.fetchBuyState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const { bondingCurve } = state;
  const common = { global: globalAccount, feeConfig, bondingCurve, mintSupply: bondingCurve.tokenTotalSupply };
  const quoteMint = NATIVE_MINT;
  const amount = pumpSdk.getBuyTokenAmountFromSolAmount({ ...common, amount: sol(2), quoteMint });
  const cost = pumpSdk.getBuySolAmountFromTokenAmount({ ...common, amount, quoteMint });
  const instructions = await PUMP_SDK.buyV2Instructions({
    ...state,
    global: globalAccount,
    mint: mint.publicKey,
    user: trader.publicKey,
    amount,
    quoteAmount: cost,
    slippage: 0,
    tokenProgram: TOKEN_2022_PROGRAM_ID,
  });
  const [trade] = tradesOf(await sent(instructions, [trader]));
  assert.ok(trade.tokenAmount.eq(amount) && (await held(trader.publicKey)).eq(amount));
  const paid = trade.solAmount.add(trade.fee).add(trade.creatorFee);
  assert.ok(paid.eq(cost), `paid ${paid}, quoted ${cost}`);
  return `${lamports(cost)} quoted and paid, no slippage allowed`;
});

/** The instructions of a sale on the curve by the SDK; `floor` is what it may bring at the least. */
async function saleOnCurve(amount, floor) {
  const state = await online.fetchSellState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  return PUMP_SDK.sellV2Instructions({
    ...state,
    global: globalAccount,
    mint: mint.publicKey,
    user: trader.publicKey,
    amount,
    quoteAmount: floor,
    slippage: 0,
    tokenProgram: TOKEN_2022_PROGRAM_ID,
  });
}

await does("pump-sdk sells on the curve at its own quote", async () => {
  const { bondingCurve } = await online.fetchSellState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const amount = (await held(trader.publicKey)).divn(2);
  const brings = pumpSdk.getSellSolAmountFromTokenAmount({
    global: globalAccount,
    feeConfig,
    mintSupply: bondingCurve.tokenTotalSupply,
    bondingCurve,
    amount,
  });
  const told = await sent(await saleOnCurve(amount, brings), [trader]);
  const received = told.meta.postBalances[0] - told.meta.preBalances[0] + told.meta.fee;
  assert.equal(received, brings.toNumber());
  assert.equal(tradesOf(told)[0].isBuy, false);
  return `${lamports(brings)} quoted and received`;
});

await does("pump-sdk trades by the older instructions too", async () => {
  const state = await online.fetchBuyState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const { bondingCurve } = state;
  const common = { global: globalAccount, feeConfig, mintSupply: bondingCurve.tokenTotalSupply };
  const trade = { mint: mint.publicKey, user: trader.publicKey, slippage: 0, tokenProgram: TOKEN_2022_PROGRAM_ID };
  const amount = new BN(1_000_000_000_000);
  const quoteMint = NATIVE_MINT;
  const cost = pumpSdk.getBuySolAmountFromTokenAmount({ ...common, bondingCurve, amount, quoteMint });
  const buy = await PUMP_SDK.buyInstructions({ ...state, ...trade, global: globalAccount, amount, solAmount: cost });
  const [bought] = tradesOf(await sent(buy, [trader]));
  assert.ok(bought.solAmount.add(bought.fee).add(bought.creatorFee).eq(cost));
  const after = await online.fetchSellState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const brings = pumpSdk.getSellSolAmountFromTokenAmount({ ...common, bondingCurve: after.bondingCurve, amount });
  const sale = await PUMP_SDK.sellInstructions({
    ...after,
    ...trade,
    global: globalAccount,
    amount,
    solAmount: brings,
    mayhemMode: false,
  });
  const [sold] = tradesOf(await sent(sale, [trader]));
  assert.ok(sold.solAmount.sub(sold.fee).sub(sold.creatorFee).eq(brings));
  return `${lamports(cost)} paid, ${lamports(brings)} received`;
});

await does("pump-sdk launches a coin of SPL Token by the older create, and trades it", async () => {
  const coin = Keypair.generate();
  const about = { ...(await launch(coin)), user: creator.publicKey };
  const created = await sent([await PUMP_SDK.createInstruction(about)], [creator, coin]);
  const [event] = eventsOf(created, "CreateEvent", (data) => PUMP_SDK.decodeCreateEventBc(data));
  assert.ok(event.mint.equals(coin.publicKey) && event.tokenProgram.equals(TOKEN_PROGRAM_ID));
  const trade = { mint: coin.publicKey, user: trader.publicKey, slippage: 0, tokenProgram: TOKEN_PROGRAM_ID };
  const state = await online.fetchBuyState(coin.publicKey, trader.publicKey, TOKEN_PROGRAM_ID);
  const common = { global: globalAccount, feeConfig, mintSupply: state.bondingCurve.tokenTotalSupply };
  const { bondingCurve } = state;
  const amount = new BN(2_000_000_000_000);
  const quoteMint = NATIVE_MINT;
  const quoteAmount = pumpSdk.getBuySolAmountFromTokenAmount({ ...common, bondingCurve, amount, quoteMint });
  const buy = await PUMP_SDK.buyV2Instructions({ ...state, ...trade, global: globalAccount, amount, quoteAmount });
  const [bought] = tradesOf(await sent(buy, [trader]));
  assert.ok(bought.solAmount.add(bought.fee).add(bought.creatorFee).eq(quoteAmount));
  const after = await online.fetchSellState(coin.publicKey, trader.publicKey, TOKEN_PROGRAM_ID);
  const brings = pumpSdk.getSellSolAmountFromTokenAmount({ ...common, bondingCurve: after.bondingCurve, amount });
  const sale = { ...after, ...trade, global: globalAccount, amount, quoteAmount: brings };
  const [sold] = tradesOf(await sent(await PUMP_SDK.sellV2Instructions(sale), [trader]));
  assert.ok(sold.solAmount.sub(sold.fee).sub(sold.creatorFee).eq(brings));
  return `${lamports(quoteAmount)} paid, ${lamports(brings)} received`;
});

await does("a buy beyond its limit is refused as 6002", async () => {
  const state = await online.fetchBuyState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const instructions = await PUMP_SDK.buyV2Instructions({
    ...state,
    global: globalAccount,
    mint: mint.publicKey,
    user: trader.publicKey,
    amount: new BN(1_000_000_000),
    quoteAmount: new BN(1),
    slippage: 0,
    tokenProgram: TOKEN_2022_PROGRAM_ID,
  });
  const error = understood(await refusalOf(sent(instructions, [trader])), pumpSdk.pumpIdl);
  assert.equal(error.code, 6002);
  return error.name;
});

await does("a sale below its floor is refused as 6003, and lands with it", async () => {
  const instructions = await saleOnCurve(new BN(1_000_000), sol(1));
  const error = understood(await refusalOf(sent(instructions, [trader])), pumpSdk.pumpIdl);
  assert.equal(error.code, 6003);
  const told = await sent(instructions, [trader], { skipPreflight: true });
  assert.deepEqual(told.meta.err, { InstructionError: [1, { Custom: 6003 }] });
  assert.equal(told.meta.postBalances[0] - told.meta.preBalances[0], -told.meta.fee);
  return `${error.name}; landed for a fee of ${lamports(told.meta.fee)}`;
});

await does("a sale of more than is held is refused by the token program", async () => {
  const all = await held(trader.publicKey);
  const refusal = await refusalOf(sent(await saleOnCurve(all.muln(2), new BN(0)), [trader]));
  assert.ok(refusal instanceof SendTransactionError, String(refusal));
  assert.match(refusal.message, /insufficient funds/i);
  return refusal.transactionError.message;
});

await does("pump-sdk buys the rest of the curve and migrates it", async () => {
  const state = await online.fetchBuyState(mint.publicKey, trader.publicKey, TOKEN_2022_PROGRAM_ID);
  const instructions = await PUMP_SDK.buyV2Instructions({
    ...state,
    global: globalAccount,
    mint: mint.publicKey,
    user: trader.publicKey,
    amount: state.bondingCurve.realTokenReserves,
    quoteAmount: sol(100),
    slippage: 0,
    tokenProgram: TOKEN_2022_PROGRAM_ID,
  });
  const told = await sent(instructions, [trader]);
  const [complete] = eventsOf(told, "CompleteEvent", (data) => PUMP_SDK.decodeCompleteEventBc(data));
  assert.ok(complete.mint.equals(mint.publicKey));
  const late = understood(await refusalOf(sent(await saleOnCurve(new BN(1), new BN(0)), [trader])), pumpSdk.pumpIdl);
  assert.equal(late.code, 6005);
  const migrate = await PUMP_SDK.migrateV2Instruction({
    withdrawAuthority: globalAccount.withdrawAuthority,
    mint: mint.publicKey,
    user: trader.publicKey,
    quoteMint: state.bondingCurve.quoteMint,
  });
  const migrated = await sent([migrate], [trader]);
  assert.equal(migrated.meta.err, null);
  await eventually(() => connection.getAccountInfo(canonicalPumpPoolPda(mint.publicKey)), "no pool");
  return `${late.name} afterwards; pool ${canonicalPumpPoolPda(mint.publicKey).toBase58().slice(0, 8)}`;
});

/** What the pool SDK needs to know before a trade of the trader's. */
const swapState = () => pools.swapSolanaState(canonicalPumpPoolPda(mint.publicKey), trader.publicKey);

await does("pump-swap-sdk reads the pool and its configuration", async () => {
  const config = await pools.fetchGlobalConfigAccount();
  const fees = await pools.fetchFeeConfigAccount();
  const pool = await pools.fetchPool(canonicalPumpPoolPda(mint.publicKey));
  assert.ok(pool.baseMint.equals(mint.publicKey) && pool.quoteMint.equals(NATIVE_MINT));
  assert.ok(pool.coinCreator.equals(creator.publicKey));
  assert.ok(config.protocolFeeRecipients.length === 8);
  return `${fees.feeTiers.length} fee tiers`;
});

await does("pump-swap-sdk buys in the pool at its own quote", async () => {
  const state = await swapState();
  const before = await held(trader.publicKey);
  const base = state.poolBaseAmount.divn(100);
  const told = await sent(await PUMP_AMM_SDK.buyBaseInput(state, base, 0), [trader]);
  assert.equal(told.meta.err, null);
  assert.ok((await held(trader.publicKey)).sub(before).eq(base));
  const [bought] = eventsOf(told, "BuyEvent", (data) => PUMP_SDK.decodeBuyEventAmm(data));
  const { uiQuote } = pumpSwapSdk.buyBaseInput({
    ...state,
    ...state.pool,
    base,
    slippage: 0,
    baseReserve: state.poolBaseAmount,
    quoteReserve: state.poolQuoteAmount,
  });
  assert.ok(bought.userQuoteAmountIn.eq(uiQuote), `paid ${bought.userQuoteAmountIn}, quoted ${uiQuote}`);
  return `${lamports(uiQuote)} quoted and paid`;
});

await does("pump-swap-sdk sells in the pool at its own quote", async () => {
  const state = await swapState();
  const base = (await held(trader.publicKey)).divn(4);
  const logs = heard((listener) => connection.onLogs(PUMP_AMM_PROGRAM_ID, listener, "processed"));
  await heard((listener) => connection.onSlotChange(listener));
  const told = await sent(await PUMP_AMM_SDK.sellBaseInput(state, base, 0), [trader]);
  const [sold] = eventsOf(told, "SellEvent", (data) => PUMP_SDK.decodeSellEventAmm(data));
  const { uiQuote } = pumpSwapSdk.sellBaseInput({
    ...state,
    ...state.pool,
    base,
    slippage: 0,
    baseReserve: state.poolBaseAmount,
    quoteReserve: state.poolQuoteAmount,
  });
  assert.ok(sold.userQuoteAmountOut.eq(uiQuote), `received ${sold.userQuoteAmountOut}, quoted ${uiQuote}`);
  assert.equal((await logs)[0].signature, told.transaction.signatures[0]);
  return `${lamports(uiQuote)} quoted and received`;
});

await does("trades in the pool beyond their limits are refused as 6004", async () => {
  const state = await swapState();
  const sale = await PUMP_AMM_SDK.sellInstructions(state, new BN(1_000_000), sol(1));
  const sold = understood(await refusalOf(sent(sale, [trader])), pumpSwapSdk.pumpAmmJson);
  const buy = await PUMP_AMM_SDK.buyInstructions(state, new BN(1_000_000_000), new BN(10));
  const bought = understood(await refusalOf(sent(buy, [trader])), pumpSwapSdk.pumpAmmJson);
  assert.deepEqual([sold.code, bought.code], [6004, 6004]);
  return sold.name;
});

finish();
