-- What an opinion was made of, with each look that a sniper took at a token: the rules or the model, and its parts.
alter table snipe_runs
    add column version text not null default '',
    add column components json not null default '[]';
