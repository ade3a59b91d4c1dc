// @solana/web3.js and @solana/spl-token drive the local chain, unmodified. web3.js checks the shape of every answer.
import assert from "node:assert/strict";
import {
  AddressLookupTableProgram,
  ComputeBudgetProgram,
  Keypair,
  LAMPORTS_PER_SOL,
  NONCE_ACCOUNT_LENGTH,
  PublicKey,
  SendTransactionError,
  SystemProgram,
  Transaction,
  TransactionExpiredBlockheightExceededError,
  TransactionMessage,
  VersionedTransaction,
  sendAndConfirmTransaction,
} from "@solana/web3.js";
import {
  ACCOUNT_SIZE,
  TOKEN_2022_PROGRAM_ID,
  TOKEN_PROGRAM_ID,
  createMint,
  getAccount,
  getMint,
  getOrCreateAssociatedTokenAccount,
  mintTo,
  transfer,
} from "@solana/spl-token";
import { confirmed, connection, does, eventually, finish, heard, refusalOf, wallet } from "./report.mjs";

const FEE_LAMPORTS = 5_000;
const SOME_LAMPORTS = 12_345_678;
// Of a transaction of another chain; nobody sends it here.
const UNKNOWN_SIGNATURE = "5VERv8NMvzbJMEkV8xnrLkEaWRtSz9CosKDYjCJjBRnbJLgp8uirBgmQkjKhoR4tjF3ZpRzrFmBV6UjKdiSZkQUW";

let payer;
const friend = Keypair.generate();
const pay = (lamports, from = payer) =>
  SystemProgram.transfer({ fromPubkey: from.publicKey, toPubkey: friend.publicKey, lamports });

/** Signs instructions on a fresh blockhash as a version 0 message. */
async function versioned(instructions, { signers = [payer], blockhash, tables = [] } = {}) {
  const recentBlockhash = blockhash ?? (await connection.getLatestBlockhash()).blockhash;
  const message = new TransactionMessage({ payerKey: signers[0].publicKey, recentBlockhash, instructions });
  const transaction = new VersionedTransaction(message.compileToV0Message(tables));
  transaction.sign(signers);
  return transaction;
}

await does("reads the cluster", async () => {
  const version = await connection.getVersion();
  assert.equal((await connection.getGenesisHash()).length > 31, true);
  const [slot, height, epoch] = [
    await connection.getSlot("processed"),
    await connection.getBlockHeight("processed"),
    await connection.getEpochInfo(),
  ];
  assert.ok(slot > height && epoch.slotsInEpoch === 432_000);
  assert.ok((await connection.getTransactionCount()) >= 0);
  assert.ok((await connection.getBlockTime(await connection.getSlot())) > 1_600_000_000);
  assert.equal(await connection.getMinimumBalanceForRentExemption(0), 890_880);
  assert.ok(Array.isArray(await connection.getRecentPrioritizationFees()));
  const { blockhash } = await connection.getLatestBlockhash("processed");
  assert.equal((await connection.isBlockhashValid(blockhash, { commitment: "processed" })).value, true);
  return `solana-core ${version["solana-core"]}, slot ${slot}`;
});

await does("airdrop, confirmed by websocket", async () => {
  payer = await wallet(20);
  assert.equal(await connection.getBalance(payer.publicKey), 20 * LAMPORTS_PER_SOL);
  return "20 SOL";
});

await does("transfer by a legacy transaction", async () => {
  const before = await connection.getBalance(payer.publicKey);
  const transaction = new Transaction().add(pay(SOME_LAMPORTS));
  await sendAndConfirmTransaction(connection, transaction, [payer]);
  assert.equal(await connection.getBalance(friend.publicKey), SOME_LAMPORTS);
  assert.equal(await connection.getBalance(payer.publicKey), before - SOME_LAMPORTS - FEE_LAMPORTS);
  return `${SOME_LAMPORTS} lamports and a fee of ${FEE_LAMPORTS}`;
});

await does("transfer by a version 0 transaction with a priority fee", async () => {
  const before = await connection.getBalance(payer.publicKey);
  const transaction = await versioned([
    ComputeBudgetProgram.setComputeUnitLimit({ units: 10_000 }),
    ComputeBudgetProgram.setComputeUnitPrice({ microLamports: 1_000_000 }),
    pay(SOME_LAMPORTS),
  ]);
  const fee = (await connection.getFeeForMessage(transaction.message)).value;
  assert.equal(fee, FEE_LAMPORTS + 10_000);
  assert.equal(await confirmed(await connection.sendTransaction(transaction)), null);
  assert.equal(await connection.getBalance(payer.publicKey), before - SOME_LAMPORTS - fee);
  return `fee ${fee} lamports, as getFeeForMessage said`;
});

