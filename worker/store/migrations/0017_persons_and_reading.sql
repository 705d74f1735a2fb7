-- Contacts have the id that another system calls them by, one a team. Older code neither reads nor writes it.
ALTER TABLE contacts ADD COLUMN external_id text CHECK (length(external_id) BETWEEN 1 AND 200);
CREATE UNIQUE INDEX contacts_by_external_id ON contacts (team_id, external_id) WHERE external_id IS NOT NULL;
-- Contacts and calls are read in the order in which they changed, and the calls of a team newest first, by campaign, by
-- number, by how they ended, and by their carrier's id for them.
CREATE INDEX contacts_changed ON contacts (team_id, updated_at, id) WHERE id <> '';
CREATE INDEX calls_of_team ON calls (team_id, reserved_at DESC, id DESC) WHERE id <> '';
CREATE INDEX calls_of_campaign_in_time ON calls (campaign_id, reserved_at DESC, id DESC) WHERE id <> '';
CREATE INDEX calls_to_number ON calls (team_id, to_number, reserved_at DESC, id DESC) WHERE id <> '';
CREATE INDEX calls_by_disposition ON calls (team_id, disposition, reserved_at DESC, id DESC)
    WHERE disposition IS NOT NULL;
CREATE INDEX calls_ended ON calls (team_id, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX call_events_by_carrier_id ON call_events (carrier_call_id) WHERE kind IN ('ringing', 'ended');
