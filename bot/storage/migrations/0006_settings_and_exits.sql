-- Settings that the first schema lacked, and what the trailing stop and a take-profit in parts need to remember.

alter table user_settings add column require_confirmation boolean not null default true;
alter table user_settings add column trailing_stop_bps bigint check (trailing_stop_bps between 1 and 10000);
alter table user_settings add column take_profit_share_bps bigint not null default 10000
    check (take_profit_share_bps between 1 and 10000);
alter table user_settings add column check_honeypots boolean not null default true;
alter table user_settings add column on_critical text not null default 'flatten'
    check (on_critical in ('flatten', 'hold'));

alter table positions add column trailing_stop_bps bigint;
alter table positions add column take_profit_share_bps bigint not null default 10000;
-- The highest quote seen for everything held; 0 before the first.
alter table positions add column peak_lamports bigint not null default 0 check (peak_lamports >= 0);
alter table positions add column took_profit boolean not null default false;
