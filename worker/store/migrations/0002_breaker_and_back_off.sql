-- What an account's latest requests came to, the breaker, and how far its rate is halved.
ALTER TABLE carrier_accounts
    ADD COLUMN recent_results text NOT NULL DEFAULT '' CHECK (recent_results ~ '^(x[.x]*)?$'),
    ADD COLUMN breaker_trips smallint NOT NULL DEFAULT 0,
    ADD COLUMN breaker_until timestamptz,
    ADD COLUMN breaker_probe text,
    ADD COLUMN slowed_times smallint NOT NULL DEFAULT 0 CHECK (slowed_times BETWEEN 0 AND 10),
    ADD COLUMN slowed_at timestamptz,
    ADD CHECK (breaker_probe IS NULL OR breaker_until IS NOT NULL),
    ADD CHECK (slowed_times = 0 OR slowed_at IS NOT NULL);