await does("transfer that names its target in a lookup table", async () => {
  const recentSlot = await connection.getSlot("finalized");
  const [create, table] = AddressLookupTableProgram.createLookupTable({
    authority: payer.publicKey,
    payer: payer.publicKey,
    recentSlot,
  });
  const extend = AddressLookupTableProgram.extendLookupTable({
    lookupTable: table,
    authority: payer.publicKey,
    payer: payer.publicKey,
    addresses: [friend.publicKey],
  });
  assert.equal(await confirmed(await connection.sendTransaction(await versioned([create, extend]))), null);
  const { value } = await connection.getAddressLookupTable(table);
  assert.ok(value.state.addresses[0].equals(friend.publicKey));
  const transaction = await versioned([pay(1_000)], { tables: [value] });
  assert.equal(transaction.message.addressTableLookups.length, 1);
  const signature = await connection.sendTransaction(transaction);
  assert.equal(await confirmed(signature), null);
  const told = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.equal(told.meta.loadedAddresses.writable[0].toBase58(), friend.publicKey.toBase58());
  return table.toBase58();
});

await does("a durable nonce, confirmed by web3.js's nonce strategy", async () => {
  const nonce = Keypair.generate();
  const create = SystemProgram.createNonceAccount({
    fromPubkey: payer.publicKey,
    noncePubkey: nonce.publicKey,
    authorizedPubkey: payer.publicKey,
    lamports: await connection.getMinimumBalanceForRentExemption(NONCE_ACCOUNT_LENGTH),
  });
  await sendAndConfirmTransaction(connection, create, [payer, nonce]);
  const { context, value } = await connection.getNonceAndContext(nonce.publicKey);
  const advance = SystemProgram.nonceAdvance({ noncePubkey: nonce.publicKey, authorizedPubkey: payer.publicKey });
  const transaction = await versioned([advance, pay(1_000)], { blockhash: value.nonce });
  const signature = await connection.sendTransaction(transaction);
  const strategy = {
    signature,
    minContextSlot: context.slot,
    nonceAccountPubkey: nonce.publicKey,
    nonceValue: value.nonce,
  };
  const answer = await connection.confirmTransaction(strategy);
  assert.equal(answer.value.err, null);
  assert.notEqual((await connection.getNonce(nonce.publicKey)).nonce, value.nonce);
  return "used once, and advanced";
});

for (const [name, program] of [
  ["SPL Token", TOKEN_PROGRAM_ID],
  ["Token-2022", TOKEN_2022_PROGRAM_ID],
]) {
  await does(`a mint and accounts of ${name}`, async () => {
    const mint = await createMint(connection, payer, payer.publicKey, null, 6, undefined, undefined, program);
    const account = (owner) =>
      getOrCreateAssociatedTokenAccount(connection, payer, mint, owner, false, undefined, undefined, program);
    const [mine, theirs] = [await account(payer.publicKey), await account(friend.publicKey)];
    await mintTo(connection, payer, mint, mine.address, payer, 1_500_000n, [], undefined, program);
    await transfer(connection, payer, mine.address, theirs.address, payer, 500_000n, [], undefined, program);
    assert.equal((await getAccount(connection, theirs.address, undefined, program)).amount, 500_000n);
    assert.equal((await getMint(connection, mint, undefined, program)).supply, 1_500_000n);
    assert.equal((await connection.getTokenSupply(mint)).value.uiAmountString, "1.5");
    assert.equal((await connection.getTokenAccountBalance(mine.address)).value.amount, "1000000");
    assert.equal((await connection.getTokenLargestAccounts(mint)).value[0].address.toBase58(), mine.address.toBase58());
    const owned = await connection.getParsedTokenAccountsByOwner(friend.publicKey, { programId: program });
    assert.equal(owned.value[0].account.data.parsed.info.tokenAmount.amount, "500000");
    assert.equal((await connection.getTokenAccountsByOwner(friend.publicKey, { mint })).value.length, 1);
    assert.equal((await connection.getParsedAccountInfo(mint)).value.data.parsed.type, "mint");
    return `1.5 tokens of ${mint.toBase58().slice(0, 8)}, a third of them sent on`;
  });
}

