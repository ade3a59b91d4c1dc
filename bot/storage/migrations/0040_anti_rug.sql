-- Leaving a token whose creator sells it: the share of the supply, in basis points, and within how many seconds.

alter table user_settings
    add column anti_rug boolean not null default false,
    add column anti_rug_share_bps bigint not null default 200,
    add column anti_rug_within_s bigint not null default 60;
-- What a position was opened with; no share for one that is not left for that.
alter table positions
    add column rug_share_bps bigint check (rug_share_bps > 0),
    add column rug_within_s bigint not null default 60 check (rug_within_s > 0);
-- What shows that the reason of an order holds, where it is no price that everybody can look up.
alter table intents add column evidence text not null default '';
