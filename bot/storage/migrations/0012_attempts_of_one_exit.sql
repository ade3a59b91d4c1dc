-- An exit of a whole balance may have several attempts that may land at the same time, because at most one can succeed.

alter table attempts add column sells_all boolean not null default false;
-- What landing costs at most, so that the attempts of one exit together never eat the reserve for it.
alter table attempts add column fee_lamports bigint not null default 0 check (fee_lamports >= 0);

-- squawk-ignore require-concurrent-index-creation
create index attempts_unproven on attempts (intent_id) where state in ('signed', 'sent');
