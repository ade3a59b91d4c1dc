-- The most of a token's supply that its ten largest holders may have when a user buys it; null is no limit.

alter table user_settings add column max_top_holders_bps bigint check (max_top_holders_bps between 0 and 10000);
