-- Whether a leader was named by his public handle: then he is copied for as long as he allows it. The label of any other rule is
-- the two ends of an address.
alter table copy_rules add column by_handle boolean not null default false;
update copy_rules set by_handle = true where leader_user_id is not null and label ~ '^[a-z][a-z0-9_]*$';
