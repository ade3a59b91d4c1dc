// A stand-in for the launchpad's bonding-curve program on the local chain: the same program id, discriminators, account
// order, account layouts, events (in the log and as event CPI), error codes and integer arithmetic. Coins quoted in SOL
// only. Written from the public interface description; compute units are lower than on mainnet.
#include "context.h"
#include "pump_errors.h"

typedef enum { KIND_BUY, KIND_BUY_EXACT_QUOTE_IN, KIND_SELL } Kind;

// The accounts of a trade by name.
typedef struct {
  Account *global, *fee_recipient, *buyback_recipient, *curve, *curve_tokens, *user, *user_tokens;
  Account *creator_vault, *volume, *fee_config, *event_authority;
} TradeAccounts;

// Everything that a trade computes. Amounts in lamports and raw token units.
typedef struct {
  Kind kind;
  u64 amount, limit;
  u64 virtual_token, virtual_quote, real_token, real_quote;
  u64 token, quote;
  u64 protocol_bps, creator_bps, buyback_bps;
  u64 protocol_fee, creator_fee, buyback_fee;
} Trade;

NOINLINE u64 transfer_sol(Account *from, Account *to, u64 lamports) {
  if (!lamports) return 0;
  u8 data[12];
  write_u32(data, 2);
  write_u64(data + 4, lamports);
  Meta metas[2] = {{from->key, true, true}, {to->key, true, false}};
  return invoke(CONTEXT->system_program->key, metas, 2, data, sizeof(data));
}

NOINLINE u64 check_trade_accounts(const TradeAccounts *at, u8 *curve_bump) {
  if (!at->user->is_signer) return ERROR_OWNER;
  if (!same_key(at->curve->owner, CONTEXT->program_id)) return ERROR_OWNER;
  if (!has_discriminator(at->curve->data, CURVE_DISCRIMINATOR)) return ERROR_OWNER;
  if (!same_key(at->global->owner, CONTEXT->program_id)) return ERROR_OWNER;

  Key expected;
  u8 bump;
  Seed curve_seed = {SEED_CURVE, SEED_LEN(SEED_CURVE)};
  find_address(&curve_seed, CONTEXT->mint->key, &expected, curve_bump);
  if (!same_key(&expected, at->curve->key)) return ERROR_SEEDS;
  Seed vault_seed = {SEED_CREATOR_VAULT, SEED_LEN(SEED_CREATOR_VAULT)};
  find_address(&vault_seed, (Key *)(at->curve->data + CURVE_CREATOR), &expected, &bump);
  if (!same_key(&expected, at->creator_vault->key)) return ERROR_SEEDS;

  const u8 *global = at->global->data;
  bool known = same_key(at->fee_recipient->key, (Key *)(global + GLOBAL_FEE_RECIPIENT));
  for (int i = 0; i < GLOBAL_FEE_RECIPIENTS_COUNT; i++)
    known |= same_key(at->fee_recipient->key, (Key *)(global + GLOBAL_FEE_RECIPIENTS + 32 * i));
  if (!known) return ERROR_NOT_AUTHORIZED;
  known = false;
  for (int i = 0; i < GLOBAL_BUYBACK_RECIPIENTS_COUNT; i++)
    known |= same_key(at->buyback_recipient->key, (Key *)(global + GLOBAL_BUYBACK_RECIPIENTS + 32 * i));
  return known ? 0 : ERROR_BUYBACK_RECIPIENT;
}

// The fees of the tier that the market cap falls into.
NOINLINE void read_fees(const u8 *config, u64 market_cap, Trade *trade) {
  u32 count = read_u32(config + FEE_TIER_COUNT);
  const u8 *tiers = config + FEE_TIERS, *best = tiers;
  for (u32 i = 0; i < count; i++) {
    const u8 *tier = tiers + i * FEE_TIER_LENGTH;
    if (market_cap >= read_u64(tier)) best = tier;
  }
  trade->protocol_bps = read_u64(best + FEE_TIER_PROTOCOL);
  trade->creator_bps = read_u64(best + FEE_TIER_CREATOR);
}

