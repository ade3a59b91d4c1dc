-- What exits measure a price against: the cost without the rent that the program takes once. Positions of before keep
-- the cost that their exits have measured so far.

alter table positions add column basis_lamports bigint;
update positions set basis_lamports = cost_lamports;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore adding-not-nullable-field
alter table positions alter column basis_lamports set not null;
