-- Whose entries a cause pauses: everything that would buy, or only what buys without a person's command.
alter table pause_causes
    add column binds text not null default 'all' check (binds in ('all', 'automated'));
