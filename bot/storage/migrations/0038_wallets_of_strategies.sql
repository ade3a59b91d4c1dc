-- A user may have several wallets of a mode, each under a name, and each strategy may buy from one of its own. The oldest of
-- a mode is the one that every strategy without its own buys from.
-- squawk-ignore adding-not-nullable-field
alter table user_wallets add column name text not null default 'main';
alter table user_wallets add column strategies text [] not null default '{}'
    check (strategies <@ array['manual', 'sniper', 'auto']);
-- squawk-ignore require-concurrent-index-deletion
drop index user_wallets_one_of_a_mode;
-- squawk-ignore require-concurrent-index-creation
create unique index user_wallets_one_of_a_name on user_wallets (user_id, mode, name);
