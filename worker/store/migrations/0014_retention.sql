-- What stays of calls that are kept no longer than a deployment says. Older code deletes none, and reads none of it.
-- Calls that are no longer kept, as far as reports count them: those of a campaign that went together, each with its
-- place in every array (worker/store/past_calls.py). Nothing holds the campaign: who locks it waits for nobody here.
CREATE TABLE past_calls (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id     text NOT NULL,
    reserved        timestamptz[] NOT NULL,
    ended           timestamptz[] NOT NULL,
    dialed          timestamptz[] NOT NULL,            -- business time; NULL in it: was not
    campaign_limits integer[] NOT NULL,
    zones           text[] NOT NULL,
    attempts        smallint[] NOT NULL,
    dispositions    disposition[] NOT NULL
);
CREATE INDEX past_calls_of_campaign ON past_calls (campaign_id);

-- How many they are; nobody else writes it, so a batch waits for nobody.
CREATE TABLE past_call_totals (
    campaign_id text NOT NULL,
    disposition disposition NOT NULL,
    calls       integer NOT NULL,
    PRIMARY KEY (campaign_id, disposition)
) WITH (fillfactor = 50);

-- The latest of them to each contact of a campaign: how it ended, if it was sent, and by which number it was dialed.
CREATE TABLE latest_past_calls (
    campaign_contact_id bigint PRIMARY KEY,
    disposition         disposition,
    ended_at            timestamptz,
    to_number           text
);

-- How far what goes by its age has gone, by the id of the last row that was looked at.
CREATE TABLE retention_marks (
    name    text PRIMARY KEY,
    through text NOT NULL
);
