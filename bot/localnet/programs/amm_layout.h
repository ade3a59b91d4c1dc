// Discriminators, account layouts, seeds and error codes of the pool program, from its public interface description.
#pragma once
#include "context.h"

static const u8 POOL_BUY[8] = {0x66, 0x06, 0x3d, 0x12, 0x01, 0xda, 0xeb, 0xea};
static const u8 POOL_BUY_EXACT_QUOTE_IN[8] = {0xc6, 0x2e, 0x15, 0x52, 0xb4, 0xd9, 0xe8, 0x70};
static const u8 POOL_SELL[8] = {0x33, 0xe6, 0x85, 0xa4, 0x01, 0x7f, 0x83, 0xad};

static const u8 BUY_EVENT[8] = {0x67, 0xf4, 0x52, 0x1f, 0x2c, 0xf5, 0x77, 0x77};
static const u8 SELL_EVENT[8] = {0x3e, 0x2f, 0x37, 0x0a, 0xa5, 0x03, 0xdc, 0x2a};
static const u8 CREATE_POOL_EVENT[8] = {0xb1, 0x31, 0x0c, 0xd2, 0xa0, 0x76, 0xa7, 0x74};

// The pool account. The virtual reserves have 128 bits; on this chain they are never negative nor longer than 64.
static const u8 POOL_DISCRIMINATOR[8] = {0xf1, 0x9a, 0x6d, 0x04, 0x11, 0xb1, 0x6d, 0xbc};
enum {
  POOL_BUMP = 8,
  POOL_INDEX = 9,
  POOL_CREATOR = 11,
  POOL_BASE_MINT = 43,
  POOL_QUOTE_MINT = 75,
  POOL_LP_MINT = 107,
  POOL_BASE_ACCOUNT = 139,
  POOL_QUOTE_ACCOUNT = 171,
  POOL_SHARES = 203,
  POOL_COIN_CREATOR = 211,
  POOL_MAYHEM = 243,
  POOL_VIRTUAL_QUOTE = 245,
  POOL_LENGTH = 301,
};

enum { SHARE_MINT_LENGTH = 82, SHARE_DECIMALS = 9 };

// The global configuration.
enum {
  CONFIG_FEE_RECIPIENTS = 57,
  CONFIG_BUYBACK_RECIPIENTS = 643,
  CONFIG_BUYBACK_BPS = 899,
};

static const u8 SEED_POOL[] = "pool";
static const u8 SEED_SHARES[] = "pool_lp_mint";
static const u8 SEED_POOL_V2[] = "pool-v2";
static const u8 SEED_CREATOR_AUTHORITY[] = "creator_vault";

enum {
  ERROR_ZERO_BASE = 6001,
  ERROR_ZERO_QUOTE = 6002,
  ERROR_EXCEEDED_SLIPPAGE = 6004,
  ERROR_BASE_MINT = 6008,
  ERROR_QUOTE_MINT = 6009,
  ERROR_FEE_RECIPIENT = 6013,
  ERROR_BASE_ACCOUNT = 6014,
  ERROR_QUOTE_ACCOUNT = 6015,
  ERROR_MORE_THAN_RESERVES = 6016,
  ERROR_POOL_OVERFLOW = 6023,
  ERROR_BELOW_MIN_BASE = 6040,
  ERROR_BUYBACK_NOT_AUTHORIZED = 6053,
  ERROR_REAL_QUOTE_RESERVES = 6063,
};
