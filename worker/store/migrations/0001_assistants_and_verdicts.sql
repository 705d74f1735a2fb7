-- Adds how an assistant at Telnyx is named, the instant until which an end waits for its verdict, and the count of
-- callbacks whose signature was wrong.
ALTER TABLE assistants ADD COLUMN telnyx_assistant_id text CHECK (telnyx_assistant_id <> '');
ALTER TABLE call_events ADD COLUMN held_until timestamptz;
CREATE TABLE callback_refusals (
    carrier carrier PRIMARY KEY,
    refused bigint NOT NULL CHECK (refused > 0),
    last_at timestamptz NOT NULL
);
