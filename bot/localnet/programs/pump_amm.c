// A stand-in for the pool program that completed curves migrate to: the same program id, discriminators, account order,
// account layout, events, error codes and integer arithmetic. Pools against wrapped SOL only, opened by a migration; no LP
// tokens and no cashback. Written from the public interface description; compute units are lower than on mainnet.
#include "amm_layout.h"
#include "amm_errors.h"

typedef enum { KIND_BUY, KIND_BUY_EXACT_QUOTE_IN, KIND_SELL } Kind;

// The accounts of a trade by name. A buy has two accounts more than a sale, before the fee configuration. Behind them
// stand the pool's second account, the buyback recipient and its token account.
typedef struct {
  Account *pool, *user, *config, *base_mint, *quote_mint, *user_base, *user_quote, *pool_base, *pool_quote;
  Account *fee_recipient, *fee_account, *base_program, *quote_program, *event_authority, *creator_account;
  Account *creator_authority, *fee_config, *pool_v2, *buyback_recipient, *buyback_account;
} TradeAccounts;

// Everything that a trade computes. Amounts in lamports and raw token units; `quote` is at the price, before fees.
typedef struct {
  Kind kind;
  bool buys;
  u64 amount, limit;
  u64 base_reserve, quote_reserve, priced_quote, supply;
  u64 base, quote, user_quote, user_base_before, user_quote_before;
  u64 lp_bps, protocol_bps, creator_bps, buyback_bps;
  u64 lp_fee, protocol_fee, creator_fee, buyback_fee;
} Trade;

INLINE bool is_one_of(const Key *key, const u8 *keys, int count) {
  bool known = false;
  for (int i = 0; i < count; i++) known |= same_key(key, (Key *)(keys + 32 * i));
  return known;
}

INLINE bool belongs_to(const Account *tokens, const Key *owner) {
  return tokens->data_len >= 165 && same_key((Key *)(tokens->data + TOKEN_OWNER), owner);
}

NOINLINE u64 check_trade_accounts(const TradeAccounts *at) {
  const u8 *pool = at->pool->data, *config = at->config->data;
  if (!at->user->is_signer || !same_key(at->pool->owner, CONTEXT->program_id)) return ERROR_OWNER;
  if (!has_discriminator(pool, POOL_DISCRIMINATOR) || !same_key(at->config->owner, CONTEXT->program_id)) return ERROR_OWNER;
  if (!same_key((Key *)(pool + POOL_BASE_MINT), at->base_mint->key)) return ERROR_BASE_MINT;
  if (!same_key((Key *)(pool + POOL_QUOTE_MINT), at->quote_mint->key)) return ERROR_QUOTE_MINT;
  if (!same_key((Key *)(pool + POOL_BASE_ACCOUNT), at->pool_base->key)) return ERROR_BASE_ACCOUNT;
  if (!same_key((Key *)(pool + POOL_QUOTE_ACCOUNT), at->pool_quote->key)) return ERROR_QUOTE_ACCOUNT;
  if (!is_one_of(at->fee_recipient->key, config + CONFIG_FEE_RECIPIENTS, 8)) return ERROR_FEE_RECIPIENT;
  if (!belongs_to(at->fee_account, at->fee_recipient->key)) return ERROR_FEE_RECIPIENT;

  Key expected;
  u8 bump;
  Seed creator = {SEED_CREATOR_AUTHORITY, SEED_LEN(SEED_CREATOR_AUTHORITY)};
  find_address(&creator, (Key *)(pool + POOL_COIN_CREATOR), &expected, &bump);
  if (!same_key(&expected, at->creator_authority->key)) return ERROR_SEEDS;
  if (at->creator_account->data_len && !belongs_to(at->creator_account, &expected)) return ERROR_SEEDS;
  // On mainnet a trade that leaves this account out fails with that code too.
  Seed second = {SEED_POOL_V2, SEED_LEN(SEED_POOL_V2)};
  find_address(&second, at->base_mint->key, &expected, &bump);
  if (!same_key(&expected, at->pool_v2->key)) return ERROR_POOL_OVERFLOW;
  if (!is_one_of(at->buyback_recipient->key, config + CONFIG_BUYBACK_RECIPIENTS, 8)) return ERROR_BUYBACK_NOT_AUTHORIZED;
  return belongs_to(at->buyback_account, at->buyback_recipient->key) ? 0 : ERROR_BUYBACK_NOT_AUTHORIZED;
}

