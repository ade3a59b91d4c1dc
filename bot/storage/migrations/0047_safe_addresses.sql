-- Where the SOL of a frozen wallet is swept to: addresses that their user registered beside those of his withdrawals.

alter table allowed_addresses add column is_safe boolean not null default false;
-- A wider one takes its place in the same transaction.
-- squawk-ignore ban-drop-constraint
alter table allowed_addresses drop constraint allowed_addresses_wallet_id_address_key;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore disallowed-unique-constraint, constraint-missing-not-valid
alter table allowed_addresses add constraint allowed_addresses_once unique (wallet_id, address, is_safe);
