-- News that is of no call of its carrier can be found, counted and dropped without going through all news.
CREATE INDEX call_events_ignored ON call_events (carrier, outcome, id) WHERE outcome IN ('unknown_token', 'foreign');

CREATE TABLE news_dropped (
    carrier carrier NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('unknown_token', 'foreign')),
    dropped bigint NOT NULL CHECK (dropped > 0),
    since   timestamptz NOT NULL,
    PRIMARY KEY (carrier, outcome)
);

CREATE TABLE news_cleared (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    through_id bigint NOT NULL
);
