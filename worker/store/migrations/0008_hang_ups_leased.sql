-- Hang-ups are leased to who asks for them, wait longer after each that failed, and come to an end; calls at a carrier
-- that are none of ours are ended by rows of their own. Older code reads and writes none of this and goes on beside it.

ALTER TABLE calls
    ADD COLUMN end_tries smallint NOT NULL DEFAULT 0,
    ADD COLUMN end_tried_at timestamptz,
    ADD COLUMN next_end_at timestamptz;

CREATE TABLE unmatched_calls (
    carrier         carrier NOT NULL,
    carrier_call_id text NOT NULL CHECK (carrier_call_id <> ''),
    token           text NOT NULL,
    account_id      text,
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    end_tries       smallint NOT NULL DEFAULT 0,
    end_tried_at    timestamptz,
    next_end_at     timestamptz,
    end_told_at     timestamptz,
    PRIMARY KEY (carrier, carrier_call_id)
);
CREATE INDEX unmatched_calls_to_end ON unmatched_calls (found_at) WHERE end_told_at IS NULL;
