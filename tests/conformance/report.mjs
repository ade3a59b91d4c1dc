// What the clients share: the connection, wallets, and one line of JSON for each thing that they did.
import assert from "node:assert/strict";
import { Connection, Keypair, LAMPORTS_PER_SOL } from "@solana/web3.js";

const DEADLINE_MS = 30_000;

export const connection = new Connection(process.env.CHAIN_HTTP_URL, {
  commitment: "confirmed",
  wsEndpoint: process.env.CHAIN_WS_URL,
});

let failures = 0;

/** Does one thing and reports it. `act` returns what it showed, as text, and throws where that is not as it must be. */
export async function does(what, act) {
  let showed = "";
  let failed = null;
  try {
    showed = String((await withinDeadline(act(), "no answer")) ?? "");
  } catch (error) {
    failed = String(error?.message ?? error).split("\n").slice(0, 6).join(" | ");
    failures += 1;
  }
  process.stdout.write(JSON.stringify({ did: what, showed, failed }) + "\n");
}

/** Ends the process, whatever sockets the clients hold open. */
export function finish() {
  process.exit(failures ? 1 : 0);
}

/** The result of a promise, or an error when it takes too long. */
export async function withinDeadline(promise, told) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${told} within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The error that a promise is rejected with; a promise that is kept is a failure. */
export async function refusalOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("it was not refused");
}

/** Resolves with the arguments of the first call of a listener; `listen` hands the listener over. */
export function heard(listen) {
  return withinDeadline(new Promise((resolve) => listen((...told) => resolve(told))), "nothing was heard");
}

/** Asks until an answer is neither null nor false. */
export async function eventually(ask, told) {
  const asking = (async () => {
    for (;;) {
      const answer = await ask();
      if (answer) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return withinDeadline(asking, told);
}

/** A fresh wallet with so many SOL from the faucet, confirmed. */
export async function wallet(sol) {
  const fresh = Keypair.generate();
  const signature = await connection.requestAirdrop(fresh.publicKey, sol * LAMPORTS_PER_SOL);
  await confirmed(signature);
  return fresh;
}

/**
 * Waits for a signature by web3.js's own strategy, and returns the error that it landed with, null for none. web3.js
 * answers with that error when its subscription tells of it, and throws it as it is when it has landed before that, be it
 * not confirmed yet.
 */
export async function confirmed(signature) {
  const latest = await connection.getLatestBlockhash();
  try {
    const { value } = await connection.confirmTransaction({ signature, ...latest }, "confirmed");
    return value.err;
  } catch (error) {
    if (error instanceof Error) throw error;
    await eventually(async () => {
      const { value } = await connection.getSignatureStatus(signature);
      return value.confirmationStatus !== "processed";
    }, "not confirmed");
    return error;
  }
}
