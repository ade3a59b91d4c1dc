// Discriminators, account layouts, seeds and error codes of the launchpad, from its public interface description.
#pragma once
#include "sdk.h"

// Instructions.
static const u8 BUY[8] = {0x66, 0x06, 0x3d, 0x12, 0x01, 0xda, 0xeb, 0xea};
static const u8 SELL[8] = {0x33, 0xe6, 0x85, 0xa4, 0x01, 0x7f, 0x83, 0xad};
static const u8 CREATE[8] = {0x18, 0x1e, 0xc8, 0x28, 0x05, 0x1c, 0x07, 0x77};
static const u8 CREATE_V2[8] = {0xd6, 0x90, 0x4c, 0xec, 0x5f, 0x8b, 0x31, 0xb4};
static const u8 BUY_V2[8] = {0xb8, 0x17, 0xee, 0x61, 0x67, 0xc5, 0xd3, 0x3d};
static const u8 SELL_V2[8] = {0x5d, 0xf6, 0x82, 0x3c, 0xe7, 0xe9, 0x40, 0xb2};
static const u8 BUY_EXACT_QUOTE_IN_V2[8] = {0xc2, 0xab, 0x1c, 0x46, 0x68, 0x4d, 0x5b, 0x2f};
static const u8 MIGRATE_V2[8] = {0xbb, 0xcb, 0x12, 0x1f, 0xce, 0xed, 0xfe, 0x29};
static const u8 EVENT_CPI[8] = {0xe4, 0x45, 0xa5, 0x2e, 0x51, 0xcb, 0x9a, 0x1d};

// Events.
static const u8 TRADE_EVENT[8] = {0xbd, 0xdb, 0x7f, 0xd3, 0x4e, 0xe6, 0x61, 0xee};
static const u8 CREATE_EVENT[8] = {0x1b, 0x72, 0xa9, 0x4d, 0xde, 0xeb, 0x63, 0x76};
static const u8 COMPLETE_EVENT[8] = {0x5f, 0x72, 0x61, 0x9c, 0xd4, 0x2e, 0x98, 0x08};
static const u8 MIGRATION_EVENT[8] = {0xbd, 0xe9, 0x5d, 0xb9, 0x5c, 0x94, 0xea, 0x94};

// Where the accounts of a trade stand among those of its instruction, and how many these are at the least.
typedef struct {
  u8 count, mint, token_program, fee_recipient, buyback_recipient, curve, curve_tokens, user, user_tokens, creator_vault;
  u8 volume, fee_config, system_program, event_authority;
} TradeLayout;
static const TradeLayout LAYOUT_BUY_V2 = {27, 1, 3, 6, 8, 10, 11, 13, 14, 16, 20, 22, 24, 25};
static const TradeLayout LAYOUT_SELL_V2 = {26, 1, 3, 6, 8, 10, 11, 13, 14, 16, 19, 21, 23, 24};
// The older instructions name the buyback's recipient behind their own accounts; a sale has no volume account.
static const TradeLayout LAYOUT_BUY = {18, 2, 8, 1, 17, 3, 4, 6, 5, 9, 13, 14, 7, 10};
static const TradeLayout LAYOUT_SELL = {16, 2, 9, 1, 15, 3, 4, 6, 5, 8, 0, 12, 7, 10};

// The bonding curve account.
static const u8 CURVE_DISCRIMINATOR[8] = {0x17, 0xb7, 0xf8, 0x37, 0x60, 0xd8, 0xac, 0x60};
enum {
  CURVE_VIRTUAL_TOKEN = 8,
  CURVE_VIRTUAL_QUOTE = 16,
  CURVE_REAL_TOKEN = 24,
  CURVE_REAL_QUOTE = 32,
  CURVE_SUPPLY = 40,
  CURVE_COMPLETE = 48,
  CURVE_CREATOR = 49,
  CURVE_MAYHEM = 81,
  CURVE_QUOTE_MINT = 83,
  CURVE_LENGTH = 125,
};

