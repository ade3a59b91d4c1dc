// migrate_v2: what is left of a complete curve becomes a pool of the pool program. Whoever asks for it pays nothing but
// his transaction; the accounts are paid from the migration fee that the curve keeps back. Shares in the pool, which mainnet
// burns at once, are not made.
#pragma once
#include "context.h"

enum { TOKEN_SYNC_NATIVE = 17, CREATE_POOL_DATA = 61 };

typedef struct {
  Account *global, *quote_mint, *curve, *curve_tokens, *user, *amm, *pool, *authority, *authority_tokens, *authority_quote;
  Account *amm_config, *lp_mint, *user_lp, *pool_tokens, *pool_quote, *base_program, *quote_program, *token_2022;
  Account *amm_event_authority, *event_authority;
  u64 tokens, lamports, fee;
} Migration;

// What the authority needs before it can open a pool: its accounts, the curve's tokens, and the curve's SOL, wrapped.
NOINLINE u64 fill_authority(const Migration *m, const Signer *authority, const Signer *curve) {
  *m->curve->lamports -= m->lamports + m->fee;
  *m->authority->lamports += m->lamports + m->fee;
  CONTEXT->signer = authority;
  TRY(create_token_account(m->authority, m->authority_tokens, m->authority, m->curve));
  CONTEXT->signer = curve;
  TRY(transfer_tokens(m->curve_tokens, m->authority_tokens, m->curve, m->tokens));

  Account *mint = CONTEXT->mint;
  CONTEXT->mint = m->quote_mint;
  CONTEXT->token_program = m->quote_program;
  CONTEXT->signer = authority;
  TRY(create_token_account(m->authority, m->authority_quote, m->authority, m->curve));
  CONTEXT->mint = mint;
  CONTEXT->token_program = m->base_program;
  CONTEXT->signer = authority;
  TRY(transfer_sol(m->authority, m->authority_quote, m->lamports));
  u8 sync = TOKEN_SYNC_NATIVE;
  Meta native = {m->authority_quote->key, true, false};
  return invoke(m->quote_program->key, &native, 1, &sync, 1);
}

NOINLINE u64 open_pool(const Migration *m, const Signer *authority) {
  u8 *data = SCRATCH;
  write_u64(data, read_u64(CREATE_POOL));
  data[8] = data[9] = 0;  // index
  write_u64(data + 10, m->tokens);
  write_u64(data + 18, m->lamports);
  write_key(data + 26, (Key *)(m->curve->data + CURVE_CREATOR));
  data[58] = m->curve->data[CURVE_MAYHEM];
  data[59] = data[60] = 0;
  Meta metas[18] = {
      {m->pool->key, true, false},
      {m->amm_config->key, false, false},
      {m->authority->key, true, true},
      {CONTEXT->mint->key, false, false},
      {m->quote_mint->key, false, false},
      {m->lp_mint->key, true, false},
      {m->authority_tokens->key, true, false},
      {m->authority_quote->key, true, false},
      {m->user_lp->key, true, false},
      {m->pool_tokens->key, true, false},
      {m->pool_quote->key, true, false},
      {CONTEXT->system_program->key, false, false},
      {m->token_2022->key, false, false},
      {m->base_program->key, false, false},
      {m->quote_program->key, false, false},
      {CONTEXT->ata_program->key, false, false},
      {m->amm_event_authority->key, false, false},
      {m->amm->key, false, false},
  };
  CONTEXT->signer = authority;
  return invoke(m->amm->key, metas, 18, data, CREATE_POOL_DATA);
}

NOINLINE u64 emit_migration(const Migration *m) {
  u8 *to = put_u64(EVENT, read_u64(MIGRATION_EVENT));
  to = put_key(to, m->user->key);
  to = put_key(to, CONTEXT->mint->key);
  to = put_u64(to, m->tokens);
  to = put_u64(to, m->lamports);
  to = put_u64(to, m->fee);
  to = put_key(to, m->curve->key);
  to = put_u64(to, unix_timestamp());
  to = put_key(to, m->pool->key);
  to = put_key(to, m->quote_mint->key);
  return emit_event(m->event_authority, to - EVENT);
}

NOINLINE u64 run_migrate(void) {
  if (CONTEXT->account_count < 27) return ERROR_MISSING_ACCOUNTS;
  Account *a = CONTEXT->accounts;
  Migration m = {
      .global = a, .quote_mint = a + 3, .curve = a + 4, .curve_tokens = a + 5, .user = a + 7, .amm = a + 9,
      .pool = a + 10, .authority = a + 11, .authority_tokens = a + 12, .authority_quote = a + 13, .amm_config = a + 14,
      .lp_mint = a + 15, .user_lp = a + 16, .pool_tokens = a + 17, .pool_quote = a + 18, .base_program = a + 19,
      .quote_program = a + 20, .token_2022 = a + 21, .amm_event_authority = a + 23, .event_authority = a + 25,
  };
  CONTEXT->mint = a + 2;
  CONTEXT->system_program = a + 8;
  CONTEXT->token_program = m.base_program;
  CONTEXT->ata_program = a + 22;
  u8 *curve = m.curve->data;
  if (!same_key(m.curve->owner, CONTEXT->program_id) || !has_discriminator(curve, CURVE_DISCRIMINATOR)) return ERROR_OWNER;
  if (!same_key(m.global->owner, CONTEXT->program_id) || !m.user->is_signer) return ERROR_OWNER;
  // A curve that has migrated holds no virtual tokens any more.
  if (!curve[CURVE_COMPLETE] || !read_u64(curve + CURVE_VIRTUAL_TOKEN)) return ERROR_CURVE_NOT_COMPLETE;

  Key expected;
  u8 curve_bump, authority_bump;
  Seed curve_seed = {SEED_CURVE, SEED_LEN(SEED_CURVE)};
  Seed authority_seed = {SEED_POOL_AUTHORITY, SEED_LEN(SEED_POOL_AUTHORITY)};
  find_address(&curve_seed, CONTEXT->mint->key, &expected, &curve_bump);
  if (!same_key(&expected, m.curve->key)) return ERROR_SEEDS;
  find_address(&authority_seed, CONTEXT->mint->key, &expected, &authority_bump);
  if (!same_key(&expected, m.authority->key)) return ERROR_SEEDS;
  Seed curve_seeds[3] = {curve_seed, {(u8 *)CONTEXT->mint->key, 32}, {&curve_bump, 1}};
  Seed authority_seeds[3] = {authority_seed, {(u8 *)CONTEXT->mint->key, 32}, {&authority_bump, 1}};
  Signer curve_signer = {curve_seeds, 3}, authority_signer = {authority_seeds, 3};

  m.tokens = token_amount(m.curve_tokens);
  m.fee = read_u64(m.global->data + GLOBAL_MIGRATION_FEE);
  m.lamports = read_u64(curve + CURVE_REAL_QUOTE) - m.fee;
  TRY(fill_authority(&m, &authority_signer, &curve_signer));
  TRY(open_pool(&m, &authority_signer));
  write_u64(curve + CURVE_VIRTUAL_TOKEN, 0);
  write_u64(curve + CURVE_VIRTUAL_QUOTE, 0);
  write_u64(curve + CURVE_REAL_TOKEN, 0);
  write_u64(curve + CURVE_REAL_QUOTE, 0);
  return emit_migration(&m);
}