await does("program accounts by length and content", async () => {
  const filters = [{ dataSize: ACCOUNT_SIZE }, { memcmp: { offset: 32, bytes: friend.publicKey.toBase58() } }];
  const found = await connection.getProgramAccounts(TOKEN_PROGRAM_ID, { filters, dataSlice: { offset: 64, length: 8 } });
  assert.equal(found.length, 1);
  assert.equal(found[0].account.data.readBigUInt64LE(), 500_000n);
  const parsed = await connection.getParsedProgramAccounts(TOKEN_PROGRAM_ID, { filters });
  assert.equal(parsed[0].account.data.parsed.info.owner, friend.publicKey.toBase58());
  const none = [{ memcmp: { offset: 32, bytes: PublicKey.default.toBase58() } }];
  assert.equal((await connection.getProgramAccounts(TOKEN_PROGRAM_ID, { filters: none })).length, 0);
  return `1 of SPL Token's accounts, 8 bytes of it`;
});

await does("subscriptions to logs, an account, a program, slots and roots", async () => {
  const ids = {};
  const logs = heard((listener) => (ids.logs = connection.onLogs(friend.publicKey, listener, "processed")));
  const account = heard((listener) => (ids.account = connection.onAccountChange(friend.publicKey, listener)));
  const slot = heard((listener) => (ids.slot = connection.onSlotChange(listener)));
  const root = heard((listener) => (ids.root = connection.onRootChange(listener)));
  await slot; // the socket is open and what was subscribed before is known to the node
  const before = await connection.getBalance(friend.publicKey);
  const transaction = await versioned([pay(777)]);
  const signature = await connection.sendTransaction(transaction);
  const [told, { slot: at }] = await logs;
  assert.equal(told.signature, signature);
  assert.equal(told.err, null);
  assert.ok(told.logs.some((line) => line.includes("success")));
  const [changed] = await account;
  assert.equal(changed.lamports, before + 777);
  await root;
  await connection.removeOnLogsListener(ids.logs);
  await connection.removeAccountChangeListener(ids.account);
  await connection.removeSlotChangeListener(ids.slot);
  await connection.removeRootChangeListener(ids.root);
  return `logs and balance of a transfer in slot ${at}`;
});

await does("a program subscription with filters, and a signature's notification", async () => {
  const fresh = Keypair.generate();
  const filters = [{ dataSize: ACCOUNT_SIZE }, { memcmp: { offset: 32, bytes: fresh.publicKey.toBase58() } }];
  let id;
  const change = heard((listener) => {
    id = connection.onProgramAccountChange(TOKEN_PROGRAM_ID, listener, { commitment: "processed", filters });
  });
  await heard((listener) => connection.onSlotChange(listener));
  const mint = await createMint(connection, payer, payer.publicKey, null, 0);
  await getOrCreateAssociatedTokenAccount(connection, payer, mint, fresh.publicKey);
  const [{ accountId, accountInfo }] = await change;
  assert.ok(accountInfo.owner.equals(TOKEN_PROGRAM_ID));
  await connection.removeProgramAccountChangeListener(id);
  const transaction = await versioned([pay(778)]);
  const signature = await connection.sendTransaction(transaction);
  const [result] = await heard((listener) => connection.onSignature(signature, listener, "finalized"));
  assert.equal(result.err, null);
  return `account ${accountId.toBase58().slice(0, 8)}; finalized`;
});

await does("history of an address, and a transaction in each encoding", async () => {
  const [newest] = await connection.getSignaturesForAddress(friend.publicKey, { limit: 1 });
  const options = { maxSupportedTransactionVersion: 0 };
  const told = await connection.getTransaction(newest.signature, options);
  assert.equal(told.meta.postBalances[0] - told.meta.preBalances[0], -(778 + told.meta.fee));
  const parsed = await connection.getParsedTransaction(newest.signature, options);
  assert.equal(parsed.transaction.message.instructions[0].parsed.info.lamports, 778);
  const many = await connection.getParsedTransactions([newest.signature, newest.signature], options);
  assert.equal(many.length, 2);
  const { value } = await connection.getSignatureStatuses([newest.signature], { searchTransactionHistory: true });
  assert.equal(value[0].err, null);
  assert.equal(await connection.getTransaction(UNKNOWN_SIGNATURE, options), null);
  return `in slot ${told.slot}, ${value[0].confirmationStatus}`;
});