// The global account.
enum {
  GLOBAL_FEE_RECIPIENT = 41,
  GLOBAL_VIRTUAL_TOKEN = 73,
  GLOBAL_VIRTUAL_QUOTE = 81,
  GLOBAL_REAL_TOKEN = 89,
  GLOBAL_SUPPLY = 97,
  GLOBAL_MIGRATION_FEE = 146,
  GLOBAL_FEE_RECIPIENTS = 162,
  GLOBAL_FEE_RECIPIENTS_COUNT = 7,
  GLOBAL_BUYBACK_RECIPIENTS = 741,
  GLOBAL_BUYBACK_RECIPIENTS_COUNT = 8,
  GLOBAL_BUYBACK_BPS = 997,
};

// The fee configuration: a vector of tiers, each a 16-byte market cap and three 8-byte fees (LP, protocol, creator).
enum {
  FEE_TIER_COUNT = 65,
  FEE_TIERS = 69,
  FEE_TIER_LENGTH = 40,
  FEE_TIER_LP = 16,
  FEE_TIER_PROTOCOL = 24,
  FEE_TIER_CREATOR = 32,
};

enum {
  MINT_SUPPLY = 36,
  MINT_DECIMALS = 44,
  TOKEN_OWNER = 32,
  TOKEN_AMOUNT = 64,
  DECIMALS = 6,
  VOLUME_ACCUMULATOR_LENGTH = 137,
  RENT_OVERHEAD = 128,
  RENT_PER_BYTE = 6960,
  RENT_EXEMPT_EMPTY = 890880,
  MAX_NAME = 32,
  MAX_SYMBOL = 13,
  MAX_URI = 200,
};
#define TOKEN_SUPPLY 1000000000000000ULL

static const u8 SEED_CURVE[] = "bonding-curve";
static const u8 SEED_CREATOR_VAULT[] = "creator-vault";
static const u8 SEED_VOLUME[] = "user_volume_accumulator";
static const u8 SEED_EVENT_AUTHORITY[] = "__event_authority";
static const u8 SEED_MINT_AUTHORITY[] = "mint-authority";
static const u8 SEED_POOL_AUTHORITY[] = "pool-authority";
#define SEED_LEN(seed) (sizeof(seed) - 1)

enum {
  ERROR_UNKNOWN_INSTRUCTION = 101,  // Anchor's InstructionFallbackNotFound
  ERROR_SEEDS = 2006,               // Anchor's ConstraintSeeds
  ERROR_MISSING_ACCOUNTS = 3005,    // Anchor's AccountNotEnoughKeys
  ERROR_OWNER = 3007,               // Anchor's AccountOwnedByWrongProgram
  ERROR_NOT_AUTHORIZED = 6000,
  ERROR_TOO_MUCH_SOL_REQUIRED = 6002,
  ERROR_TOO_LITTLE_SOL_RECEIVED = 6003,
  ERROR_CURVE_COMPLETE = 6005,
  ERROR_CURVE_NOT_COMPLETE = 6006,
  ERROR_BUY_ZERO = 6020,
  ERROR_NOT_ENOUGH_TOKENS_TO_BUY = 6021,
  ERROR_SELL_ZERO = 6022,
  ERROR_OVERFLOW = 6024,
  ERROR_BELOW_MIN_TOKENS = 6042,
  ERROR_NAME_TOO_LONG = 6043,
  ERROR_SYMBOL_TOO_LONG = 6044,
  ERROR_URI_TOO_LONG = 6045,
  ERROR_BUYBACK_RECIPIENT = 6057,
  ERROR_CASHBACK_DEPRECATED = 6082,
};

// The pool program's instruction that a migration calls.
static const u8 CREATE_POOL[8] = {0xe9, 0x92, 0xd1, 0x8e, 0xcf, 0x68, 0x40, 0xbc};
