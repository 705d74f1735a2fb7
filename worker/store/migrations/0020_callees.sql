-- How often numbers were called: caps and quiet times across the campaigns of a team. The trigger counts the calls of
-- older workers as well, which keep none of the caps: these are given once all workers are of this version.

ALTER TABLE campaigns ADD COLUMN frequency jsonb CHECK (jsonb_typeof(frequency) = 'array');
ALTER TABLE calls ADD COLUMN frequency jsonb CHECK (jsonb_typeof(frequency) = 'array');
CREATE INDEX campaign_contacts_capped ON campaign_contacts (campaign_id, due_at)
    WHERE reason = 'frequency' AND status IN ('pending', 'queued');

CREATE TABLE callees (
    team_id      text NOT NULL,
    number       text NOT NULL,
    recent       timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(recent) <= 32),   -- commits of dialing, of the
                                                       -- calls that count, newest first; none is older than 32 days
    conversed_at timestamptz,                          -- the end of the latest call that a person answered
    refused_at   timestamptz,                          -- when the callee was last reported not to want calls
    PRIMARY KEY (team_id, number)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- A call counts from the commit of dialing on, unless it provably rang nobody: what never left, and what was cancelled
-- before it rang, is taken out again, and put back where a ring is reported late. Then the row is locked first, and
-- what counts is read again behind the lock.
CREATE FUNCTION call_counts(disposition disposition, rang boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT disposition IS NULL OR disposition <> 'not_sent' AND (disposition <> 'canceled' OR rang)
$$;
CREATE FUNCTION note_callee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR OLD.dialed_at IS NULL THEN
        INSERT INTO callees AS e (team_id, number, recent)
        SELECT NEW.team_id, NEW.to_number, ARRAY[NEW.dialed_at] WHERE call_counts(NEW.disposition, NEW.rang)
        ON CONFLICT (team_id, number) DO UPDATE
        SET recent = ARRAY(SELECT at FROM unnest(NEW.dialed_at || e.recent) AS r (at)
                           WHERE at > NEW.dialed_at - interval '32 days' ORDER BY at DESC LIMIT 32);
    ELSIF NEW.disposition = 'answered' THEN
        UPDATE callees SET conversed_at = greatest(conversed_at, dialer_now())
        WHERE team_id = NEW.team_id AND number = NEW.to_number;
    ELSE
        PERFORM FROM callees WHERE team_id = NEW.team_id AND number = NEW.to_number FOR NO KEY UPDATE;
        UPDATE callees
        SET recent = ARRAY(SELECT k.dialed_at FROM calls k
                           WHERE k.team_id = NEW.team_id AND k.to_number = NEW.to_number
                             AND (k.ended_at IS NOT NULL OR k.ended_at IS NULL)   -- or no index has both
                             AND k.dialed_at > dialer_now() - interval '32 days' AND call_counts(k.disposition, k.rang)
                           ORDER BY k.dialed_at DESC LIMIT 32)
        WHERE team_id = NEW.team_id AND number = NEW.to_number;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER callee_called AFTER INSERT ON calls FOR EACH ROW
    WHEN (NEW.dialed_at IS NOT NULL) EXECUTE FUNCTION note_callee();
CREATE TRIGGER callee_moved AFTER UPDATE ON calls FOR EACH ROW
    WHEN (NEW.dialed_at IS NOT NULL
          AND (OLD.dialed_at IS NULL
               OR OLD.disposition IS NULL AND NEW.disposition IN ('answered', 'not_sent', 'canceled')
               OR NEW.disposition = 'canceled' AND NEW.rang AND NOT OLD.rang))
    EXECUTE FUNCTION note_callee();

-- What was called in the days before.
INSERT INTO callees (team_id, number, recent, conversed_at)
SELECT team_id, to_number,
       coalesce((array_agg(dialed_at ORDER BY dialed_at DESC) FILTER (WHERE call_counts(disposition, rang)))[1:32], '{}'),
       max(dialed_at + (ended_at - dialing_at) * dialer_speed()) FILTER (WHERE disposition = 'answered')
FROM calls WHERE dialed_at > dialer_now() - interval '32 days'
GROUP BY team_id, to_number;
