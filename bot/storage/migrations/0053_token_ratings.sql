-- What users think of tokens, one rating each; what a voice weighs is read from its trades and never kept.
create table token_ratings (
    number bigint generated always as identity primary key,
    user_id text not null references users (id),
    mint text not null,
    points bigint not null check (points between 1 and 10),
    flag text check (flag in ('scam', 'rug', 'honeypot', 'copycat')),
    comment text not null check (length(comment) <= 140),
    rated_at timestamptz not null,
    hidden_why text not null default '',
    unique (user_id, mint)
);

create index token_ratings_by_mint on token_ratings (mint, rated_at);
create index token_ratings_by_time on token_ratings (rated_at) where flag is not null or comment <> '';
