-- People who have left. Their rows of money stay under the internal id; nothing that says who they were does.
alter table users add column closed_at timestamptz;