// How many tokens and how much quote move: rounding always favours the curve.
NOINLINE u64 price_trade(Trade *t) {
  if (t->kind == KIND_SELL) {
    if (!t->amount) return ERROR_SELL_ZERO;
    t->token = t->amount;
    t->quote = muldiv(t->token, t->virtual_quote, t->virtual_token + t->token);
    return t->quote == MULDIV_OVERFLOW || t->quote > t->real_quote ? ERROR_OVERFLOW : 0;
  }
  if (t->kind == KIND_BUY) {
    if (!t->amount) return ERROR_BUY_ZERO;
    if (t->amount > t->real_token) return ERROR_NOT_ENOUGH_TOKENS_TO_BUY;
    t->token = t->amount;
  } else {
    if (t->amount < 2) return ERROR_BUY_ZERO;
    u64 net = muldiv(t->amount - 1, 10000, 10000 + t->protocol_bps + t->creator_bps);
    t->token = muldiv(net, t->virtual_token, t->virtual_quote + net);
    if (t->token > t->real_token) t->token = t->real_token;
    if (!t->token) return ERROR_BUY_ZERO;
    if (t->token < t->limit) return ERROR_BELOW_MIN_TOKENS;
  }
  u64 floor = muldiv(t->token, t->virtual_quote, t->virtual_token - t->token);
  if (floor == MULDIV_OVERFLOW) return ERROR_OVERFLOW;
  t->quote = floor + 1;
  return 0;
}

// The user's volume account is created by the user's first buy.
NOINLINE u64 ensure_volume_account(const TradeAccounts *at) {
  if (at->volume->data_len) return 0;
  Key expected;
  u8 bump;
  Seed seed = {SEED_VOLUME, SEED_LEN(SEED_VOLUME)};
  find_address(&seed, at->user->key, &expected, &bump);
  if (!same_key(&expected, at->volume->key)) return ERROR_SEEDS;
  Seed seeds[3] = {seed, {(u8 *)at->user->key, 32}, {&bump, 1}};
  Signer signer = {seeds, 3};
  CONTEXT->signer = &signer;
  return create_account(
      at->user, at->volume, VOLUME_ACCUMULATOR_LENGTH, VOLUME_ACCUMULATOR_LENGTH, CONTEXT->program_id);
}

NOINLINE u64 settle_buy(const TradeAccounts *at, Trade *t, u8 curve_bump) {
  u64 most = t->kind == KIND_BUY ? t->limit : t->amount;
  if (t->quote + t->protocol_fee + t->creator_fee > most) return ERROR_TOO_MUCH_SOL_REQUIRED;
  TRY(ensure_volume_account(at));
  Seed seeds[3] = {{SEED_CURVE, SEED_LEN(SEED_CURVE)}, {(u8 *)CONTEXT->mint->key, 32}, {&curve_bump, 1}};
  Signer signer = {seeds, 3};
  CONTEXT->signer = &signer;
  TRY(transfer_tokens(at->curve_tokens, at->user_tokens, at->curve, t->token));
  // The first fee of a creator brings the vault to rent exemption, at the buyer's expense.
  u64 vault = *at->creator_vault->lamports + t->creator_fee;
  u64 top_up = vault < RENT_EXEMPT_EMPTY ? RENT_EXEMPT_EMPTY - vault : 0;
  TRY(transfer_sol(at->user, at->creator_vault, t->creator_fee + top_up));
  TRY(transfer_sol(at->user, at->curve, t->quote));
  TRY(transfer_sol(at->user, at->fee_recipient, t->protocol_fee - t->buyback_fee));
  TRY(transfer_sol(at->user, at->buyback_recipient, t->buyback_fee));
  t->virtual_token -= t->token;
  t->real_token -= t->token;
  t->virtual_quote += t->quote;
  t->real_quote += t->quote;
  return 0;
}

