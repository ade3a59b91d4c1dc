-- What a followed wallet held of a token before it traded, by which a sale is a share of it; null where nobody said it. When
-- the bot heard of the trade, null for those of before, and its place among the wallet's trades of that transaction.

alter table wallet_signals
    add column instruction bigint not null default 0 check (instruction >= 0),
    add column held_before_raw numeric(20, 0) check (held_before_raw >= 0),
    add column seen_at timestamptz;
