-- When campaigns call and in which order. Older code reads the bounds of a campaign with several windows a day as shut.

ALTER TABLE campaigns
    ADD COLUMN call_windows jsonb CHECK (jsonb_typeof(call_windows) = 'array'),
    ADD COLUMN scheduled_end_at timestamptz,
    ADD COLUMN start_no_later_than_minutes integer CHECK (start_no_later_than_minutes BETWEEN 1 AND 43200),
    ADD COLUMN missed_start_at timestamptz,
    ADD COLUMN keep_open boolean NOT NULL DEFAULT false,
    ADD COLUMN use_secondary_phone boolean NOT NULL DEFAULT false,
    ADD COLUMN ranks smallint[] NOT NULL DEFAULT '{5}',
    ADD COLUMN closing_at timestamptz,
    DROP CONSTRAINT campaigns_window_not_empty,
    ADD CONSTRAINT campaigns_window_not_empty CHECK (
        (call_windows IS NOT NULL) = coalesce(call_window_start = call_window_end, false));

CREATE INDEX campaigns_due_to_end ON campaigns (scheduled_end_at)
    WHERE scheduled_end_at IS NOT NULL AND status IN ('running', 'paused') AND closing_at IS NULL AND deleted_at IS NULL;
CREATE TRIGGER campaign_ends AFTER INSERT OR UPDATE OF status, scheduled_end_at, deleted_at ON campaigns
    FOR EACH ROW WHEN (NEW.status IN ('running', 'paused') AND NEW.scheduled_end_at IS NOT NULL)
    EXECUTE FUNCTION wake_timers();

-- Older code reads the waiting contacts by their zone, and goes over them all; it knows of no callback, and gives up
-- who has used his attempts.
ALTER TABLE campaign_contacts
    ADD COLUMN priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),
    ADD COLUMN rank smallint NOT NULL DEFAULT 5,
    ADD COLUMN callback_at timestamptz,
    ADD COLUMN due_before_callback timestamptz,
    ADD COLUMN callbacks_used smallint NOT NULL DEFAULT 0 CHECK (callbacks_used BETWEEN 0 AND 1),
    DROP CONSTRAINT campaign_contacts_attempts_check,
    ADD CONSTRAINT campaign_contacts_attempts_check CHECK (attempts BETWEEN 0 AND 21),
    ADD CONSTRAINT campaign_contacts_ranked CHECK (rank = CASE WHEN callback_at IS NULL THEN priority ELSE 0 END);
DROP INDEX campaign_contacts_waiting;
CREATE INDEX campaign_contacts_waiting ON campaign_contacts (campaign_id, zone, rank, due_at, id)
    WHERE status IN ('pending', 'queued');
CREATE INDEX campaign_contacts_callbacks ON campaign_contacts (campaign_id, callback_at) WHERE callback_at IS NOT NULL;

ALTER TABLE calls
    ADD COLUMN callback_at timestamptz,
    ADD COLUMN secondary text,
    ADD COLUMN is_extra boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT calls_callback_in_time CHECK (dialed_at >= callback_at),
    ADD CONSTRAINT calls_extra_is_callback CHECK (callback_at IS NOT NULL OR NOT is_extra);