// Whoever trades first in a pool opens the account for its creator's fees, at his own expense.
NOINLINE u64 ensure_creator_account(const TradeAccounts *at) {
  if (at->creator_account->data_len) return 0;
  CONTEXT->mint = at->quote_mint;
  CONTEXT->token_program = at->quote_program;
  return create_token_account(at->user, at->creator_account, at->creator_authority, at->user);
}

// The fees of the tier that the market cap falls into.
NOINLINE void read_fees(const u8 *config, u64 market_cap, Trade *t) {
  u32 count = read_u32(config + FEE_TIER_COUNT);
  const u8 *tiers = config + FEE_TIERS, *best = tiers;
  for (u32 i = 0; i < count; i++) {
    const u8 *tier = tiers + i * FEE_TIER_LENGTH;
    if (market_cap >= read_u64(tier)) best = tier;
  }
  t->lp_bps = read_u64(best + FEE_TIER_LP);
  t->protocol_bps = read_u64(best + FEE_TIER_PROTOCOL);
  t->creator_bps = read_u64(best + FEE_TIER_CREATOR);
}

NOINLINE u64 take_fees(Trade *t) {
  t->lp_fee = ceil_bps(t->quote, t->lp_bps);
  t->protocol_fee = ceil_bps(t->quote, t->protocol_bps);
  t->creator_fee = ceil_bps(t->quote, t->creator_bps);
  t->buyback_fee = muldiv(t->protocol_fee, t->buyback_bps, 10000);  // carved out of the protocol fee
  return t->lp_fee + t->protocol_fee + t->creator_fee;
}

// A buy of exactly so many tokens, for at most the limit.
NOINLINE u64 price_exact_buy(Trade *t) {
  if (!t->amount) return ERROR_ZERO_BASE;
  if (t->amount >= t->base_reserve) return ERROR_MORE_THAN_RESERVES;
  t->base = t->amount;
  u64 left = t->base_reserve - t->base;
  u64 floor = muldiv(t->base, t->priced_quote, left);
  if (floor == MULDIV_OVERFLOW) return ERROR_POOL_OVERFLOW;
  // What is left over by the division is less than 64 bits long, so the products may wrap.
  t->quote = floor + (t->base * t->priced_quote != floor * left ? 1 : 0);
  t->user_quote = t->quote + take_fees(t);
  return t->user_quote > t->limit ? ERROR_EXCEEDED_SLIPPAGE : 0;
}

// How many tokens and how much quote move: rounding always favours the pool.
NOINLINE u64 price_trade(Trade *t) {
  if (!t->buys) {
    if (!t->amount) return ERROR_ZERO_BASE;
    t->base = t->amount;
    t->quote = muldiv(t->base, t->priced_quote, t->base_reserve + t->base);
    if (t->quote == MULDIV_OVERFLOW) return ERROR_POOL_OVERFLOW;
    u64 fees = take_fees(t);
    if (t->quote < fees || t->quote - fees < t->limit) return ERROR_EXCEEDED_SLIPPAGE;
    if (t->quote - t->lp_fee > t->quote_reserve) return ERROR_REAL_QUOTE_RESERVES;
    t->user_quote = t->quote - fees;
    return 0;
  }
  if (t->kind == KIND_BUY) return price_exact_buy(t);
  t->quote = muldiv(t->amount, 10000, 10000 + t->lp_bps + t->protocol_bps + t->creator_bps);
  u64 pays = t->quote + take_fees(t);
  if (pays > t->amount) t->quote -= pays - t->amount;
  if (t->quote < 2) return ERROR_ZERO_QUOTE;
  t->user_quote = t->quote + take_fees(t);
  t->base = muldiv(t->base_reserve, t->quote - 1, t->priced_quote + t->quote - 1);
  if (t->base == MULDIV_OVERFLOW) return ERROR_POOL_OVERFLOW;
  if (!t->base || t->base < t->limit) return ERROR_BELOW_MIN_BASE;
  return 0;
}

