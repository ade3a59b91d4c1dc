-- Every public handle that somebody has had: it stays his, whether he is shown by it or not, so that nobody is taken for him later.
-- When he has left the bot his name is gone and a hash of what it looks like is kept, so that nobody else gets it.
create table trader_handles (
    likeness text primary key,
    handle text,
    user_id text references users (id),
    taken_at timestamptz not null,
    constraint trader_handles_of_somebody check ((handle is null) = (user_id is null))
);
insert into trader_handles (likeness, handle, user_id, taken_at)
select likeness, handle, user_id, opened_at from traders where handle is not null;
create index trader_handles_of_a_user on trader_handles (user_id) where user_id is not null;

-- From when on which part of a gain a trader counts as his, so that each sale is at the share of its own time, whenever it is
-- written down. Who is not shown has none.
create table trader_shares (
    user_id text not null references users (id),
    since timestamptz not null,
    share_bps bigint not null check (share_bps between 0 and 3000),
    primary key (user_id, since)
);
insert into trader_shares (user_id, since, share_bps)
select user_id, opened_at, share_bps from traders where handle is not null;
