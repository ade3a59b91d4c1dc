// create_v2: a Token-2022 mint with its metadata on it, its whole supply in the curve, and no authority left.
// create, the older one: the same with a mint of SPL Token, whose metadata is an account of another program.
#pragma once
#include "context.h"

// The length of a mint with a metadata pointer, before the metadata is appended to it.
enum { PLAIN_MINT_LENGTH = 82, MINT_LENGTH = 234, METADATA_FIXED = 4 + 32 + 32 + 4 };

// Token-2022 instructions.
enum {
  TOKEN_SET_AUTHORITY = 6,
  TOKEN_MINT_TO = 7,
  TOKEN_INITIALIZE_MINT2 = 20,
  TOKEN_METADATA_POINTER = 39,
};
// Metaplex's; behind the texts stand the seller's fee, three options, whether it can be changed, and one more option.
enum { CREATE_METADATA_V3 = 33, METADATA_REST = 7 };
static const u8 TOKEN_METADATA_INITIALIZE[8] = {210, 225, 30, 162, 88, 184, 77, 141};

typedef struct {
  Account *mint, *mint_authority, *curve, *curve_tokens, *global, *user, *ata_program, *event_authority;
  Account *metadata_program, *metadata, *rent;  // of the older instruction alone
  const u8 *texts;  // name, symbol and uri, each behind its length
  u64 texts_len;
  Key *creator;
  bool legacy, mayhem;
} Launch;

NOINLINE u64 read_launch(Launch *launch) {
  const u8 *data = CONTEXT->data + 8, *end = CONTEXT->data + CONTEXT->data_len;
  u32 name = read_u32(data);
  if (name > MAX_NAME) return ERROR_NAME_TOO_LONG;
  u32 symbol = read_u32(data + 4 + name);
  if (symbol > MAX_SYMBOL) return ERROR_SYMBOL_TOO_LONG;
  u32 uri = read_u32(data + 8 + name + symbol);
  if (uri > MAX_URI) return ERROR_URI_TOO_LONG;
  launch->texts = data;
  launch->texts_len = 12 + name + symbol + uri;
  launch->creator = (Key *)(data + launch->texts_len);
  // What follows the creator is positional and may be left out.
  const u8 *rest = data + launch->texts_len + 32;
  if (rest > end) return ERROR_UNKNOWN_INSTRUCTION;
  if (launch->legacy) return 0;
  launch->mayhem = rest < end && rest[0];
  bool cashback = rest + 1 < end && rest[1];
  return cashback ? ERROR_CASHBACK_DEPRECATED : 0;
}

// A mint's account, and where its metadata will stand.
NOINLINE u64 create_mint_account(const Launch *launch) {
  Key *token_program = CONTEXT->token_program->key;
  if (launch->legacy)
    return create_account(launch->user, launch->mint, PLAIN_MINT_LENGTH, PLAIN_MINT_LENGTH, token_program);
  u64 whole = MINT_LENGTH + METADATA_FIXED + launch->texts_len;
  TRY(create_account(launch->user, launch->mint, MINT_LENGTH, whole, token_program));
  Meta mint = {launch->mint->key, true, false};
  u8 *data = SCRATCH;
  data[0] = TOKEN_METADATA_POINTER;
  data[1] = 0;
  sol_memset_(data + 2, 0, 32);
  write_key(data + 34, launch->mint->key);
  return invoke(token_program, &mint, 1, data, 66);
}

// The mint with the program's authority on it.
NOINLINE u64 create_mint(const Launch *launch) {
  TRY(create_mint_account(launch));
  Key *token_program = CONTEXT->token_program->key;
  Meta mint = {launch->mint->key, true, false};
  u8 *data = SCRATCH;
  data[0] = TOKEN_INITIALIZE_MINT2;
  data[1] = DECIMALS;
  write_key(data + 2, launch->mint_authority->key);
  data[34] = 0;
  return invoke(token_program, &mint, 1, data, 35);
}

