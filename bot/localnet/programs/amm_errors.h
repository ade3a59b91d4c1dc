// The pool program's own errors, by name and text of its interface description.
#pragma once
#include "amm_layout.h"
#include "errors.h"

NOINLINE u64 told(u64 failure) {
  if (!failure) return 0;
  tell_common_error(failure);
  TELL(ERROR_ZERO_BASE, "ZeroBaseAmount", "6001", "ZeroBaseAmount")
  TELL(ERROR_ZERO_QUOTE, "ZeroQuoteAmount", "6002", "ZeroQuoteAmount")
  TELL(ERROR_EXCEEDED_SLIPPAGE, "ExceededSlippage", "6004", "ExceededSlippage")
  TELL(ERROR_BASE_MINT, "InvalidBaseMint", "6008", "InvalidBaseMint")
  TELL(ERROR_QUOTE_MINT, "InvalidQuoteMint", "6009", "InvalidQuoteMint")
  TELL(ERROR_FEE_RECIPIENT, "InvalidProtocolFeeRecipient", "6013", "InvalidProtocolFeeRecipient")
  TELL(ERROR_BASE_ACCOUNT, "InvalidPoolBaseTokenAccount", "6014", "InvalidPoolBaseTokenAccount")
  TELL(ERROR_QUOTE_ACCOUNT, "InvalidPoolQuoteTokenAccount", "6015", "InvalidPoolQuoteTokenAccount")
  TELL(ERROR_MORE_THAN_RESERVES, "BuyMoreBaseAmountThanPoolReserves", "6016", "BuyMoreBaseAmountThanPoolReserves")
  TELL(ERROR_POOL_OVERFLOW, "Overflow", "6023", "Overflow")
  TELL(ERROR_BELOW_MIN_BASE, "BuySlippageBelowMinBaseAmountOut", "6040", "buy: slippage - would buy less tokens than expected min_base_amount_out")
  TELL(ERROR_BUYBACK_NOT_AUTHORIZED, "BuybackFeeRecipientNotAuthorized", "6053", "Buyback fee recipient not authorized")
  TELL(ERROR_REAL_QUOTE_RESERVES, "InsufficientRealQuoteReserves", "6063", "BOOST: sell output exceeds the real quote vault. effective = real + virtual is pricing-only; payout is capped at real_vault, so quote min(out, real_vault)")
  return failure;
}