NOINLINE u64 move_quote(const TradeAccounts *at, Account *to, u64 lamports, const Signer *pool) {
  if (!lamports) return 0;
  CONTEXT->mint = at->quote_mint;
  CONTEXT->token_program = at->quote_program;
  CONTEXT->signer = pool;
  return pool ? transfer_tokens(at->pool_quote, to, at->pool, lamports)
              : transfer_tokens(at->user_quote, to, at->user, lamports);
}

NOINLINE u64 move_base(const TradeAccounts *at, u64 tokens, const Signer *pool) {
  CONTEXT->mint = at->base_mint;
  CONTEXT->token_program = at->base_program;
  CONTEXT->signer = pool;
  return pool ? transfer_tokens(at->pool_base, at->user_base, at->pool, tokens)
              : transfer_tokens(at->user_base, at->pool_base, at->user, tokens);
}

// A buyer pays pool and fees himself and gets the pool's tokens; of a sale the pool pays everything.
NOINLINE u64 settle(const TradeAccounts *at, const Trade *t) {
  const u8 *pool = at->pool->data;
  Seed seeds[6] = {
      {SEED_POOL, SEED_LEN(SEED_POOL)}, {pool + POOL_INDEX, 2},       {pool + POOL_CREATOR, 32},
      {pool + POOL_BASE_MINT, 32},      {pool + POOL_QUOTE_MINT, 32}, {pool + POOL_BUMP, 1},
  };
  Signer signer = {seeds, 6};
  const Signer *payer = t->buys ? 0 : &signer;
  if (!t->buys) {
    TRY(move_base(at, t->base, 0));
    TRY(move_quote(at, at->user_quote, t->user_quote, payer));
  } else {
    TRY(move_quote(at, at->pool_quote, t->quote + t->lp_fee, payer));
  }
  TRY(move_quote(at, at->fee_account, t->protocol_fee - t->buyback_fee, payer));
  TRY(move_quote(at, at->buyback_account, t->buyback_fee, payer));
  TRY(move_quote(at, at->creator_account, t->creator_fee, payer));
  return t->buys ? move_base(at, t->base, &signer) : 0;
}

NOINLINE u64 emit_trade(const TradeAccounts *at, const Trade *t) {
  u8 *to = put_u64(EVENT, read_u64(t->buys ? BUY_EVENT : SELL_EVENT));
  to = put_u64(to, unix_timestamp());
  to = put_u64(to, t->base);
  to = put_u64(to, t->kind == KIND_BUY_EXACT_QUOTE_IN ? t->amount : t->limit);
  to = put_u64(to, t->user_base_before);
  to = put_u64(to, t->user_quote_before);
  to = put_u64(to, t->base_reserve);
  to = put_u64(to, t->quote_reserve);
  to = put_u64(to, t->quote);
  to = put_u64(to, t->lp_bps);
  to = put_u64(to, t->lp_fee);
  to = put_u64(to, t->protocol_bps);
  to = put_u64(to, t->protocol_fee);
  to = put_u64(to, t->buys ? t->quote + t->lp_fee : t->quote - t->lp_fee);
  to = put_u64(to, t->user_quote);
  to = put_key(to, at->pool->key);
  to = put_key(to, at->user->key);
  to = put_key(to, at->user_base->key);
  to = put_key(to, at->user_quote->key);
  to = put_key(to, at->fee_recipient->key);
  to = put_key(to, at->fee_account->key);
  to = put_key(to, (Key *)(at->pool->data + POOL_COIN_CREATOR));
  to = put_u64(to, t->creator_bps);
  to = put_u64(to, t->creator_fee);
  if (t->buys) {
    to = put_u8(to, 0);                               // track_volume
    for (int i = 0; i < 4; i++) to = put_u64(to, 0);  // unclaimed, claimed, current volume, last update
    bool exact_quote = t->kind == KIND_BUY_EXACT_QUOTE_IN;
    to = put_u64(to, exact_quote ? t->limit : t->base);
    to = exact_quote ? put_bytes(put_u32(to, 18), "buy_exact_quote_in", 18) : put_bytes(put_u32(to, 3), "buy", 3);
  }
  to = put_u64(to, 0);  // cashback bps
  to = put_u64(to, 0);  // cashback
  to = put_u64(to, t->buyback_bps);
  to = put_u64(to, t->buyback_fee);
  to = put_u64(to, t->priced_quote - t->quote_reserve);  // virtual reserves, 128 bits
  to = put_u64(to, 0);
  to = put_u8(to, 0);  // can_boost
  to = put_u64(to, t->supply);
  to = put_u64(to, 0);  // holder rewards bps
  to = put_u64(to, 0);  // holder rewards
  return emit_event(at->event_authority, to - EVENT);
}