// The curve's account and its token account.
NOINLINE u64 create_curve(const Launch *launch, const Signer *curve_signer) {
  CONTEXT->signer = curve_signer;
  TRY(create_account(launch->user, launch->curve, CURVE_LENGTH, CURVE_LENGTH, CONTEXT->program_id));
  u8 create = 0;
  Meta metas[6] = {
      {launch->user->key, true, true},          {launch->curve_tokens->key, true, false},
      {launch->curve->key, false, false},       {launch->mint->key, false, false},
      {CONTEXT->system_program->key, false, false}, {CONTEXT->token_program->key, false, false},
  };
  return invoke(launch->ata_program->key, metas, 6, &create, 1);
}

NOINLINE u64 write_metadata(const Launch *launch, const Signer *mint_signer) {
  Key *mint = launch->mint->key, *authority = launch->mint_authority->key;
  u8 *data = SCRATCH;
  write_u64(data, read_u64(TOKEN_METADATA_INITIALIZE));
  sol_memcpy_(data + 8, launch->texts, launch->texts_len);
  Meta metadata[4] = {{mint, true, false}, {authority, false, false}, {mint, false, false}, {authority, false, true}};
  CONTEXT->signer = mint_signer;
  return invoke(CONTEXT->token_program->key, metadata, 4, data, 8 + launch->texts_len);
}

// An account of Metaplex's: CreateMetadataAccountV3 with no creators, and nothing that can be changed later.
NOINLINE u64 create_metadata_account(const Launch *launch, const Signer *mint_signer) {
  u8 *data = SCRATCH;
  data[0] = CREATE_METADATA_V3;
  sol_memcpy_(data + 1, launch->texts, launch->texts_len);
  sol_memset_(data + 1 + launch->texts_len, 0, METADATA_REST);
  Meta metas[7] = {
      {launch->metadata->key, true, false},         {launch->mint->key, false, false},
      {launch->mint_authority->key, false, true},   {launch->user->key, true, true},
      {launch->mint_authority->key, false, false},  {CONTEXT->system_program->key, false, false},
      {launch->rent->key, false, false},
  };
  CONTEXT->signer = mint_signer;
  return invoke(launch->metadata_program->key, metas, 7, data, 1 + launch->texts_len + METADATA_REST);
}

// Metadata, the whole supply into the curve, and the mint authority removed.
NOINLINE u64 fill_mint(const Launch *launch, const Signer *mint_signer) {
  Key *token_program = CONTEXT->token_program->key, *mint = launch->mint->key, *authority = launch->mint_authority->key;
  u8 *data = SCRATCH;
  TRY(launch->legacy ? create_metadata_account(launch, mint_signer) : write_metadata(launch, mint_signer));
  data[0] = TOKEN_MINT_TO;
  write_u64(data + 1, read_u64(launch->global->data + GLOBAL_SUPPLY));
  Meta supply[3] = {{mint, true, false}, {launch->curve_tokens->key, true, false}, {authority, false, true}};
  CONTEXT->signer = mint_signer;
  TRY(invoke(token_program, supply, 3, data, 9));
  data[0] = TOKEN_SET_AUTHORITY;
  data[1] = 0;
  data[2] = 0;
  Meta removal[2] = {{mint, true, false}, {authority, false, true}};
  CONTEXT->signer = mint_signer;
  return invoke(token_program, removal, 2, data, 3);
}

