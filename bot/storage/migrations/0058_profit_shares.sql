-- What a leader who is a user of this bot would get of a follower's gains, as figures: no money moves by them. One row for each
-- sale of a copied live position, never changed or deleted; the last one of a pair is where the next goes on.
create table profit_shares (
    id bigint generated always as identity primary key,
    intent_id text not null unique references intents (id),
    leader_id text not null references users (id),
    follower_id text not null references users (id),
    result_lamports bigint not null,
    share_bps bigint not null check (share_bps between 0 and 3000),
    share_lamports bigint not null check (share_lamports >= 0),
    total_lamports bigint not null,
    high_water_lamports bigint not null check (high_water_lamports >= 0),
    -- Gains times basis points, so that many small shares are the share of their sum.
    weighed numeric not null check (weighed >= 0),
    at timestamptz not null
);

create index profit_shares_of_a_pair on profit_shares (leader_id, follower_id, id);
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore require-concurrent-index-creation
create index copy_rules_of_a_user on copy_rules (leader_user_id) where leader_user_id is not null;
create trigger profit_shares_are_final before update or delete on profit_shares
    for each row execute function refuse_change();
