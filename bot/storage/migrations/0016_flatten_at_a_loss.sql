-- At which day's loss everything of a user is sold, in basis points of his limit of a day's loss; null is never.

alter table user_settings add column flatten_at_loss_bps bigint check (flatten_at_loss_bps > 0);
