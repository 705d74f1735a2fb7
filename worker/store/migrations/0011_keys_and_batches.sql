-- Foreign keys that no other index can stand in for (schema.sql says why at its top), an index from a contact to its
-- calls, one by which an import finds people without a number, how far a request in batches has come, and from where on
-- a team's calls may live. Code from before this finds everything still, lists and sweeps more slowly.
DROP INDEX contacts_of_team, campaigns_of_team, campaign_contacts_in_order, runs_of_campaign, calls_of_campaign;
CREATE INDEX contacts_of_team ON contacts (team_id, created_at DESC, id DESC) WHERE id <> '';
CREATE INDEX contacts_by_words ON contacts (md5(
    first_name || E'\x1f' || last_name || E'\x1f' || coalesce(phone, '') || E'\x1f' || coalesce(email, '')))
    WHERE coalesce(phone_e164, '') = '';
CREATE INDEX campaigns_of_team ON campaigns (team_id, created_at DESC, id DESC) WHERE id <> '';
CREATE UNIQUE INDEX campaign_contacts_in_order ON campaign_contacts (campaign_id, id) WHERE id > 0;
CREATE INDEX runs_of_campaign ON runs (campaign_id, opened_at DESC, id DESC) WHERE id <> '';
CREATE INDEX calls_of_campaign ON calls (campaign_id, id DESC) WHERE id <> '';
CREATE INDEX calls_of_contact ON calls (contact_id, campaign_id);
ALTER TABLE phone_numbers ADD UNIQUE (number, team_id);
ALTER TABLE phone_numbers DROP CONSTRAINT phone_numbers_team_id_number_key;
ALTER TABLE idempotency_keys
    ADD COLUMN progress jsonb,
    ADD COLUMN heard_at timestamptz;
CREATE SEQUENCE calls_seq;
ALTER TABLE calls ADD COLUMN seq bigint;   -- not with its default, or the whole table is written anew
ALTER TABLE calls ALTER COLUMN seq SET DEFAULT nextval('calls_seq');
UPDATE calls SET seq = nextval('calls_seq') WHERE ended_at IS NULL;
CREATE INDEX calls_live_of_team ON calls (team_id, seq) WHERE coalesce(ended_at, 'infinity') = 'infinity';
ALTER TABLE teams ADD COLUMN live_from bigint NOT NULL DEFAULT 0;