NOINLINE u64 settle_sell(const TradeAccounts *at, Trade *t) {
  u64 fees = t->protocol_fee + t->creator_fee;
  if (t->quote < fees || t->quote - fees < t->limit) return ERROR_TOO_LITTLE_SOL_RECEIVED;
  TRY(transfer_tokens(at->user_tokens, at->curve_tokens, at->user, t->token));
  *at->curve->lamports -= t->quote;
  *at->user->lamports += t->quote - fees;
  *at->fee_recipient->lamports += t->protocol_fee - t->buyback_fee;
  *at->buyback_recipient->lamports += t->buyback_fee;
  *at->creator_vault->lamports += t->creator_fee;
  t->virtual_token += t->token;
  t->real_token += t->token;
  t->virtual_quote -= t->quote;
  t->real_quote -= t->quote;
  return 0;
}

INLINE u8 *put_instruction_name(u8 *to, Kind kind) {
  if (kind == KIND_BUY) return put_bytes(put_u32(to, 3), "buy", 3);  // mainnet says "buy" for BuyV2 too
  if (kind == KIND_SELL) return put_bytes(put_u32(to, 4), "sell", 4);
  return put_bytes(put_u32(to, 18), "buy_exact_quote_in", 18);
}

NOINLINE u64 emit_trade(const TradeAccounts *at, const Trade *t) {
  const u8 *curve = at->curve->data;
  const Key *quote_mint = (Key *)(curve + CURVE_QUOTE_MINT);
  u64 now = unix_timestamp();
  u8 *to = put_u64(EVENT, read_u64(TRADE_EVENT));
  to = put_key(to, CONTEXT->mint->key);
  to = put_u64(to, t->quote);
  to = put_u64(to, t->token);
  to = put_u8(to, t->kind != KIND_SELL);
  to = put_key(to, at->user->key);
  to = put_u64(to, now);
  to = put_u64(to, t->virtual_quote);
  to = put_u64(to, t->virtual_token);
  to = put_u64(to, t->real_quote);
  to = put_u64(to, t->real_token);
  to = put_key(to, at->fee_recipient->key);
  to = put_u64(to, t->protocol_bps);
  to = put_u64(to, t->protocol_fee);
  to = put_key(to, (Key *)(curve + CURVE_CREATOR));
  to = put_u64(to, t->creator_bps);
  to = put_u64(to, t->creator_fee);
  to = put_u8(to, 0);                             // track_volume
  for (int i = 0; i < 4; i++) to = put_u64(to, 0);  // unclaimed, claimed, current volume, last update
  to = put_instruction_name(to, t->kind);
  to = put_u8(to, curve[CURVE_MAYHEM]);
  to = put_u64(to, 0);  // cashback bps
  to = put_u64(to, 0);  // cashback
  to = put_u64(to, t->buyback_bps);
  to = put_u64(to, t->buyback_fee);
  to = put_u32(to, 0);  // shareholders
  to = put_key(to, quote_mint);
  to = put_u64(to, t->quote);
  to = put_u64(to, t->virtual_quote);
  to = put_u64(to, t->real_quote);
  to = put_u64(to, 0);  // holder rewards bps
  to = put_u64(to, 0);  // holder rewards
  TRY(emit_event(at->event_authority, to - EVENT));
  if (!curve[CURVE_COMPLETE]) return 0;
  to = put_u64(EVENT, read_u64(COMPLETE_EVENT));
  to = put_key(to, at->user->key);
  to = put_key(to, CONTEXT->mint->key);
  to = put_key(to, at->curve->key);
  to = put_u64(to, now);
  to = put_key(to, quote_mint);
  return emit_event(at->event_authority, to - EVENT);
}

