-- A wallet trades in one mode for as long as it lives, and a user has at most one of each: what he tries without sending
-- it stands in the ledger of another wallet than what he does with his money.

alter table user_wallets add column mode text check (mode in ('paper', 'dry_run', 'live'));
update user_wallets set mode = users.mode
from users
where users.id = user_wallets.user_id;
-- squawk-ignore adding-not-nullable-field
alter table user_wallets alter column mode set not null;
-- squawk-ignore require-concurrent-index-creation
create unique index user_wallets_one_of_a_mode on user_wallets (user_id, mode);
