-- What an assistant is told of the callee, and what it reports of the conversation.
ALTER TABLE campaigns
    ADD COLUMN variables jsonb CHECK (jsonb_typeof(variables) = 'object'),
    ADD COLUMN outcomes  jsonb CHECK (jsonb_typeof(outcomes) = 'object');

CREATE TABLE call_secret (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret   bytea NOT NULL CHECK (length(secret) = 32)
);
INSERT INTO call_secret (secret)
SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

CREATE TABLE call_outcomes (
    call_id        text PRIMARY KEY,
    campaign_id    text NOT NULL,
    waits_since    timestamptz,
    waits_until    timestamptz,
    decided_at     timestamptz,
    outcome        text,
    next           text CHECK (next IN ('done', 'retry', 'never')),
    retry_minutes  integer CHECK (retry_minutes BETWEEN 0 AND 43200),
    callback_at    timestamptz,
    do_not_call    boolean NOT NULL DEFAULT false,
    summary        text,
    data           jsonb CHECK (jsonb_typeof(data) = 'object'),
    transcript_url text,
    recording_url  text,
    spoke_at       timestamptz,
    reported_at    timestamptz,
    reports        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(reports) = 'object'),
    CHECK ((next IS NOT DISTINCT FROM 'retry') = (retry_minutes IS NOT NULL)),
    CHECK (waits_until IS NULL OR waits_since IS NOT NULL AND decided_at IS NULL)
);
CREATE INDEX call_outcomes_awaited ON call_outcomes (campaign_id) WHERE waits_until IS NOT NULL;
CREATE INDEX call_outcomes_of_campaign ON call_outcomes (campaign_id, outcome) WHERE outcome IS NOT NULL;
