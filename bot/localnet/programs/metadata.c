// A stand-in for Metaplex's token metadata: CreateMetadataAccountV3 alone, with the same program id, seeds, account order
// and layout, so that coins of SPL Token have a name. Written from the public interface description.
#include "context.h"

enum { CREATE_METADATA_V3 = 33, KIND_METADATA = 4 };
enum { NAME_LENGTH = 32, SYMBOL_LENGTH = 10, URI_LENGTH = 200, METADATA_LENGTH = 607 };
enum { AT_UPDATE_AUTHORITY = 1, AT_MINT = 33, AT_TEXTS = 65 };
enum { ERROR_NO_INSTRUCTION = 5, ERROR_TEXT_TOO_LONG = 11, ERROR_WRONG_ADDRESS = 20, ERROR_NO_AUTHORITY = 8 };

static const u8 SEED_METADATA[] = "metadata";

// A text behind its length, from the instruction, padded with zeros to the length that it has in the account.
NOINLINE u64 copy_text(u8 **to, const u8 **from, u32 most) {
  u32 length = read_u32(*from);
  if (length > most || *from + 4 + length > CONTEXT->data + CONTEXT->data_len) return ERROR_TEXT_TOO_LONG;
  write_u32(*to, most);
  sol_memcpy_(*to + 4, *from + 4, length);
  *to += 4 + most;
  *from += 4 + length;
  return 0;
}

NOINLINE u64 create_metadata(void) {
  Account *a = CONTEXT->accounts;
  Account *metadata = a, *mint = a + 1, *authority = a + 2, *payer = a + 3, *update_authority = a + 4;
  CONTEXT->system_program = a + 5;
  if (!authority->is_signer || !payer->is_signer) return ERROR_NO_AUTHORITY;
  Key expected;
  u8 bump;
  Seed seeds[4] = {
      {SEED_METADATA, SEED_LEN(SEED_METADATA)}, {(u8 *)CONTEXT->program_id, 32}, {(u8 *)mint->key, 32}, {&bump, 1}};
  sol_try_find_program_address(seeds, 3, CONTEXT->program_id, &expected, &bump);
  if (!same_key(&expected, metadata->key)) return ERROR_WRONG_ADDRESS;
  Signer signer = {seeds, 4};
  CONTEXT->signer = &signer;
  TRY(create_account(payer, metadata, METADATA_LENGTH, METADATA_LENGTH, CONTEXT->program_id));
  u8 *data = metadata->data, *to = data + AT_TEXTS;
  const u8 *from = CONTEXT->data + 1;
  data[0] = KIND_METADATA;
  write_key(data + AT_UPDATE_AUTHORITY, update_authority->key);
  write_key(data + AT_MINT, mint->key);
  TRY(copy_text(&to, &from, NAME_LENGTH));
  TRY(copy_text(&to, &from, SYMBOL_LENGTH));
  return copy_text(&to, &from, URI_LENGTH);
}

u64 entrypoint(u8 *input) {
  TRY(read_input(input));
  if (CONTEXT->data[0] != CREATE_METADATA_V3 || CONTEXT->account_count < 6) return ERROR_NO_INSTRUCTION;
  LOG("IX: Create Metadata Accounts v3");
  return create_metadata();
}