await does("a block, and which slots have one", async () => {
  const [newest] = await connection.getSignaturesForAddress(friend.publicKey, { limit: 1 });
  const known = { commitment: "confirmed", maxSupportedTransactionVersion: 0 };
  const block = await connection.getBlock(newest.slot, known);
  const told = block.transactions.find((one) => one.transaction.signatures[0] === newest.signature);
  assert.equal(told.meta.err, null);
  assert.equal(block.blockTime, await connection.getBlockTime(newest.slot));
  const parsed = await connection.getParsedBlock(newest.slot, known);
  assert.ok(parsed.transactions.some((one) => one.transaction.signatures[0] === newest.signature));
  const bare = await connection.getBlock(newest.slot, { ...known, transactionDetails: "none" });
  assert.equal(bare.blockhash, block.blockhash);
  const { signatures } = await connection.getBlockSignatures(newest.slot, "confirmed");
  assert.ok(signatures.includes(newest.signature));
  const slots = await connection.getBlocks(block.parentSlot, newest.slot, "confirmed");
  assert.deepEqual([slots[0], slots.at(-1)], [block.parentSlot, newest.slot]);
  assert.equal((await connection.getBlock(block.parentSlot, known)).blockhash, block.previousBlockhash);
  assert.ok((await connection.getFirstAvailableBlock()) <= block.parentSlot);
  assert.match((await refusalOf(connection.getBlock(newest.slot + 10_000, known))).message, /Block not available/);
  return `${signatures.length} transactions in slot ${newest.slot}`;
});

await does("accounts by the dozen, and simulation with accounts", async () => {
  const [mine, nobody] = await connection.getMultipleAccountsInfo([payer.publicKey, Keypair.generate().publicKey]);
  assert.equal(nobody, null);
  assert.ok(mine.owner.equals(SystemProgram.programId));
  const transaction = await versioned([pay(5)]);
  const { value } = await connection.simulateTransaction(transaction, {
    sigVerify: false,
    replaceRecentBlockhash: true,
    accounts: { encoding: "base64", addresses: [friend.publicKey.toBase58()] },
  });
  assert.equal(value.err, null);
  const before = await connection.getBalance(friend.publicKey, "processed");
  assert.equal(value.accounts[0].lamports, before + 5);
  return `${value.unitsConsumed} units`;
});

await does("insufficient funds, refused by the preflight", async () => {
  const error = await refusalOf(connection.sendTransaction(await versioned([pay(1_000 * LAMPORTS_PER_SOL)])));
  assert.ok(error instanceof SendTransactionError, String(error));
  assert.match(error.message, /custom program error: 0x1/);
  assert.ok(error.logs.some((line) => line.includes("insufficient lamports")));
  return error.transactionError.message;
});

await does("insufficient funds, landed with the error", async () => {
  const before = await connection.getBalance(payer.publicKey);
  const transaction = await versioned([pay(1_000 * LAMPORTS_PER_SOL)]);
  const signature = await connection.sendTransaction(transaction, { skipPreflight: true });
  assert.deepEqual(await confirmed(signature), { InstructionError: [0, { Custom: 1 }] });
  assert.equal(await connection.getBalance(payer.publicKey), before - FEE_LAMPORTS);
  const told = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
  assert.deepEqual(told.meta.err, { InstructionError: [0, { Custom: 1 }] });
  return "InstructionError 0, Custom 1; the fee is gone and nothing else";
});

await does("a wallet without money, a bad signature, an unknown blockhash", async () => {
  const poor = Keypair.generate();
  const unpaid = await versioned([pay(1, poor)], { signers: [poor] });
  assert.match((await refusalOf(connection.sendTransaction(unpaid))).message, /no record of a prior credit/);
  const forged = await versioned([pay(1)]);
  forged.signatures[0] = new Uint8Array(64).fill(7);
  assert.match((await refusalOf(connection.sendTransaction(forged))).message, /signature verification failure/i);
  const stale = await versioned([pay(1)], { blockhash: Keypair.generate().publicKey.toBase58() });
  assert.match((await refusalOf(connection.sendTransaction(stale))).message, /Blockhash not found/);
  return "each told by its own text";
});

await does("what never lands is told as expired", async () => {
  const signature = UNKNOWN_SIGNATURE;
  const { blockhash } = await connection.getLatestBlockhash();
  const lastValidBlockHeight = (await connection.getBlockHeight()) + 3;
  const error = await refusalOf(connection.confirmTransaction({ signature, blockhash, lastValidBlockHeight }));
  assert.ok(error instanceof TransactionExpiredBlockheightExceededError, String(error));
  return "TransactionExpiredBlockheightExceededError";
});

await does("requests that no node takes", async () => {
  const error = await refusalOf(connection.getTokenAccountBalance(payer.publicKey));
  assert.match(error.message, /could not find account|not a Token account/);
  await refusalOf(connection.getProgramAccounts(SystemProgram.programId));
  const height = await eventually(() => connection.getBlockHeight(), "no height");
  return `refused; the chain goes on at height ${height}`;
});

finish();