NOINLINE u64 run_trade(Kind kind) {
  bool buys = kind != KIND_SELL;
  u64 shift = buys ? 2 : 0;
  if (CONTEXT->account_count < 24 + shift) return ERROR_MISSING_ACCOUNTS;
  if (CONTEXT->data_len < 24) return ERROR_UNKNOWN_INSTRUCTION;
  Account *a = CONTEXT->accounts;
  TradeAccounts at = {
      .pool = a, .user = a + 1, .config = a + 2, .base_mint = a + 3, .quote_mint = a + 4, .user_base = a + 5,
      .user_quote = a + 6, .pool_base = a + 7, .pool_quote = a + 8, .fee_recipient = a + 9, .fee_account = a + 10,
      .base_program = a + 11, .quote_program = a + 12, .event_authority = a + 15, .creator_account = a + 17,
      .creator_authority = a + 18, .fee_config = a + 19 + shift, .pool_v2 = a + 21 + shift,
      .buyback_recipient = a + 22 + shift, .buyback_account = a + 23 + shift,
  };
  CONTEXT->system_program = a + 13;
  CONTEXT->ata_program = a + 14;
  TRY(check_trade_accounts(&at));
  Trade t = {.kind = kind, .buys = buys, .amount = read_u64(CONTEXT->data + 8), .limit = read_u64(CONTEXT->data + 16)};
  t.base_reserve = token_amount(at.pool_base);
  t.quote_reserve = token_amount(at.pool_quote);
  t.priced_quote = t.quote_reserve + read_u64(at.pool->data + POOL_VIRTUAL_QUOTE);
  t.supply = read_u64(at.base_mint->data + MINT_SUPPLY);
  t.user_base_before = token_amount(at.user_base);
  t.user_quote_before = token_amount(at.user_quote);
  t.buyback_bps = read_u64(at.config->data + CONFIG_BUYBACK_BPS);
  read_fees(at.fee_config->data, muldiv(t.priced_quote, t.supply, t.base_reserve), &t);
  if (is_zero_key((Key *)(at.pool->data + POOL_COIN_CREATOR))) t.creator_bps = 0;
  TRY(price_trade(&t));
  TRY(ensure_creator_account(&at));
  TRY(settle(&at, &t));
  return emit_trade(&at, &t);
}

#include "create_pool.h"

NOINLINE u64 run(u8 *input) {
  TRY(read_input(input));
  const u8 *data = CONTEXT->data;
  if (has_discriminator(data, EVENT_CPI))
    return CONTEXT->account_count && ACCOUNTS[0].is_signer ? 0 : ERROR_NOT_AUTHORIZED;
  if (has_discriminator(data, POOL_BUY)) {
    LOG("Instruction: Buy");
    return run_trade(KIND_BUY);
  }
  if (has_discriminator(data, POOL_BUY_EXACT_QUOTE_IN)) {
    LOG("Instruction: BuyExactQuoteIn");
    return run_trade(KIND_BUY_EXACT_QUOTE_IN);
  }
  if (has_discriminator(data, POOL_SELL)) {
    LOG("Instruction: Sell");
    return run_trade(KIND_SELL);
  }
  if (has_discriminator(data, CREATE_POOL)) {
    LOG("Instruction: CreatePool");
    return run_create_pool();
  }
  return ERROR_UNKNOWN_INSTRUCTION;
}

u64 entrypoint(u8 *input) { return told(run(input)); }
