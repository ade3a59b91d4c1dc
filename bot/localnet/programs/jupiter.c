// A stand-in for the aggregator's program: `route_v2` through one pool of the pool program, with the same program id,
// discriminator, account order, numbers and error code for what arrives. The step of the plan says no more than that there
// is one; which pool it is and in which direction follows from the accounts. Written from the public interface description.
#include "amm_layout.h"

static const u8 ROUTE_V2[8] = {0xbb, 0x64, 0xfa, 0xcc, 0x31, 0xc4, 0xaf, 0x14};

enum { DATA_AMOUNT = 8, DATA_QUOTED = 16, DATA_SLIPPAGE = 24, DATA_STEPS = 30, DATA_LEAST = 34 };
enum { AT_AUTHORITY = 0, AT_SOURCE = 1, AT_TARGET = 2, AT_MINT_IN = 3, AT_POOL_PROGRAM = 10, AT_POOL = 11 };
enum { POOL_TRADE_BASE_MINT = 3 };
enum { BPS_ALL = 10000 };
enum { ERROR_SLIPPAGE = 6001, ERROR_FEW_ACCOUNTS = 6008, ERROR_ROUTE_PLAN = 6010 };

INLINE u16 read_u16(const u8 *from) { return *(const u16 *)from; }

// Hands everything behind the named accounts to the pool's own instruction; what it must bring is checked behind it.
NOINLINE u64 trade_in_pool(u64 amount, bool buys) {
  Account *a = CONTEXT->accounts;
  u64 count = CONTEXT->account_count - AT_POOL;
  Meta *metas = (Meta *)(SCRATCH + 64);
  for (u64 i = 0; i < count; i++) {
    metas[i].key = a[AT_POOL + i].key;
    metas[i].is_writable = a[AT_POOL + i].is_writable;
    metas[i].is_signer = a[AT_POOL + i].is_signer;
  }
  u8 *data = SCRATCH;
  write_u64(data, read_u64(buys ? POOL_BUY_EXACT_QUOTE_IN : POOL_SELL));
  write_u64(data + 8, amount);
  write_u64(data + 16, buys ? 1 : 0);
  data[24] = 0;
  return invoke(a[AT_POOL_PROGRAM].key, metas, count, data, buys ? 25 : 24);
}

NOINLINE u64 run_route(void) {
  Account *a = CONTEXT->accounts;
  const u8 *data = CONTEXT->data;
  if (CONTEXT->account_count < AT_POOL + 24) return ERROR_FEW_ACCOUNTS;
  if (CONTEXT->data_len < DATA_LEAST || read_u32(data + DATA_STEPS) != 1) return ERROR_ROUTE_PLAN;
  if (!a[AT_AUTHORITY].is_signer) return ERROR_OWNER;
  u64 quoted = read_u64(data + DATA_QUOTED), slippage = read_u16(data + DATA_SLIPPAGE);
  if (slippage > BPS_ALL) return ERROR_ROUTE_PLAN;
  u64 before = token_amount(a + AT_TARGET);
  bool buys = !same_key(a[AT_MINT_IN].key, a[AT_POOL + POOL_TRADE_BASE_MINT].key);
  TRY(trade_in_pool(read_u64(data + DATA_AMOUNT), buys));
  u64 arrived = token_amount(a + AT_TARGET) - before;
  return arrived < muldiv(quoted, BPS_ALL - slippage, BPS_ALL) ? ERROR_SLIPPAGE : 0;
}

u64 entrypoint(u8 *input) {
  TRY(read_input(input));
  if (!has_discriminator(CONTEXT->data, ROUTE_V2)) return ERROR_UNKNOWN_INSTRUCTION;
  LOG("Instruction: RouteV2");
  return run_route();
}
