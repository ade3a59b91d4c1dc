// What Anchor writes into the log before a program fails. Clients read the name of an error from there.
#pragma once
#include "context.h"

#define TELL(code, name, number, message)                                                                     \
  if (failure == code)                                                                                        \
    LOG("AnchorError occurred. Error Code: " name ". Error Number: " number ". Error Message: " message ".");

// The errors of Anchor itself.
NOINLINE void tell_common_error(u64 failure) {
  TELL(ERROR_UNKNOWN_INSTRUCTION, "InstructionFallbackNotFound", "101", "Fallback functions are not supported")
  TELL(ERROR_SEEDS, "ConstraintSeeds", "2006", "A seeds constraint was violated")
  TELL(ERROR_MISSING_ACCOUNTS, "AccountNotEnoughKeys", "3005", "Not enough account keys given to the instruction")
  TELL(ERROR_OWNER, "AccountOwnedByWrongProgram", "3007", "The given account is owned by a different program than expected")
}
