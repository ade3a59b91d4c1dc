-- The least tokens that a buyer was shown before he confirmed, and the SOL that he wants to see in a token's curve.

alter table intents add column min_token_raw bigint not null default 0 check (min_token_raw >= 0);
alter table user_settings add column min_curve_lamports bigint not null default 0 check (min_curve_lamports >= 0);
