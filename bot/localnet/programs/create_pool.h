// create_pool: the pool's account, its two vaults, the first liquidity in them, and the mint of shares in it. The shares
// of a migration are burnt at once on mainnet; here they are counted and not made.
#pragma once
#include "amm_layout.h"

typedef struct {
  Account *pool, *creator, *base_mint, *quote_mint, *lp_mint, *user_base, *user_quote, *pool_base, *pool_quote;
  Account *base_program, *quote_program, *token_2022, *event_authority;
  u64 base, quote, shares;
  u8 bump;
} NewPool;

NOINLINE u64 fill_vault(const NewPool *n, Account *from, Account *vault, u64 amount) {
  TRY(create_token_account(n->creator, vault, n->pool, n->pool));
  return transfer_tokens(from, vault, n->creator, amount);
}

INLINE u64 square_root(u64 of) {
  u64 root = 0;
  for (u64 bit = 1ULL << 31; bit; bit >>= 1)
    if ((root | bit) * (root | bit) <= of) root |= bit;
  return root;
}

NOINLINE u64 create_share_mint(const NewPool *n) {
  Key expected;
  u8 bump;
  Seed seed = {SEED_SHARES, SEED_LEN(SEED_SHARES)};
  find_address(&seed, n->pool->key, &expected, &bump);
  if (!same_key(&expected, n->lp_mint->key)) return ERROR_SEEDS;
  Seed seeds[3] = {seed, {(u8 *)n->pool->key, 32}, {&bump, 1}};
  Signer signer = {seeds, 3};
  CONTEXT->signer = &signer;
  TRY(create_account(n->creator, n->lp_mint, SHARE_MINT_LENGTH, SHARE_MINT_LENGTH, n->token_2022->key));
  Meta mint = {n->lp_mint->key, true, false};
  u8 data[35];
  data[0] = 20;  // InitializeMint2
  data[1] = SHARE_DECIMALS;
  write_key(data + 2, n->pool->key);
  data[34] = 0;
  return invoke(n->token_2022->key, &mint, 1, data, sizeof(data));
}

NOINLINE void write_pool(const NewPool *n) {
  const u8 *data = CONTEXT->data;
  u8 *pool = n->pool->data;
  write_u64(pool, read_u64(POOL_DISCRIMINATOR));
  pool[POOL_BUMP] = n->bump;
  pool[POOL_INDEX] = data[8];
  pool[POOL_INDEX + 1] = data[9];
  write_key(pool + POOL_CREATOR, n->creator->key);
  write_key(pool + POOL_BASE_MINT, n->base_mint->key);
  write_key(pool + POOL_QUOTE_MINT, n->quote_mint->key);
  write_key(pool + POOL_LP_MINT, n->lp_mint->key);
  write_key(pool + POOL_BASE_ACCOUNT, n->pool_base->key);
  write_key(pool + POOL_QUOTE_ACCOUNT, n->pool_quote->key);
  write_u64(pool + POOL_SHARES, n->shares);
  write_key(pool + POOL_COIN_CREATOR, (Key *)(data + 26));
  pool[POOL_MAYHEM] = data[58];
}

NOINLINE u64 emit_create_pool(const NewPool *n) {
  u8 *to = put_u64(EVENT, read_u64(CREATE_POOL_EVENT));
  to = put_u64(to, unix_timestamp());
  to = put_bytes(to, CONTEXT->data + 8, 2);
  to = put_key(to, n->creator->key);
  to = put_key(to, n->base_mint->key);
  to = put_key(to, n->quote_mint->key);
  to = put_u8(to, n->base_mint->data[MINT_DECIMALS]);
  to = put_u8(to, n->quote_mint->data[MINT_DECIMALS]);
  for (int i = 0; i < 2; i++) to = put_u64(put_u64(to, n->base), n->quote);
  to = put_u64(to, 0);  // minimum liquidity
  to = put_u64(put_u64(to, n->shares), n->shares);
  to = put_u8(to, n->bump);
  to = put_key(to, n->pool->key);
  to = put_key(to, n->lp_mint->key);
  to = put_key(to, n->user_base->key);
  to = put_key(to, n->user_quote->key);
  to = put_key(to, (Key *)(CONTEXT->data + 26));
  to = put_u8(to, CONTEXT->data[58]);
  to = put_u64(to, 0);  // creator fee bps
  to = put_u8(to, 0);   // can_edit_creator_fee
  to = put_u8(to, 0);   // is_holder_reward
  return emit_event(n->event_authority, to - EVENT);
}

NOINLINE u64 run_create_pool(void) {
  if (CONTEXT->account_count < 18) return ERROR_MISSING_ACCOUNTS;
  if (CONTEXT->data_len < 59) return ERROR_UNKNOWN_INSTRUCTION;
  Account *a = CONTEXT->accounts;
  NewPool n = {
      .pool = a, .creator = a + 2, .base_mint = a + 3, .quote_mint = a + 4, .lp_mint = a + 5, .user_base = a + 6,
      .user_quote = a + 7, .pool_base = a + 9, .pool_quote = a + 10, .token_2022 = a + 12, .base_program = a + 13,
      .quote_program = a + 14, .event_authority = a + 16,
  };
  n.base = read_u64(CONTEXT->data + 10);
  n.quote = read_u64(CONTEXT->data + 18);
  if (!n.base) return ERROR_ZERO_BASE;
  if (!n.quote) return ERROR_ZERO_QUOTE;
  if (!n.creator->is_signer) return ERROR_OWNER;
  CONTEXT->system_program = a + 11;
  CONTEXT->ata_program = a + 15;
  Key expected;
  Seed seeds[6] = {
      {SEED_POOL, SEED_LEN(SEED_POOL)}, {CONTEXT->data + 8, 2},       {(u8 *)n.creator->key, 32},
      {(u8 *)n.base_mint->key, 32},     {(u8 *)n.quote_mint->key, 32}, {&n.bump, 1},
  };
  sol_try_find_program_address(seeds, 5, CONTEXT->program_id, &expected, &n.bump);
  if (!same_key(&expected, n.pool->key)) return ERROR_SEEDS;
  Signer signer = {seeds, 6};
  CONTEXT->signer = &signer;
  TRY(create_account(n.creator, n.pool, POOL_LENGTH, POOL_LENGTH, CONTEXT->program_id));
  CONTEXT->mint = n.base_mint;
  CONTEXT->token_program = n.base_program;
  TRY(fill_vault(&n, n.user_base, n.pool_base, n.base));
  CONTEXT->mint = n.quote_mint;
  CONTEXT->token_program = n.quote_program;
  TRY(fill_vault(&n, n.user_quote, n.pool_quote, n.quote));
  TRY(create_share_mint(&n));
  n.shares = square_root(n.base) * square_root(n.quote);
  write_pool(&n);
  return emit_create_pool(&n);
}
