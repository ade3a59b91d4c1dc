// A minimal Solana C SDK for SBPF v0, written for a stock LLVM BPF back end.
//
// What the back end and the loader cannot do shapes this code: a call takes at most five arguments, there are no
// writable globals, no 128-bit arithmetic, no signed division, and a stack frame holds 4096 bytes.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef _Bool bool;
#define true 1
#define false 0

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline, unused))

typedef struct {
  u8 bytes[32];
} Key;

// One account as the program sees it. The field order is the runtime's ABI (SolAccountInfo, 56 bytes).
typedef struct {
  Key *key;
  u64 *lamports;
  u64 data_len;
  u8 *data;
  Key *owner;
  u64 rent_epoch;
  bool is_signer;
  bool is_writable;
  bool executable;
} Account;

// SolAccountMeta (16 bytes).
typedef struct {
  Key *key;
  bool is_writable;
  bool is_signer;
} Meta;

// SolInstruction.
typedef struct {
  Key *program_id;
  Meta *accounts;
  u64 account_count;
  u8 *data;
  u64 data_len;
} Instruction;

// SolSignerSeed and SolSignerSeeds; a Seed also describes a slice of a log line.
typedef struct {
  const u8 *bytes;
  u64 len;
} Seed;

typedef struct {
  const Seed *seeds;
  u64 count;
} Signer;

// Syscalls. The loader resolves them by name.
extern u64 sol_log_(const char *text, u64 len);
extern u64 sol_log_data(const Seed *fields, u64 count);
extern u64 sol_invoke_signed_c(const Instruction *, const Account *, u64 account_count, const Signer *, u64 signers);
extern u64 sol_try_find_program_address(const Seed *, u64 count, const Key *program, Key *address, u8 *bump);
extern u64 sol_get_clock_sysvar(void *clock);
extern u64 sol_memcpy_(void *to, const void *from, u64 len);
extern u64 sol_memset_(void *to, u8 value, u64 len);

#define LOG(text) sol_log_(text, sizeof(text) - 1)

// The heap is 32 KiB at a fixed address; this program lays it out by hand (see pump.c).
#define HEAP_START 0x300000000ULL

// SBPF allows unaligned loads and stores.
INLINE u64 read_u64(const u8 *from) { return *(const u64 *)from; }
INLINE u32 read_u32(const u8 *from) { return *(const u32 *)from; }
INLINE void write_u64(u8 *to, u64 value) { *(u64 *)to = value; }
INLINE void write_u32(u8 *to, u32 value) { *(u32 *)to = value; }

INLINE bool same_key(const Key *left, const Key *right) {
  const u64 *a = (const u64 *)left, *b = (const u64 *)right;
  return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
}

INLINE bool is_zero_key(const Key *key) {
  const u64 *words = (const u64 *)key;
  return !(words[0] | words[1] | words[2] | words[3]);
}

INLINE void write_key(u8 *to, const Key *key) {
  const u64 *from = (const u64 *)key;
  u64 *words = (u64 *)to;
  words[0] = from[0];
  words[1] = from[1];
  words[2] = from[2];
  words[3] = from[3];
}

#define MULDIV_OVERFLOW (~0ULL)

// floor(a * b / divisor) with a 128-bit product; MULDIV_OVERFLOW when the result exceeds 64 bits or divisor is zero.
NOINLINE u64 muldiv(u64 a, u64 b, u64 divisor) {
  if (!divisor) return MULDIV_OVERFLOW;
  u64 a_low = a & 0xffffffff, a_high = a >> 32;
  u64 b_low = b & 0xffffffff, b_high = b >> 32;
  u64 low_low = a_low * b_low, low_high = a_low * b_high, high_low = a_high * b_low, high_high = a_high * b_high;
  u64 middle = (low_low >> 32) + (low_high & 0xffffffff) + (high_low & 0xffffffff);
  u64 low = (low_low & 0xffffffff) | (middle << 32);
  u64 high = high_high + (low_high >> 32) + (high_low >> 32) + (middle >> 32);
  if (!high) return low / divisor;
  if (high >= divisor) return MULDIV_OVERFLOW;
  u64 quotient = 0, remainder = high;
  for (int bit = 63; bit >= 0; bit--) {
    u64 carry = remainder >> 63;
    remainder = (remainder << 1) | ((low >> bit) & 1);
    if (carry || remainder >= divisor) {
      remainder -= divisor;
      quotient |= 1ULL << bit;
    }
  }
  return quotient;
}

// ceil(amount * bps / 10000), for amounts whose product with 10000 fits into 64 bits.
INLINE u64 ceil_bps(u64 amount, u64 bps) {
  u64 floor = muldiv(amount, bps, 10000);
  return floor + (amount * bps != floor * 10000 ? 1 : 0);
}
