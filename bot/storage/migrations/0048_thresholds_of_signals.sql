-- What a user asks of a signal beside its confidence, what he wants none of, and whether he is only told of them.
alter table user_settings
    add column snipe_max_scam_bps bigint,
    add column snipe_min_momentum_bps bigint,
    add column snipe_tells_only boolean not null default false,
    add column blacklist text [] not null default '{}';
