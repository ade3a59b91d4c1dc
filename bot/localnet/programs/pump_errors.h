// The launchpad's own errors, by name and text of its interface description.
#pragma once
#include "errors.h"

NOINLINE u64 told(u64 failure) {
  if (!failure) return 0;
  tell_common_error(failure);
  TELL(ERROR_NOT_AUTHORIZED, "NotAuthorized", "6000", "The given account is not authorized to execute this instruction.")
  TELL(ERROR_TOO_MUCH_SOL_REQUIRED, "TooMuchSolRequired", "6002", "slippage: Too much SOL required to buy the given amount of tokens.")
  TELL(ERROR_TOO_LITTLE_SOL_RECEIVED, "TooLittleSolReceived", "6003", "slippage: Too little SOL received to sell the given amount of tokens.")
  TELL(ERROR_CURVE_COMPLETE, "BondingCurveComplete", "6005", "The bonding curve has completed and liquidity migrated to raydium.")
  TELL(ERROR_CURVE_NOT_COMPLETE, "BondingCurveNotComplete", "6006", "The bonding curve has not completed.")
  TELL(ERROR_BUY_ZERO, "BuyZeroAmount", "6020", "Buy zero amount")
  TELL(ERROR_NOT_ENOUGH_TOKENS_TO_BUY, "NotEnoughTokensToBuy", "6021", "Not enough tokens to buy")
  TELL(ERROR_SELL_ZERO, "SellZeroAmount", "6022", "Sell zero amount")
  TELL(ERROR_OVERFLOW, "Overflow", "6024", "Overflow")
  TELL(ERROR_BELOW_MIN_TOKENS, "BuySlippageBelowMinTokensOut", "6042", "Slippage: Would buy less tokens than expected min_tokens_out")
  TELL(ERROR_NAME_TOO_LONG, "NameTooLong", "6043", "NameTooLong")
  TELL(ERROR_SYMBOL_TOO_LONG, "SymbolTooLong", "6044", "SymbolTooLong")
  TELL(ERROR_URI_TOO_LONG, "UriTooLong", "6045", "UriTooLong")
  TELL(ERROR_BUYBACK_RECIPIENT, "BuybackFeeRecipientNotAuthorized", "6057", "Buyback fee recipient not authorized")
  TELL(ERROR_CASHBACK_DEPRECATED, "CashbackDeprecated", "6082", "Cashback coins can no longer be created")
  return failure;
}