NOINLINE void write_curve(const Launch *launch) {
  const u8 *global = launch->global->data;
  u8 *curve = launch->curve->data;
  write_u64(curve, read_u64(CURVE_DISCRIMINATOR));
  write_u64(curve + CURVE_VIRTUAL_TOKEN, read_u64(global + GLOBAL_VIRTUAL_TOKEN));
  write_u64(curve + CURVE_VIRTUAL_QUOTE, read_u64(global + GLOBAL_VIRTUAL_QUOTE));
  write_u64(curve + CURVE_REAL_TOKEN, read_u64(global + GLOBAL_REAL_TOKEN));
  write_u64(curve + CURVE_REAL_QUOTE, 0);
  write_u64(curve + CURVE_SUPPLY, read_u64(global + GLOBAL_SUPPLY));
  write_key(curve + CURVE_CREATOR, launch->creator);
  curve[CURVE_MAYHEM] = launch->mayhem;
}

NOINLINE u64 emit_create(const Launch *launch) {
  const u8 *curve = launch->curve->data;
  u8 *to = put_u64(EVENT, read_u64(CREATE_EVENT));
  to = put_bytes(to, launch->texts, launch->texts_len);
  to = put_key(to, launch->mint->key);
  to = put_key(to, launch->curve->key);
  to = put_key(to, launch->user->key);
  to = put_key(to, launch->creator);
  to = put_u64(to, unix_timestamp());
  to = put_u64(to, read_u64(curve + CURVE_VIRTUAL_TOKEN));
  to = put_u64(to, read_u64(curve + CURVE_VIRTUAL_QUOTE));
  to = put_u64(to, read_u64(curve + CURVE_REAL_TOKEN));
  to = put_u64(to, read_u64(curve + CURVE_SUPPLY));
  to = put_key(to, CONTEXT->token_program->key);
  to = put_u8(to, launch->mayhem);
  to = put_u8(to, 0);  // cashback
  to = put_key(to, (Key *)(curve + CURVE_QUOTE_MINT));
  to = put_u64(to, read_u64(curve + CURVE_VIRTUAL_QUOTE));
  to = put_u64(to, 0);  // creator fee bps
  to = put_u8(to, 0);   // holder reward
  return emit_event(launch->event_authority, to - EVENT);
}

NOINLINE u64 run_create(bool legacy) {
  if (CONTEXT->account_count < (legacy ? 14 : 16)) return ERROR_MISSING_ACCOUNTS;
  Account *a = CONTEXT->accounts;
  // The older instruction names the metadata's program and account before its user, and the rent behind the programs.
  Account *named = legacy ? a + 7 : a + 5;
  Launch launch = {
      .mint = a, .mint_authority = a + 1, .curve = a + 2, .curve_tokens = a + 3, .global = a + 4, .user = named,
      .ata_program = named + 3, .event_authority = legacy ? a + 12 : a + 14, .legacy = legacy,
      .metadata_program = a + 5, .metadata = a + 6, .rent = a + 11,
  };
  CONTEXT->system_program = named + 1;
  CONTEXT->token_program = named + 2;
  CONTEXT->mint = launch.mint;
  TRY(read_launch(&launch));

  Key expected;
  u8 curve_bump, mint_bump;
  Seed curve_seed = {SEED_CURVE, SEED_LEN(SEED_CURVE)};
  Seed mint_seed = {SEED_MINT_AUTHORITY, SEED_LEN(SEED_MINT_AUTHORITY)};
  find_address(&curve_seed, launch.mint->key, &expected, &curve_bump);
  if (!same_key(&expected, launch.curve->key)) return ERROR_SEEDS;
  find_address(&mint_seed, 0, &expected, &mint_bump);
  if (!same_key(&expected, launch.mint_authority->key)) return ERROR_SEEDS;
  Seed curve_seeds[3] = {curve_seed, {(u8 *)launch.mint->key, 32}, {&curve_bump, 1}};
  Seed mint_seeds[2] = {mint_seed, {&mint_bump, 1}};
  Signer curve_signer = {curve_seeds, 3}, mint_signer = {mint_seeds, 2};

  TRY(create_mint(&launch));
  TRY(create_curve(&launch, &curve_signer));
  TRY(fill_mint(&launch, &mint_signer));
  write_curve(&launch);
  return emit_create(&launch);
}
