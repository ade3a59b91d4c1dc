-- What the buttons below a token's card buy and sell, in the order in which they stand there.

alter table user_settings add column preset_buys_lamports bigint [] not null
    default '{100000000, 500000000, 1000000000}';
alter table user_settings add column preset_sells_bps bigint [] not null default '{2500, 5000, 10000}';
