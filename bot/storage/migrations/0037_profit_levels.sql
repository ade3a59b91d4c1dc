-- The take-profit in levels: gain and share in basis points by turns, the lowest gain first; empty for none.

alter table user_settings add column take_profit_levels bigint [] not null default '{}';
alter table positions
    add column take_profit_levels bigint [] not null default '{}',
    -- What the shares of levels are of: what buys brought into the position, and how many levels have sold theirs.
    add column bought_raw numeric(20, 0) not null default 0 check (bought_raw >= 0),
    add column levels_taken bigint not null default 0 check (levels_taken >= 0);
