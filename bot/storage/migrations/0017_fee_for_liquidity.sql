-- A pool's trades leave a fee for those whose liquidity it is; a curve takes none.

alter table trades add column lp_fee_lamports bigint not null default 0;
