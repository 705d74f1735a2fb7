-- Every interval of machine time has its beginning beside its end, so that a clock that was set back is noticed: before
-- its beginning an interval is over. What must not end early goes by the jumps of the clock that were noticed since.
ALTER TABLE carrier_accounts ADD COLUMN rested_at timestamptz, ADD COLUMN breaker_opened_at timestamptz;
ALTER TABLE phone_numbers ADD COLUMN rested_at timestamptz;
ALTER TABLE calls ADD COLUMN checked_at timestamptz, ADD COLUMN clock_jump integer NOT NULL DEFAULT 0;

CREATE TABLE clock_jumps (
    number  integer PRIMARY KEY CHECK (number > 0),
    at      timestamptz NOT NULL,
    seconds double precision NOT NULL CHECK (seconds <> 0)
);

CREATE TABLE database_server (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint NOT NULL,
    timeline          integer NOT NULL,
    is_synchronous    boolean NOT NULL,
    failed_over_at    timestamptz,
    held_until        timestamptz,
    clock_jump        integer NOT NULL DEFAULT 0,
    CHECK (held_until IS NULL OR failed_over_at IS NOT NULL)
);

-- Which server this is: its cluster and its timeline, which is another after every failover. No row where a provider
-- does not let an ordinary role ask, and none on a standby, which has none of its own.
CREATE FUNCTION dialer_server() RETURNS TABLE (system_identifier bigint, timeline integer) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT c.system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
                 FROM pg_control_system() c;
EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported
    OR object_not_in_prerequisite_state THEN
    RETURN;
END $$;

-- What `due_at` is compared with and counted from: business time, or the latest it has been where the clock was set
-- back since. Who was due stays due, and nobody is called again sooner than his delay. Windows go by dialer_now().
-- A clock that was wrong by more than a day says nothing of what is due.
CREATE FUNCTION dialer_due_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
    SELECT greatest(dialer_now(), (
        SELECT max(coalesce((SELECT business_at + (was.at - real_at) * speed FROM clock), was.at))
        FROM clock_jumps j CROSS JOIN LATERAL (SELECT j.at - j.seconds * interval '1 second' AS at) AS was
        WHERE j.seconds < 0 AND was.at <= clock_timestamp() + interval '1 day'))
$$;
