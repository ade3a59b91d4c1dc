-- Whom an admin had delisted when he closed his account: a hash of his Telegram id and the reason, so that he does not come back
-- as if nothing had been. Nothing else is kept of who he was, and an admin who lists him again ends it.
create table delisted_leavers (
    person text primary key,
    why text not null check (why <> ''),
    left_at timestamptz not null
);
