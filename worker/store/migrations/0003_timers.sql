-- Timers sleep until the next campaign is to start, and are woken when that may be another.
CREATE FUNCTION wake_timers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY campaign_scheduled;
    RETURN NULL;
END $$;
CREATE TRIGGER campaign_scheduled AFTER INSERT OR UPDATE OF status, scheduled_start_at, deleted_at ON campaigns
    FOR EACH ROW WHEN (NEW.status = 'scheduled') EXECUTE FUNCTION wake_timers();

CREATE OR REPLACE FUNCTION dialer_set_clock(at timestamptz, per_second double precision) RETURNS timestamptz
LANGUAGE plpgsql AS $$
DECLARE
    machine timestamptz;
    was     timestamptz;
BEGIN
    LOCK TABLE clock IN EXCLUSIVE MODE;
    machine := clock_timestamp();   -- read under the lock: whoever had to wait for it is later than whom it waited for
    SELECT business_at + (machine - real_at) * speed INTO was FROM clock;
    IF was IS NOT NULL AND at < was THEN
        RAISE EXCEPTION 'business time only moves forward: % is before %', at, was USING ERRCODE = 'DL001';
    END IF;
    INSERT INTO clock (real_at, business_at, speed) VALUES (machine, at, per_second)
    ON CONFLICT (only_row) DO UPDATE SET real_at = machine, business_at = at, speed = per_second;
    NOTIFY campaign_scheduled;      -- what was far away may be near now
    RETURN at;
END $$;