NOINLINE u64 run_trade(Kind kind, const TradeLayout *layout) {
  if (CONTEXT->account_count < layout->count) return ERROR_MISSING_ACCOUNTS;
  if (CONTEXT->data_len < 24) return ERROR_UNKNOWN_INSTRUCTION;
  Account *a = CONTEXT->accounts;
  TradeAccounts at = {
      .global = a, .fee_recipient = a + layout->fee_recipient, .buyback_recipient = a + layout->buyback_recipient,
      .curve = a + layout->curve, .curve_tokens = a + layout->curve_tokens, .user = a + layout->user,
      .user_tokens = a + layout->user_tokens, .creator_vault = a + layout->creator_vault, .volume = a + layout->volume,
      .fee_config = a + layout->fee_config, .event_authority = a + layout->event_authority,
  };
  CONTEXT->mint = a + layout->mint;
  CONTEXT->token_program = a + layout->token_program;
  CONTEXT->system_program = a + layout->system_program;
  u8 curve_bump;
  TRY(check_trade_accounts(&at, &curve_bump));

  u8 *curve = at.curve->data;
  if (curve[CURVE_COMPLETE]) return ERROR_CURVE_COMPLETE;
  Trade t = {.kind = kind, .amount = read_u64(CONTEXT->data + 8), .limit = read_u64(CONTEXT->data + 16)};
  t.virtual_token = read_u64(curve + CURVE_VIRTUAL_TOKEN);
  t.virtual_quote = read_u64(curve + CURVE_VIRTUAL_QUOTE);
  t.real_token = read_u64(curve + CURVE_REAL_TOKEN);
  t.real_quote = read_u64(curve + CURVE_REAL_QUOTE);
  read_fees(at.fee_config->data, muldiv(t.virtual_quote, TOKEN_SUPPLY, t.virtual_token), &t);
  if (is_zero_key((Key *)(curve + CURVE_CREATOR))) t.creator_bps = 0;
  TRY(price_trade(&t));
  t.protocol_fee = ceil_bps(t.quote, t.protocol_bps);
  t.creator_fee = ceil_bps(t.quote, t.creator_bps);
  // The buyback is carved out of the protocol fee, rounded down.
  t.buyback_bps = read_u64(at.global->data + GLOBAL_BUYBACK_BPS);
  t.buyback_fee = muldiv(t.protocol_fee, t.buyback_bps, 10000);
  TRY(kind == KIND_SELL ? settle_sell(&at, &t) : settle_buy(&at, &t, curve_bump));

  write_u64(curve + CURVE_VIRTUAL_TOKEN, t.virtual_token);
  write_u64(curve + CURVE_VIRTUAL_QUOTE, t.virtual_quote);
  write_u64(curve + CURVE_REAL_TOKEN, t.real_token);
  write_u64(curve + CURVE_REAL_QUOTE, t.real_quote);
  if (kind != KIND_SELL && !t.real_token) curve[CURVE_COMPLETE] = 1;
  return emit_trade(&at, &t);
}

#include "create.h"
#include "migrate.h"

NOINLINE u64 run(u8 *input) {
  TRY(read_input(input));
  const u8 *data = CONTEXT->data;
  if (has_discriminator(data, EVENT_CPI))
    return CONTEXT->account_count && ACCOUNTS[0].is_signer ? 0 : ERROR_NOT_AUTHORIZED;
  if (has_discriminator(data, BUY_V2)) {
    LOG("Instruction: BuyV2");
    return run_trade(KIND_BUY, &LAYOUT_BUY_V2);
  }
  if (has_discriminator(data, BUY)) {
    LOG("Instruction: Buy");
    return run_trade(KIND_BUY, &LAYOUT_BUY);
  }
  if (has_discriminator(data, BUY_EXACT_QUOTE_IN_V2)) {
    LOG("Instruction: BuyExactQuoteInV2");
    return run_trade(KIND_BUY_EXACT_QUOTE_IN, &LAYOUT_BUY_V2);
  }
  if (has_discriminator(data, SELL_V2)) {
    LOG("Instruction: SellV2");
    return run_trade(KIND_SELL, &LAYOUT_SELL_V2);
  }
  if (has_discriminator(data, SELL)) {
    LOG("Instruction: Sell");
    return run_trade(KIND_SELL, &LAYOUT_SELL);
  }
  if (has_discriminator(data, CREATE_V2)) {
    LOG("Instruction: CreateV2");
    return run_create(false);
  }
  if (has_discriminator(data, CREATE)) {
    LOG("Instruction: Create");
    return run_create(true);
  }
  if (has_discriminator(data, MIGRATE_V2)) {
    LOG("Instruction: MigrateV2");
    return run_migrate();
  }
  return ERROR_UNKNOWN_INSTRUCTION;
}

u64 entrypoint(u8 *input) { return told(run(input)); }
