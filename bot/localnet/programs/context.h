// The running instruction's context, calls to other programs, and writers for events.
#pragma once
#include "layout.h"

// What every function needs lies at a fixed place on the heap: accounts first, then the context, then scratch space for
// CPI data and events. SCRATCH leaves room in front of an event for the event-CPI prefix.
typedef struct {
  Account *accounts;
  u64 account_count;
  u8 *data;
  u64 data_len;
  Key *program_id;
  const Signer *signer;
  Account *system_program;
  Account *token_program;
  Account *ata_program;
  Account *mint;
} Context;

#define ACCOUNTS ((Account *)HEAP_START)
#define CONTEXT ((Context *)(HEAP_START + 0x3f00))
#define SCRATCH ((u8 *)(HEAP_START + 0x4000))
#define EVENT (SCRATCH + 16)
#define MAX_ACCOUNTS 64

#define TRY(call)                \
  do {                           \
    u64 failure = (call);        \
    if (failure) return failure; \
  } while (0)

INLINE bool has_discriminator(const u8 *data, const u8 *discriminator) {
  return read_u64(data) == read_u64(discriminator);
}

INLINE u64 token_amount(const Account *account) { return read_u64(account->data + TOKEN_AMOUNT); }

// Derives a program address from one fixed seed and, when `key` is given, a key.
NOINLINE void find_address(const Seed *seed, const Key *key, Key *address, u8 *bump) {
  Seed seeds[2] = {*seed, {(const u8 *)key, 32}};
  sol_try_find_program_address(seeds, key ? 2 : 1, CONTEXT->program_id, address, bump);
}

// Invokes a program, signing with CONTEXT->signer once.
NOINLINE u64 invoke(Key *program, Meta *metas, u64 meta_count, u8 *data, u64 data_len) {
  Instruction instruction = {program, metas, meta_count, data, data_len};
  const Signer *signer = CONTEXT->signer;
  CONTEXT->signer = 0;
  return sol_invoke_signed_c(&instruction, CONTEXT->accounts, CONTEXT->account_count, signer, signer ? 1 : 0);
}

// Creates an account of `space` bytes whose balance keeps `rent_space` bytes alive.
NOINLINE u64 create_account(Account *payer, Account *account, u64 space, u64 rent_space, Key *owner) {
  u8 data[52];
  write_u32(data, 0);
  write_u64(data + 4, (RENT_OVERHEAD + rent_space) * RENT_PER_BYTE);
  write_u64(data + 12, space);
  write_key(data + 20, owner);
  Meta metas[2] = {{payer->key, true, true}, {account->key, true, true}};
  return invoke(CONTEXT->system_program->key, metas, 2, data, sizeof(data));
}

NOINLINE u64 transfer_tokens(Account *from, Account *to, Account *authority, u64 amount) {
  Account *mint = CONTEXT->mint;
  u8 data[10];
  data[0] = 12;  // TransferChecked
  write_u64(data + 1, amount);
  data[9] = mint->data[MINT_DECIMALS];
  Meta metas[4] = {
      {from->key, true, false}, {mint->key, false, false}, {to->key, true, false}, {authority->key, false, true}};
  return invoke(CONTEXT->token_program->key, metas, 4, data, sizeof(data));
}

// Opens the associated token account of `owner` for CONTEXT->mint, at `payer`'s expense; nothing when it is there.
// `also` is named too, so that the runtime sees what it gave away before.
NOINLINE u64 create_token_account(Account *payer, Account *account, Account *owner, Account *also) {
  u8 create = 1;  // CreateIdempotent
  Meta metas[7] = {
      {payer->key, true, true},
      {account->key, true, false},
      {owner->key, false, false},
      {CONTEXT->mint->key, false, false},
      {CONTEXT->system_program->key, false, false},
      {CONTEXT->token_program->key, false, false},
      {also->key, true, false},
  };
  return invoke(CONTEXT->ata_program->key, metas, 7, &create, 1);
}

// Logs the event that lies at EVENT and repeats it as an event CPI to this program.
NOINLINE u64 emit_event(Account *event_authority, u64 len) {
  Seed line = {EVENT, len};
  sol_log_data(&line, 1);
  Seed authority_seed = {SEED_EVENT_AUTHORITY, SEED_LEN(SEED_EVENT_AUTHORITY)};
  Key expected;
  u8 bump;
  find_address(&authority_seed, 0, &expected, &bump);
  if (!same_key(&expected, event_authority->key)) return ERROR_SEEDS;
  write_u64(EVENT - 8, read_u64(EVENT_CPI));
  Seed seeds[2] = {authority_seed, {&bump, 1}};
  Signer signer = {seeds, 2};
  Meta meta = {event_authority->key, false, true};
  CONTEXT->signer = &signer;
  return invoke(CONTEXT->program_id, &meta, 1, EVENT - 8, len + 8);
}

// Writers for events: each appends at `to` and returns the place behind.
INLINE u8 *put_u8(u8 *to, u8 value) {
  *to = value;
  return to + 1;
}

INLINE u8 *put_u32(u8 *to, u32 value) {
  write_u32(to, value);
  return to + 4;
}

INLINE u8 *put_u64(u8 *to, u64 value) {
  write_u64(to, value);
  return to + 8;
}

INLINE u8 *put_key(u8 *to, const Key *key) {
  write_key(to, key);
  return to + 32;
}

INLINE u8 *put_bytes(u8 *to, const void *from, u64 len) {
  sol_memcpy_(to, from, len);
  return to + len;
}

INLINE u64 unix_timestamp(void) {
  u64 clock[5];
  sol_get_clock_sysvar(clock);
  return clock[4];
}

// Reads the runtime's serialised input: the accounts, then the instruction data, then the program id. An account that
// was listed before is a one-byte reference to it.
NOINLINE u64 read_input(u8 *input) {
  u64 count = read_u64(input);
  if (count > MAX_ACCOUNTS) return ERROR_MISSING_ACCOUNTS;
  u8 *at = input + 8;
  for (u64 i = 0; i < count; i++) {
    Account *account = ACCOUNTS + i;
    if (*at != 0xff) {
      sol_memcpy_(account, ACCOUNTS + *at, sizeof(Account));
      at += 8;
      continue;
    }
    account->is_signer = at[1];
    account->is_writable = at[2];
    account->executable = at[3];
    account->key = (Key *)(at + 8);
    account->owner = (Key *)(at + 40);
    account->lamports = (u64 *)(at + 72);
    account->data_len = read_u64(at + 80);
    account->data = at + 88;
    at += 88 + account->data_len + 10240;  // room that the runtime leaves for growth
    at = (u8 *)(((u64)at + 7) & ~7ULL);
    account->rent_epoch = read_u64(at);
    at += 8;
  }
  CONTEXT->accounts = ACCOUNTS;
  CONTEXT->account_count = count;
  CONTEXT->data_len = read_u64(at);
  CONTEXT->data = at + 8;
  CONTEXT->program_id = (Key *)(CONTEXT->data + CONTEXT->data_len);
  CONTEXT->signer = 0;
  return CONTEXT->data_len < 8 ? ERROR_UNKNOWN_INSTRUCTION : 0;
}
