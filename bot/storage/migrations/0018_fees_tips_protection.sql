-- How each user's orders land: what they pay for priority, what they tip block engines, which routes they take. The
-- defaults are those of a new user.

alter table user_settings add column fee_mode_buy text not null default 'auto' check (fee_mode_buy in ('auto', 'fixed'));
alter table user_settings add column fee_buy_lamports bigint not null default 500000 check (fee_buy_lamports >= 0);
alter table user_settings add column tip_buy_lamports bigint not null default 100000 check (tip_buy_lamports >= 0);
alter table user_settings add column protection_buy text not null default 'protected'
    check (protection_buy in ('protected', 'open'));
alter table user_settings add column unlanded_buy text not null default 'wait' check (unlanded_buy in ('wait', 'open'));
alter table user_settings add column fee_mode_sell text not null default 'auto' check (fee_mode_sell in ('auto', 'fixed'));
alter table user_settings add column fee_sell_lamports bigint not null default 400000 check (fee_sell_lamports >= 0);
alter table user_settings add column tip_sell_lamports bigint not null default 100000 check (tip_sell_lamports >= 0);
alter table user_settings add column protection_sell text not null default 'open'
    check (protection_sell in ('protected', 'open'));
alter table user_settings add column unlanded_sell text not null default 'open' check (unlanded_sell in ('wait', 'open'));

-- An order may be protected until it has not landed for a while.
-- squawk-ignore ban-drop-constraint
alter table intents drop constraint intents_protection_check;
-- Migrations run before the bot trades, so that nobody waits for this.
-- squawk-ignore constraint-missing-not-valid
alter table intents add constraint intents_protection_check
    check (protection in ('protected', 'protected_first', 'open'));

-- What a block engine got for landing a trade.
alter table trades add column tip_lamports bigint not null default 0 check (tip_lamports >= 0);
