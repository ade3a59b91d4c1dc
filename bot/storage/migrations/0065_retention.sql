-- What is kept for a time is found by its age: looks of snipers that came to nothing, and messages that are owed no more. The bot is not running yet when this is.
-- squawk-ignore require-concurrent-index-creation
create index snipe_runs_by_age on snipe_runs (created_at) where status in ('SKIPPED', 'EXPIRED');
-- squawk-ignore require-concurrent-index-creation
create index outbox_by_age on outbox (created_at) where delivered_at is not null or undeliverable_at is not null;
