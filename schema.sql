-- The truth of campaign-dialer. PostgreSQL 14 or later, no extension.
--
-- Read it top to bottom: time, who owns things, what can be called with and whom, the campaign, its contacts,
-- one execution of it, one call, what the carrier said, what was counted, and the housekeeping.
--
-- Four things hold everywhere:
--   * A row belongs to a team, and composite foreign keys keep it from pointing at another team's rows.
--   * Enum values stand in life order, so `<` reads "earlier in life"; each carries its legal moves.
--   * What must never happen twice is a partial unique index or a trigger here, not a habit of the code.
--   * The check of a foreign key is planned once a session, maybe while its table is small, and small indexes look all
--     alike. So an index that begins with a column of a key, and is not that key, has a predicate that is true of every
--     row (`id <> ''`, `id > 0`): only a statement that says so can use it, and a check never does, which would walk a
--     whole team or campaign for each row that is written. (tests/store/test_foreign_keys.py)
--
-- Columns ending in _at are machine time (the server's clock) unless their comment says business time,
-- which is dialer_now().

------------------------------------------------------------------------------------------------ time

-- One optional row that shifts, speeds or stops business time for every process at once (demo, tests).
CREATE TABLE clock (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    real_at     timestamptz NOT NULL,                  -- the machine instant at which ...
    business_at timestamptz NOT NULL,                  -- ... business time read this
    speed       double precision NOT NULL CHECK (speed >= 0)   -- business seconds per machine second; 0 = stopped
);

-- Business time: schedules, windows, due_at, retry delays. STABLE, so that an index condition may use it;
-- it moves between statements, never within the evaluation of one index condition.
CREATE FUNCTION dialer_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
    SELECT coalesce((SELECT business_at + (clock_timestamp() - real_at) * speed FROM clock), clock_timestamp())
$$;

-- How much shorter than said ringing and talking are (simulated carriers); 1 without a clock row.
CREATE FUNCTION dialer_speed() RETURNS double precision LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
    SELECT coalesce((SELECT nullif(speed, 0) FROM clock), 1)
$$;

-- The one way to set the clock. Business time only moves forward.
CREATE FUNCTION dialer_set_clock(at timestamptz, per_second double precision) RETURNS timestamptz
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

------------------------------------------------------------------------------------------------ who owns things

CREATE TABLE teams (
    id                   text PRIMARY KEY CHECK (id <> ''),
    slug                 text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name                 text NOT NULL CHECK (name <> ''),
    max_concurrent_calls integer NOT NULL DEFAULT 100 CHECK (max_concurrent_calls BETWEEN 1 AND 10000),
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    country              text CHECK (country ~ '^[A-Z]{2}$'),  -- of numbers without a code; NULL: of all its caller IDs
    live_from            bigint NOT NULL DEFAULT 0,    -- no call of it with a smaller seq lives; moved by its claims
    -- What holds for all its campaigns, by the API's names (worker/domain/team_policy.py): the purpose of those that
    -- name none, places by numbers, what becomes of who is at a place nobody knows.
    policy               jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policy) = 'object')
);

-- A bearer key is <prefix>_<id>_<secret>; the secret is shown once and kept only as its SHA-256.
CREATE TABLE api_keys (
    id            text PRIMARY KEY CHECK (id <> ''),
    team_id       text NOT NULL REFERENCES teams,
    name          text NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    role          text NOT NULL DEFAULT 'admin' CHECK (role IN ('viewer', 'operator', 'admin'))
);
CREATE INDEX api_keys_of_team ON api_keys (team_id);

CREATE TABLE companies (
    id         text PRIMARY KEY CHECK (id <> ''),
    team_id    text NOT NULL REFERENCES teams,
    name       text NOT NULL CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (team_id, id)
);

-- Who talks when the callee answers: a media stream, instructions the carrier fetches, or an assistant that lives
-- at the carrier.
CREATE TABLE assistants (
    id                  text PRIMARY KEY CHECK (id <> ''),
    team_id             text NOT NULL REFERENCES teams,
    name                text NOT NULL CHECK (name <> ''),
    stream_url          text,
    answer_url          text,
    telnyx_assistant_id text CHECK (telnyx_assistant_id <> ''),
    settings            jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    carrier_ids         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(carrier_ids) = 'object'),  -- what one carrier reads
    UNIQUE (team_id, id)
);

-- `telnyx_assistant_id` is for workers from before `carrier_ids`, which read and write it; the key of that name and the
-- column are the same, whoever writes which.
CREATE FUNCTION assistants_same_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.telnyx_assistant_id IS DISTINCT FROM OLD.telnyx_assistant_id THEN   -- OLD is NULL for an INSERT
        NEW.carrier_ids := (NEW.carrier_ids - 'telnyx_assistant_id')
            || jsonb_strip_nulls(jsonb_build_object('telnyx_assistant_id', NEW.telnyx_assistant_id));
    ELSE
        NEW.telnyx_assistant_id := NEW.carrier_ids ->> 'telnyx_assistant_id';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assistants_same_id BEFORE INSERT OR UPDATE ON assistants FOR EACH ROW
    EXECUTE FUNCTION assistants_same_id();

------------------------------------------------------------------------------------------------ what is called with

-- Names of carriers: which there are the code knows, and `dialer db migrate` adds here those that are new
-- (worker/store/carriers.py). Not text, for a change of type would fail the prepared statements of older workers.
CREATE TYPE carrier AS ENUM ('simulator', 'telnyx', 'twilio');

CREATE TABLE carrier_accounts (
    id                   text PRIMARY KEY CHECK (id <> ''),
    team_id              text NOT NULL REFERENCES teams,
    carrier              carrier NOT NULL,
    name                 text NOT NULL,
    max_concurrent_calls integer NOT NULL DEFAULT 100 CHECK (max_concurrent_calls BETWEEN 1 AND 10000),
    calls_per_second     double precision CHECK (calls_per_second > 0),    -- NULL: no limit
    enabled              boolean NOT NULL DEFAULT true,
    resting_until        timestamptz,                  -- backed off: no call before this
    resting_reason       text,
    recent_results       text NOT NULL DEFAULT '' CHECK (recent_results ~ '^(x[.x]*)?$'),   -- of requests; x: failed
    breaker_trips        smallint NOT NULL DEFAULT 0,  -- pauses in a row
    breaker_until        timestamptz,                  -- open before, half open from then on; NULL: closed
    breaker_probe        text,                         -- the call let through while half open
    slowed_times         smallint NOT NULL DEFAULT 0 CHECK (slowed_times BETWEEN 0 AND 10),   -- its rate is halved as often
    slowed_at            timestamptz,                  -- when last; from then on it recovers step by step
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    channels             integer CHECK (channels >= 0),   -- how many calls at once its carrier seems to allow; NULL: all
    channel_refusals     smallint NOT NULL DEFAULT 0,  -- how often in a row it has refused one more
    rested_at            timestamptz,                  -- since when it rests, and ...
    breaker_opened_at    timestamptz,                  -- ... since when it is open: before that, both are over
    UNIQUE (team_id, id),
    CHECK (breaker_probe IS NULL OR breaker_until IS NOT NULL),
    CHECK (slowed_times = 0 OR slowed_at IS NOT NULL),
    CHECK (channel_refusals = 0 OR channels IS NOT NULL)
);

CREATE INDEX carrier_accounts_of_carrier ON carrier_accounts (carrier);

CREATE TABLE phone_numbers (
    id                   text PRIMARY KEY CHECK (id <> ''),
    team_id              text NOT NULL REFERENCES teams,
    account_id           text NOT NULL,
    number               text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),     -- E.164
    max_concurrent_calls integer NOT NULL DEFAULT 10 CHECK (max_concurrent_calls BETWEEN 1 AND 1000),
    calls_per_second     double precision CHECK (calls_per_second > 0),
    enabled              boolean NOT NULL DEFAULT true,
    disabled_reason      text,
    resting_until        timestamptz,
    created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    rested_at            timestamptz,                  -- since when; before that, the rest is over
    resting_reason       text,                         -- why it rests, or rested last, for people
    UNIQUE (team_id, id),
    UNIQUE (number, team_id),
    FOREIGN KEY (team_id, account_id) REFERENCES carrier_accounts (team_id, id)
);

------------------------------------------------------------------------------------------------ who is called

-- `phone` is what the user wrote; `phone_e164` is what is dialed, NULL when it cannot be, and then
-- `phone_fault` says why. Both are computed when the row is written (worker.domain.screening), and so is `place`: where
-- the number, the zone, the country, the region and the postal code say the person may be (worker.domain.places).
CREATE TABLE contacts (
    id              text PRIMARY KEY CHECK (id <> ''),
    team_id         text NOT NULL REFERENCES teams,
    company_id      text,
    first_name      text NOT NULL DEFAULT '',
    last_name       text NOT NULL DEFAULT '',
    phone           text,
    phone_e164      text CHECK (phone_e164 ~ '^\+[1-9][0-9]{5,14}$'),
    phone_fault     text,
    phone_secondary text,                              -- dialed where a campaign says so, read then as it is written
    email           text,
    timezone        text CHECK (timezone <> ''),
    do_not_call     boolean NOT NULL DEFAULT false,
    custom_fields   jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(custom_fields) = 'object'),
    tags            text[] NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    external_id     text CHECK (length(external_id) BETWEEN 1 AND 200),   -- what another system calls them
    country         text CHECK (country ~ '^[A-Z]{2}$'),
    region          text CHECK (region <> ''),         -- a state or province of the country
    postal_code     text CHECK (postal_code <> ''),
    timezone_confirmed boolean NOT NULL DEFAULT false, -- the person is known to be in `timezone`, whatever the number says
    place           text NOT NULL DEFAULT '' CHECK (length(place) <= 100),   -- '': nothing is known of it
    erased_at       timestamptz,                       -- of the person nothing is left but the id (flow/erasure.py)
    UNIQUE (team_id, id),
    FOREIGN KEY (team_id, company_id) REFERENCES companies (team_id, id),
    CHECK (phone_e164 IS NULL OR phone_fault IS NULL)
);
CREATE UNIQUE INDEX contacts_by_external_id ON contacts (team_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX contacts_of_team ON contacts (team_id, created_at DESC, id DESC) WHERE id <> '';
CREATE INDEX contacts_changed ON contacts (team_id, updated_at, id) WHERE id <> '';   -- for who reads what has changed
CREATE INDEX contacts_by_number ON contacts (team_id, phone_e164) WHERE phone_e164 IS NOT NULL;
CREATE INDEX contacts_not_to_call ON contacts (team_id, id) WHERE do_not_call;
CREATE INDEX contacts_without_number ON contacts (team_id, id) WHERE phone_e164 IS NULL;
-- Whom an import finds by the same words, for there is no number (worker/store/crm/merging.py). It says so in a way of its
-- own, or the index above is gone through from end to end while both are small.
CREATE INDEX contacts_by_words ON contacts (md5(
    first_name || E'\x1f' || last_name || E'\x1f' || coalesce(phone, '') || E'\x1f' || coalesce(email, '')))
    WHERE coalesce(phone_e164, '') = '';

-- By which version of the tables the places of all contacts were computed last; no row: each when it was written.
CREATE TABLE place_tables (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  text NOT NULL CHECK (version <> ''),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A number that a team's campaigns do not call for a purpose or, '', for any. A campaign that states no purpose is
-- stopped by any entry (worker/store/bans.py).
CREATE TABLE do_not_call (
    team_id    text NOT NULL REFERENCES teams,
    number     text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    reason     text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    purpose    text NOT NULL DEFAULT '',
    source     text,                                   -- where it comes from: a registry, a letter, a call
    evidence   text,                                   -- what proves it, or where that is kept
    added_by   text,                                   -- the key, or whoever else
    PRIMARY KEY (team_id, number, purpose)
);

-- The same for all teams of the deployment. It has a gate of its own (worker/store/gate.py).
CREATE TABLE do_not_call_everywhere (
    number     text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    purpose    text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    source     text,
    evidence   text,
    added_by   text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (number, purpose)
);

-- Who may be called for what, as they said; and that they said so no more. Rows are only added. A consent counts from
-- `given_at` until it expires, or until a later revocation of its purpose or of all (worker/store/consents.py).
CREATE TABLE consents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id     text NOT NULL REFERENCES teams,
    number      text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    purpose     text NOT NULL DEFAULT '',              -- '': all
    kind        text NOT NULL CHECK (kind IN ('express', 'written', 'revoked')),
    source      text,
    evidence    text,
    given_at    timestamptz NOT NULL,                  -- business time; of a revocation: from when on
    expires_at  timestamptz CHECK (expires_at > given_at),   -- business time
    recorded_by text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (kind <> 'revoked' OR expires_at IS NULL)
);
CREATE INDEX consents_of_number ON consents (team_id, number, id);

-- Numbers of those who were erased, as HMAC under the secret of calls (call_secret): they are still refused.
CREATE TABLE suppressed (
    team_id    text NOT NULL REFERENCES teams,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (team_id, digest)
);

-- Requests that a person be erased. `signs` is what the person is found by, until it is done; `swept` how far what is
-- looked through from end to end has come.
CREATE TABLE erasures (
    id           text PRIMARY KEY CHECK (id <> ''),
    team_id      text NOT NULL REFERENCES teams,
    digests      bytea[] NOT NULL,
    contact_ids  text[] NOT NULL,
    signs        jsonb CHECK (jsonb_typeof(signs) = 'object'),
    swept        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(swept) = 'object'),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cleared_at   timestamptz,                          -- no call to the person was live; what has their key is erased
    done_at      timestamptz,
    CHECK ((done_at IS NULL) = (signs IS NOT NULL))
);
CREATE INDEX erasures_of_team ON erasures (team_id, requested_at DESC, id DESC) WHERE id <> '';
CREATE INDEX erasures_open ON erasures (requested_at, id) WHERE done_at IS NULL;

-- Which imports marked a contact do-not-call: a mark in force is the import's, and can be taken back with it. Of a
-- contact somebody has marked himself there is none in force. (Contacts are never deleted, and written beside these.)
CREATE TABLE do_not_call_imports (
    team_id    text NOT NULL REFERENCES teams,
    import_id  text NOT NULL CHECK (import_id <> ''),
    contact_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,                            -- taken back, or set again by somebody
    PRIMARY KEY (import_id, contact_id)
);
CREATE INDEX do_not_call_imports_in_force ON do_not_call_imports (contact_id) WHERE ended_at IS NULL;

------------------------------------------------------------------------------------------------ the campaign

CREATE TYPE campaign_status AS ENUM (
    'draft',      -- → scheduled (schedule) | running (run) | cancelled
    'scheduled',  -- → running (its instant comes, or run) | draft (unschedule) | cancelled
    'running',    -- → paused (pause, budget used up, account stopped) | completed | cancelled
    'paused',     -- → running (resume, run) | completed (its end comes, or by hand) | cancelled
    'completed',  -- → running (run, only if contacts are waiting)
    'cancelled'   -- final
);

CREATE TABLE campaigns (
    id                       text PRIMARY KEY CHECK (id <> ''),
    team_id                  text NOT NULL REFERENCES teams,
    assistant_id             text NOT NULL,
    company_id               text NOT NULL,
    name                     text NOT NULL CHECK (name <> ''),
    description              text,
    status                   campaign_status NOT NULL DEFAULT 'draft',
    scheduled_start_at       timestamptz,              -- business time
    call_window_start        text CHECK (call_window_start ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
    call_window_end          text CHECK (call_window_end ~ '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$'),
    call_window_timezone     text CHECK (call_window_timezone <> ''),
    max_concurrent_calls     integer NOT NULL DEFAULT 3 CHECK (max_concurrent_calls BETWEEN 1 AND 1000),
    max_attempts_per_contact integer NOT NULL DEFAULT 3 CHECK (max_attempts_per_contact BETWEEN 1 AND 20),
    retry_delay_minutes      integer NOT NULL DEFAULT 60 CHECK (retry_delay_minutes BETWEEN 0 AND 43200),
    settings                 jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    policy_version           integer NOT NULL DEFAULT 1,   -- one up on each edit of window, limits, numbers, settings
    run_id                   text,                     -- the newest run; it governs
    next_wake_at             timestamptz,              -- business time; when the tick must look again; NULL: never
    filled_at                timestamptz NOT NULL DEFAULT 'epoch',   -- or had its turn; who had it longest ago goes first
    short_of_slots           boolean NOT NULL DEFAULT false,   -- a shared slot was missing at the last fill
    pause_reason             text,
    hang_up                  boolean NOT NULL DEFAULT false,   -- cancelled with its live calls
    stopped_at               timestamptz,              -- the latest pause or cancel
    created_at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at             timestamptz,
    deleted_at               timestamptz,
    variables                jsonb CHECK (jsonb_typeof(variables) = 'object'),   -- templates by name, for its assistant
    outcomes                 jsonb CHECK (jsonb_typeof(outcomes) = 'object'),    -- what its assistant's words mean
    -- Several windows a day, by weekday; both bounds above are the same then, which older workers read as shut.
    call_windows             jsonb CHECK (jsonb_typeof(call_windows) = 'array'),
    scheduled_end_at         timestamptz,              -- business time; nothing is dialed from then on
    start_no_later_than_minutes integer CHECK (start_no_later_than_minutes BETWEEN 1 AND 43200),
    missed_start_at          timestamptz,              -- business time; when it was to start, and did not
    keep_open                boolean NOT NULL DEFAULT false,   -- completes by hand, or at its end, and not by itself
    use_secondary_phone      boolean NOT NULL DEFAULT false,   -- every other attempt goes to the contact's second number
    -- The ranks that occur among its contacts, so that a claim need not search for them. Never shrinks.
    ranks                    smallint[] NOT NULL DEFAULT '{5}',
    closing_at               timestamptz,              -- since when who waits reads as cancelled; it completes after its calls
    test_of                  text,                     -- made for one test call of that campaign; listed nowhere
    tested_by                text,                     -- who asked for it
    purpose                  text CHECK (purpose <> ''),       -- what its calls are for; the rules of that bind
    law                      text CHECK (law = 'off'),         -- 'off': no rules bind, whatever its purpose and its team's
    keys_through             bigint,                   -- of its contacts those after this id may wait under a key that it
                                                       -- went by before (campaign_contacts.zone); NULL: none does
    -- Caps and quiet times of its own, beside those of its team and of the law (worker/domain/frequency.py).
    frequency                jsonb CHECK (jsonb_typeof(frequency) = 'array'),
    UNIQUE (team_id, id),
    FOREIGN KEY (team_id, test_of) REFERENCES campaigns (team_id, id),
    FOREIGN KEY (team_id, assistant_id) REFERENCES assistants (team_id, id),
    FOREIGN KEY (team_id, company_id) REFERENCES companies (team_id, id),
    CONSTRAINT campaigns_window_whole CHECK (
        num_nonnulls(call_window_start, call_window_end, call_window_timezone) IN (0, 3)),
    CONSTRAINT campaigns_window_not_empty CHECK (
        (call_windows IS NOT NULL) = coalesce(call_window_start = call_window_end, false)),
    CONSTRAINT campaigns_scheduled_has_instant CHECK (status <> 'scheduled' OR scheduled_start_at IS NOT NULL),
    CONSTRAINT campaigns_running_has_run CHECK (
        status <> 'running' OR (run_id IS NOT NULL AND next_wake_at IS NOT NULL)),
    CONSTRAINT campaigns_deleted_is_not_running CHECK (deleted_at IS NULL OR status <> 'running'),
    CONSTRAINT campaigns_stopped_has_instant CHECK (status NOT IN ('paused', 'cancelled') OR stopped_at IS NOT NULL),
    CONSTRAINT campaigns_paused_has_reason CHECK ((status = 'paused') = (pause_reason IS NOT NULL)),
    CONSTRAINT campaigns_completed_has_instant CHECK (status <> 'completed' OR completed_at IS NOT NULL)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX campaigns_of_team ON campaigns (team_id, created_at DESC, id DESC) WHERE id <> '';
CREATE INDEX campaigns_due_to_start ON campaigns (scheduled_start_at)
    WHERE status = 'scheduled' AND deleted_at IS NULL;
CREATE INDEX campaigns_due_to_end ON campaigns (scheduled_end_at)
    WHERE scheduled_end_at IS NOT NULL AND status IN ('running', 'paused') AND closing_at IS NULL AND deleted_at IS NULL;
CREATE INDEX campaigns_due_to_wake ON campaigns (next_wake_at) WHERE next_wake_at IS NOT NULL;
CREATE INDEX campaigns_for_tests ON campaigns (tested_by, created_at) WHERE test_of IS NOT NULL;
CREATE INDEX campaigns_short_of_slots ON campaigns (team_id) WHERE short_of_slots AND status = 'running';

-- Wakes the timers (worker/process/timer.py), which sleep until the next campaign is to start or to end: this may be an
-- earlier one.
CREATE FUNCTION wake_timers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY campaign_scheduled;
    RETURN NULL;
END $$;
CREATE TRIGGER campaign_scheduled AFTER INSERT OR UPDATE OF status, scheduled_start_at, deleted_at ON campaigns
    FOR EACH ROW WHEN (NEW.status = 'scheduled') EXECUTE FUNCTION wake_timers();
CREATE TRIGGER campaign_ends AFTER INSERT OR UPDATE OF status, scheduled_end_at, deleted_at ON campaigns
    FOR EACH ROW WHEN (NEW.status IN ('running', 'paused') AND NEW.scheduled_end_at IS NOT NULL)
    EXECUTE FUNCTION wake_timers();

-- The caller IDs of a campaign, rotated by longest unused.
CREATE TABLE campaign_numbers (
    team_id     text NOT NULL,
    campaign_id text NOT NULL,
    number_id   text NOT NULL,
    position    integer NOT NULL CHECK (position >= 0),   -- 0 is the page's from_number
    used_at     timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (campaign_id, number_id),
    UNIQUE (campaign_id, position),
    FOREIGN KEY (team_id, campaign_id) REFERENCES campaigns (team_id, id),
    FOREIGN KEY (team_id, number_id) REFERENCES phone_numbers (team_id, id)
) WITH (fillfactor = 70);

------------------------------------------------------------------------------------------------ a contact in it

CREATE TYPE contact_status AS ENUM (
    'pending',    -- waiting, never called     → calling | skipped | cancelled
    'queued',     -- waiting again             → calling | skipped | cancelled
    'calling',    -- one live call             → completed | exhausted | failed | queued (retry or put back) | skipped
    'completed',  -- answered                  final, but for one who asked to be called back → queued
    'exhausted',  -- attempts used             final, but for one put back by hand who has attempts left, or who asked to
                  --                           be called back → queued
    'failed',     -- can never be reached      final, but for one put back by hand or mended when a run opens, or whose
    --                           calls a network blocked → queued
    'skipped',    -- may not be called         final, but for one who may be called again when a run opens → queued
    'cancelled'   -- its campaign was          final
);

-- Narrow, because millions of rows turn over: the number is the contact's, not copied here.
-- `zone` is what decides by whose clock and by which rules the contact is called: its own time zone, '' for the
-- campaign's, or its place where the campaign goes by places (worker/store/places.py). `due_at` (business time) is the
-- earliest instant of the next attempt and nothing else: windows and rules are applied when a contact is claimed and
-- dialed.
CREATE TABLE campaign_contacts (
    id                 bigint GENERATED ALWAYS AS IDENTITY,
    team_id            text NOT NULL,
    campaign_id        text NOT NULL,
    contact_id         text NOT NULL,
    zone               text NOT NULL DEFAULT '',
    status             contact_status NOT NULL DEFAULT 'pending',
    due_at             timestamptz NOT NULL,
    attempts           smallint NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 21),   -- one callback beyond the most
    technical_failures smallint NOT NULL DEFAULT 0,
    rejections         smallint NOT NULL DEFAULT 0,
    invalid_results    smallint NOT NULL DEFAULT 0,
    called             boolean NOT NULL DEFAULT false,   -- a call was accepted by, or may have reached, the carrier
    answered           boolean NOT NULL DEFAULT false,
    reason             text,                           -- why skipped or failed
    last_number_id     text,                           -- the caller ID of the latest attempt
    added_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    priority           smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 9),   -- 1 is called first
    rank               smallint NOT NULL DEFAULT 5,    -- of those who are due the lowest is called first: a callback's is 0
    callback_at        timestamptz,                    -- business time; when it asked to be called, until it is
    due_before_callback timestamptz,                   -- business time; what due_at was before; NULL: it did not wait
    callbacks_used     smallint NOT NULL DEFAULT 0 CHECK (callbacks_used BETWEEN 0 AND 1),   -- calls beyond the most
    PRIMARY KEY (contact_id, campaign_id),
    FOREIGN KEY (team_id, campaign_id) REFERENCES campaigns (team_id, id),
    FOREIGN KEY (team_id, contact_id) REFERENCES contacts (team_id, id),
    CHECK (status NOT IN ('skipped', 'failed') OR reason IS NOT NULL),
    CHECK (status <> 'completed' OR answered),
    CONSTRAINT campaign_contacts_ranked CHECK (rank = CASE WHEN callback_at IS NULL THEN priority ELSE 0 END)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX campaign_contacts_in_order ON campaign_contacts (campaign_id, id) WHERE id > 0;
-- The one index the claim runs over; closed zones cost nothing because the zone stands before the instant, and ranks
-- nothing, for each is looked at by itself.
CREATE INDEX campaign_contacts_waiting ON campaign_contacts (campaign_id, zone, rank, due_at, id)
    WHERE status IN ('pending', 'queued');
CREATE INDEX campaign_contacts_callbacks ON campaign_contacts (campaign_id, callback_at) WHERE callback_at IS NOT NULL;
-- Who has had as many calls as may be, and waits for the next one.
CREATE INDEX campaign_contacts_capped ON campaign_contacts (campaign_id, due_at)
    WHERE reason = 'frequency' AND status IN ('pending', 'queued');
-- Those a run cannot call, for its errors.
CREATE INDEX campaign_contacts_out_of_reach ON campaign_contacts (campaign_id, id)
    WHERE status = 'skipped' OR (status = 'failed' AND NOT called);

-- The zones that occur among a campaign's contacts, so that a claim need not search for them. Never shrinks.
CREATE TABLE campaign_zones (
    campaign_id text NOT NULL REFERENCES campaigns,
    zone        text NOT NULL,
    shut_until  timestamptz,                           -- business time; until then nobody in it may be called
    PRIMARY KEY (campaign_id, zone)
);

------------------------------------------------------------------------------------------------ a run

CREATE TYPE run_state AS ENUM (
    'open',   -- governs its campaign → ended (a newer run opened, budget used up, campaign completed or cancelled)
    'ended'   -- final
);

CREATE TABLE runs (
    id          text PRIMARY KEY CHECK (id <> ''),
    team_id     text NOT NULL,
    campaign_id text NOT NULL,
    state       run_state NOT NULL DEFAULT 'open',
    opened_by   text NOT NULL CHECK (opened_by IN ('api', 'cli', 'task', 'schedule', 'resume')),
    max_calls   integer CHECK (max_calls > 0),         -- NULL: no cap
    calls_used  integer NOT NULL DEFAULT 0 CHECK (calls_used >= 0),   -- reserved, less those that never left
    opened_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at    timestamptz,
    end_reason  text,
    UNIQUE (campaign_id, id),
    FOREIGN KEY (team_id, campaign_id) REFERENCES campaigns (team_id, id),
    CONSTRAINT runs_within_budget CHECK (max_calls IS NULL OR calls_used <= max_calls),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX runs_one_open ON runs (campaign_id) WHERE state = 'open';
CREATE INDEX runs_of_campaign ON runs (campaign_id, opened_at DESC, id DESC) WHERE id <> '';

ALTER TABLE campaigns ADD FOREIGN KEY (id, run_id) REFERENCES runs (campaign_id, id);

------------------------------------------------------------------------------------------------ a call

CREATE TYPE call_state AS ENUM (
    'reserved',     -- a slot and a contact are taken           → dialing | ended (released: not_sent)
    'dialing',      -- the request may leave; written ahead     → unknown | placed | ringing | in_progress | ended
    'unknown',      -- it may have left, no answer is known     → placed | ringing | in_progress | ended
    'placed',       -- the carrier accepted it                  → ringing | in_progress | ended
    'ringing',      -- the phone rings                          → in_progress | ended
    'in_progress',  -- somebody or something answered           → ended
    'ended'         -- final; carries its disposition
);

CREATE TYPE disposition AS ENUM (
    'answered', 'machine', 'no_answer', 'busy', 'rejected', 'invalid_number', 'failed', 'canceled',
    'lost',      -- nothing known at its provable end
    'not_sent'   -- provably never left; counts for nothing
);

-- Calls in the order in which they were reserved. A team's claims take turns, so of two calls of a team the one that
-- was committed later has the greater number, whatever any clock says.
CREATE SEQUENCE calls_seq;

-- One attempt to reach one contact; rings at most once. Live until ended_at is set, which is what every
-- "is it live" asks (and not the state, so that moving on does not touch an index).
CREATE TABLE calls (
    id               text PRIMARY KEY CHECK (id <> ''),
    team_id          text NOT NULL,
    campaign_id      text NOT NULL,
    run_id           text NOT NULL,
    contact_id       text NOT NULL,
    number_id        text NOT NULL,
    account_id       text NOT NULL,
    token            text NOT NULL CHECK (token ~ '^[0-9a-f]{32}$'),   -- comes back in the callback's address
    from_number      text NOT NULL,
    to_number        text NOT NULL,
    zone             text NOT NULL,
    state            call_state NOT NULL DEFAULT 'reserved',
    attempt          smallint,                         -- numbered when dialing is committed
    called_before    boolean,                          -- the contact's `called` before this call
    rang             boolean NOT NULL DEFAULT false,
    carrier_call_id  text,
    disposition      disposition,
    cause            text,                             -- the carrier's code, or ours, for how it ended
    claim_limits     integer[] NOT NULL,               -- team, campaign, number, account, and shared credentials if any
    valid_until      timestamptz,                      -- business time; the last moment to commit dialing
    dialed_at        timestamptz,                      -- business time of that commit
    max_attempts     smallint,                         -- as read then
    reserved_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    rung_at          timestamptz,                      -- when a message for it was last sent again
    dialing_at       timestamptz,
    placed_at        timestamptz,
    ringing_at       timestamptz,
    answered_at      timestamptz,
    ended_at         timestamptz,
    provable_end_at  timestamptz,                      -- by then it has ended, whatever anyone says
    next_check_at    timestamptz,                      -- when to ask the carrier
    misses           smallint NOT NULL DEFAULT 0,      -- look-ups that did not show it
    end_requested_at timestamptz,
    end_told_at      timestamptz,                      -- the carrier took the request
    machine_verdict  text,
    late_evidence_at timestamptz,                      -- the carrier spoke of it as alive after it had ended
    end_tries        smallint NOT NULL DEFAULT 0,      -- requests to end it
    end_tried_at     timestamptz,                      -- when last somebody took it to ask for its end ...
    next_end_at      timestamptz,                      -- ... and when the next may
    checked_at       timestamptz,                      -- since when it waits to be asked about
    clock_jump       integer NOT NULL DEFAULT 0,       -- the newest jump of the clock known when dialing was committed
    seq              bigint DEFAULT nextval('calls_seq'),
    unanswered_since timestamptz,                      -- asked about, and no answer since
    callback_at      timestamptz,                      -- business time; when its callee asked to be called, if he did
    secondary        text,                             -- the contact's second number as written, where that is dialed
    is_extra         boolean NOT NULL DEFAULT false,   -- beyond the campaign's most attempts, for it is a callback
    hang_up          boolean NOT NULL DEFAULT false,   -- somebody wants it ended, also while it rings or talks
    law              jsonb CHECK (jsonb_typeof(law) = 'object'),   -- where rules bind: those that let it be placed
    frequency        jsonb CHECK (jsonb_typeof(frequency) = 'array'),   -- the caps and quiet times it was committed under
    FOREIGN KEY (team_id, campaign_id) REFERENCES campaigns (team_id, id),
    FOREIGN KEY (contact_id, campaign_id) REFERENCES campaign_contacts (contact_id, campaign_id),
    FOREIGN KEY (campaign_id, run_id) REFERENCES runs (campaign_id, id),
    FOREIGN KEY (team_id, number_id) REFERENCES phone_numbers (team_id, id),
    FOREIGN KEY (team_id, account_id) REFERENCES carrier_accounts (team_id, id),
    CONSTRAINT calls_ended_whole CHECK (
        (state = 'ended') = (ended_at IS NOT NULL) AND (state = 'ended') = (disposition IS NOT NULL)),
    CONSTRAINT calls_dialing_has_bound CHECK (
        state = 'reserved' OR disposition IS NOT DISTINCT FROM 'not_sent'
        OR num_nulls(attempt, dialing_at, dialed_at, valid_until, provable_end_at, max_attempts) = 0),
    CONSTRAINT calls_within_attempts CHECK (attempt <= max_attempts),
    CONSTRAINT calls_dialed_in_time CHECK (dialed_at < valid_until),
    CONSTRAINT calls_callback_in_time CHECK (dialed_at >= callback_at),
    CONSTRAINT calls_extra_is_callback CHECK (callback_at IS NOT NULL OR NOT is_extra)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
CREATE UNIQUE INDEX calls_by_token ON calls (token);
-- The invariant one_live_call_per_contact, for the contact and for the number.
CREATE UNIQUE INDEX calls_one_live_per_contact ON calls (team_id, contact_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX calls_one_live_per_number ON calls (to_number, team_id) WHERE ended_at IS NULL;  
CREATE INDEX calls_live_of_account ON calls (account_id) WHERE ended_at IS NULL;
-- What a claim counts, from the team's live_from on: rows of ended calls that cannot be cleared away, because somebody
-- holds an old snapshot, are not read over again and again. Said in a way of its own (see the top), or another index
-- over live calls is taken.
CREATE INDEX calls_live_of_team ON calls (team_id, seq) WHERE coalesce(ended_at, 'infinity') = 'infinity';
CREATE INDEX calls_live_of_campaign ON calls (campaign_id) WHERE ended_at IS NULL;
CREATE INDEX calls_of_contact ON calls (contact_id, campaign_id);   -- asked for each contact taken out of a campaign
-- The calls of a campaign, and those of a team as they are read (worker/store/reads/calls.py), newest first: all, those
-- to a number, those that ended in a way; and, for who reads what has changed, in the order in which they ended. None of
-- these has a column that a call changes before its end, so that moving on touches no index. Every entry is written with
-- each call: so the lists of a team have none of those that live, which are few and found as such.
CREATE INDEX calls_of_campaign_in_time ON calls (campaign_id, reserved_at DESC, id DESC) WHERE id <> '';
CREATE INDEX calls_of_team ON calls (team_id, reserved_at DESC, id DESC) WHERE ended_at IS NOT NULL;
CREATE INDEX calls_to_number ON calls (team_id, to_number, reserved_at DESC, id DESC) WHERE ended_at IS NOT NULL;
CREATE INDEX calls_by_disposition ON calls (team_id, disposition, reserved_at DESC, id DESC)
    WHERE disposition IS NOT NULL;
CREATE INDEX calls_ended ON calls (team_id, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX calls_late_evidence ON calls (late_evidence_at) WHERE late_evidence_at IS NOT NULL;

-- The invariant counters_add_up, first half: an ended call neither reopens nor ends differently, and no call moves back.
CREATE FUNCTION calls_only_move_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'call % may not move from %/% to %/%', OLD.id, OLD.state, OLD.disposition, NEW.state, NEW.disposition
        USING ERRCODE = 'DL002';
END $$;
CREATE TRIGGER calls_only_move_forward BEFORE UPDATE ON calls FOR EACH ROW
    WHEN (NEW.state < OLD.state OR (OLD.ended_at IS NOT NULL
          AND (NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.disposition IS DISTINCT FROM OLD.disposition)))
    EXECUTE FUNCTION calls_only_move_forward();

-- How often each number was called by a team: what caps and quiet times are decided by, whatever campaign calls. Written
-- by the trigger below, hence by any code whatever that moves a call. A row changes where it lies (HOT): no index has
-- more than its key. All instants are business time. No foreign key: the calls have theirs, and every call writes here.
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

-- The secret of calls' tokens, made ready for an HMAC-SHA256 in SQL: each byte crossed with the pad's, up to a block.
CREATE FUNCTION dialer_pad(secret bytea, pad integer) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_agg(set_byte('\x00'::bytea, 0, get_byte(secret || decode(repeat('00', 64), 'hex'), i) # pad), ''::bytea
                      ORDER BY i)
    FROM generate_series(0, 63) AS i
$$;

-- What the tokens of calls are derived from (worker/domain/call_token.py), and what erased numbers are known by: made
-- here, known to nobody else.
CREATE TABLE call_secret (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    secret    bytea NOT NULL CHECK (length(secret) = 32),
    inner_pad bytea GENERATED ALWAYS AS (dialer_pad(secret, 54)) STORED,
    outer_pad bytea GENERATED ALWAYS AS (dialer_pad(secret, 92)) STORED
);
INSERT INTO call_secret (secret)
SELECT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'));

-- What came of a conversation, as the assistant reported it; beside the calls, which are narrow and many. A row is there
-- from the report on, or from the end of an answered call of a campaign with `outcomes`: its contact, which stays
-- `calling`, waits for the word until `waits_until`. Whoever ends the wait sets `decided_at`. It goes with its call.
CREATE TABLE call_outcomes (
    call_id        text PRIMARY KEY,
    campaign_id    text NOT NULL,
    waits_since    timestamptz,
    waits_until    timestamptz,                        -- NULL: nobody waits
    decided_at     timestamptz,                        -- the contact's next state was set, by the word or without one
    outcome        text,                               -- the latest word
    next           text CHECK (next IN ('done', 'retry', 'never')),   -- of the word that decides; NULL: none does
    retry_minutes  integer CHECK (retry_minutes BETWEEN 0 AND 43200),
    callback_at    timestamptz,                        -- business time; when the callee wants to be called again
    do_not_call    boolean NOT NULL DEFAULT false,
    summary        text,
    data           jsonb CHECK (jsonb_typeof(data) = 'object'),
    transcript_url text,
    recording_url  text,
    spoke_at       timestamptz,                        -- the assistant's clock
    reported_at    timestamptz,
    reports        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(reports) = 'object'),   -- answers by digest of a report
    CHECK ((next IS NOT DISTINCT FROM 'retry') = (retry_minutes IS NOT NULL)),
    CHECK (waits_until IS NULL OR waits_since IS NOT NULL AND decided_at IS NULL)
);
CREATE INDEX call_outcomes_awaited ON call_outcomes (campaign_id) WHERE waits_until IS NOT NULL;
CREATE INDEX call_outcomes_of_campaign ON call_outcomes (campaign_id, outcome) WHERE outcome IS NOT NULL;

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

------------------------------------------------------------------------------------------------ what the carrier said

-- The durable inbox: a callback is answered only after its row is committed. A token that is nobody's is
-- kept too. `outcome` says in a word what settling did with it; NULL while it waits. An end whose verdict on who
-- answered is still to come is left alone until `held_until`.
--
-- `carrier` is the one whose key verified it. A token proves nothing, for it stands in an address: news of another
-- carrier than the call's, or of another account there, is written down as `foreign` and never waits; its `event_id`
-- begins with that word, so that it cannot stand in the way of true news. What is kept of such news and of nobody's
-- is bounded in number, and what was received (`raw`) in size and age (worker/store/retention.py).
CREATE TABLE call_events (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier         carrier NOT NULL,
    token           text NOT NULL,
    event_id        text NOT NULL,
    carrier_call_id text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('queued', 'ringing', 'answered', 'machine', 'ended')),
    disposition     disposition,
    sip_code        integer,
    verdict         text,
    occurred_at     timestamptz,                       -- the carrier's clock
    raw             jsonb NOT NULL DEFAULT '{}',
    received_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    held_until      timestamptz,
    outcome         text,
    in_doubt        boolean NOT NULL DEFAULT false,    -- ringing: the carrier only said that it began to dial
    network_block   boolean NOT NULL DEFAULT false,    -- ended: it said that a network blocked the caller ID
    UNIQUE (token, event_id),
    CHECK ((kind = 'ended') = (disposition IS NOT NULL))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX call_events_waiting ON call_events (id) WHERE outcome IS NULL;
-- A call is found by its carrier's id for it through its news: in an index of calls that id would be touched when the
-- carrier accepts the call.
CREATE INDEX call_events_by_carrier_id ON call_events (carrier_call_id) WHERE kind IN ('ringing', 'ended');
CREATE INDEX call_events_ignored ON call_events (carrier, outcome, id) WHERE outcome IN ('unknown_token', 'foreign');

-- How much of such news is no longer kept, and since when there is any.
CREATE TABLE news_dropped (
    carrier carrier NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('unknown_token', 'foreign')),
    dropped bigint NOT NULL CHECK (dropped > 0),
    since   timestamptz NOT NULL,
    PRIMARY KEY (carrier, outcome)
);

-- Up to which event `raw` was cleared for its age.
CREATE TABLE news_cleared (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    through_id bigint NOT NULL
);

-- Callbacks whose signature was wrong, by carrier: a wrong secret on our side looks like an attack, and the other
-- way round, so an operator has to see that there were any.
-- Calls alive at a carrier that none of ours stands for: a second one under a call's token, and one that was answered
-- under a token nobody knows. They are hung up, as calls of ours are that are to end.
CREATE TABLE unmatched_calls (
    carrier         carrier NOT NULL,
    carrier_call_id text NOT NULL CHECK (carrier_call_id <> ''),
    token           text NOT NULL,
    account_id      text,                              -- of the call whose token it bears
    found_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    end_tries       smallint NOT NULL DEFAULT 0,
    end_tried_at    timestamptz,
    next_end_at     timestamptz,
    end_told_at     timestamptz,
    PRIMARY KEY (carrier, carrier_call_id)
);
CREATE INDEX unmatched_calls_to_end ON unmatched_calls (found_at) WHERE end_told_at IS NULL;

CREATE TABLE callback_refusals (
    carrier carrier PRIMARY KEY,
    refused bigint NOT NULL CHECK (refused > 0),
    last_at timestamptz NOT NULL
);

------------------------------------------------------------------------------------------------ what was counted

-- Counters are totals plus the deltas not yet rolled up; nobody updates a hot row. Two kinds of delta:
-- contacts that changed status (written by the trigger below, hence by any code whatever), and calls that
-- ended (one a call: counters_add_up, second half).
CREATE TABLE counter_deltas (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_id text NOT NULL,
    call_id     text UNIQUE,
    disposition disposition,
    total integer NOT NULL DEFAULT 0, pending integer NOT NULL DEFAULT 0, queued integer NOT NULL DEFAULT 0,
    calling integer NOT NULL DEFAULT 0, completed integer NOT NULL DEFAULT 0, exhausted integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0, skipped integer NOT NULL DEFAULT 0, cancelled integer NOT NULL DEFAULT 0,
    called integer NOT NULL DEFAULT 0, answered integer NOT NULL DEFAULT 0, finished integer NOT NULL DEFAULT 0,
    CHECK ((call_id IS NULL) = (disposition IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX counter_deltas_of_campaign ON counter_deltas (campaign_id);

-- `called` is the page's contacts_called, `answered` its contacts_answered, `finished` its contacts_completed.
CREATE TABLE campaign_totals (
    campaign_id text PRIMARY KEY REFERENCES campaigns,
    total integer NOT NULL DEFAULT 0, pending integer NOT NULL DEFAULT 0, queued integer NOT NULL DEFAULT 0,
    calling integer NOT NULL DEFAULT 0, completed integer NOT NULL DEFAULT 0, exhausted integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0, skipped integer NOT NULL DEFAULT 0, cancelled integer NOT NULL DEFAULT 0,
    called integer NOT NULL DEFAULT 0, answered integer NOT NULL DEFAULT 0, finished integer NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE disposition_totals (
    campaign_id text NOT NULL REFERENCES campaigns,
    disposition disposition NOT NULL,
    calls       integer NOT NULL,
    PRIMARY KEY (campaign_id, disposition)
) WITH (fillfactor = 50);

CREATE FUNCTION count_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO counter_deltas (campaign_id, total, pending, queued, calling, completed, exhausted, failed,
                                    skipped, cancelled, called, answered, finished)
        SELECT campaign_id, sum(n), sum(n * (status = 'pending')::int), sum(n * (status = 'queued')::int),
               sum(n * (status = 'calling')::int), sum(n * (status = 'completed')::int),
               sum(n * (status = 'exhausted')::int), sum(n * (status = 'failed')::int),
               sum(n * (status = 'skipped')::int), sum(n * (status = 'cancelled')::int),
               sum(n * called::int), sum(n * answered::int),
               sum(n * (called AND status >= 'completed')::int)
        FROM (SELECT *, 1 AS n FROM new_rows) AS moved
        GROUP BY campaign_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO counter_deltas (campaign_id, total, pending, queued, calling, completed, exhausted, failed,
                                    skipped, cancelled, called, answered, finished)
        SELECT campaign_id, sum(n), sum(n * (status = 'pending')::int), sum(n * (status = 'queued')::int),
               sum(n * (status = 'calling')::int), sum(n * (status = 'completed')::int),
               sum(n * (status = 'exhausted')::int), sum(n * (status = 'failed')::int),
               sum(n * (status = 'skipped')::int), sum(n * (status = 'cancelled')::int),
               sum(n * called::int), sum(n * answered::int),
               sum(n * (called AND status >= 'completed')::int)
        FROM (SELECT *, -1 AS n FROM old_rows) AS moved
        GROUP BY campaign_id;
    ELSE
        INSERT INTO counter_deltas (campaign_id, total, pending, queued, calling, completed, exhausted, failed,
                                    skipped, cancelled, called, answered, finished)
        SELECT campaign_id, sum(n), sum(n * (status = 'pending')::int), sum(n * (status = 'queued')::int),
               sum(n * (status = 'calling')::int), sum(n * (status = 'completed')::int),
               sum(n * (status = 'exhausted')::int), sum(n * (status = 'failed')::int),
               sum(n * (status = 'skipped')::int), sum(n * (status = 'cancelled')::int),
               sum(n * called::int), sum(n * answered::int),
               sum(n * (called AND status >= 'completed')::int)
        FROM (SELECT *, 1 AS n FROM new_rows UNION ALL SELECT *, -1 FROM old_rows) AS moved
        GROUP BY campaign_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_added AFTER INSERT ON campaign_contacts
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_contacts();
CREATE TRIGGER count_moved AFTER UPDATE ON campaign_contacts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_contacts();
CREATE TRIGGER count_removed AFTER DELETE ON campaign_contacts
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_contacts();

------------------------------------------------------------------------------------------------ housekeeping

-- Which periodic work was last done when, so that any number of beats makes it happen once.
CREATE TABLE ticks (
    name    text PRIMARY KEY,
    last_at timestamptz NOT NULL
);

-- When the clock of this server was found to have jumped, and by how much (forward: more than 0). What may not end
-- early by such a jump adds those it has lived through; see worker/store/clock_jumps.py.
CREATE TABLE clock_jumps (
    number  integer PRIMARY KEY CHECK (number > 0),    -- counted up without gaps, under a lock
    at      timestamptz NOT NULL,                      -- the clock after the jump, when it was noticed
    seconds double precision NOT NULL CHECK (seconds <> 0)
);

-- What `due_at` is compared with and counted from: business time, or the latest it has been where the clock was set
-- back since. Who was due stays due, and nobody is called again sooner than his delay. Windows go by dialer_now().
-- A clock that was wrong by more than a day says nothing of what is due.
CREATE FUNCTION dialer_due_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL RESTRICTED AS $$
    SELECT greatest(dialer_now(), (
        SELECT max(coalesce((SELECT business_at + (was.at - real_at) * speed FROM clock), was.at))
        FROM clock_jumps j CROSS JOIN LATERAL (SELECT j.at - j.seconds * interval '1 second' AS at) AS was
        WHERE j.seconds < 0 AND was.at <= clock_timestamp() + interval '1 day'))
$$;

-- The server that workers have last found here, and whether it had its commits confirmed by a standby. Another one is
-- a failover: what the last one committed may be lost, and nothing is dialed until calls of then have provably ended.
CREATE TABLE database_server (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    system_identifier bigint NOT NULL,
    timeline          integer NOT NULL,
    is_synchronous    boolean NOT NULL,
    failed_over_at    timestamptz,                     -- when this one was first found in the place of another
    held_until        timestamptz,                     -- NULL: nothing is held back, or not any more
    clock_jump        integer NOT NULL DEFAULT 0,      -- the newest jump of the clock known then
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

-- The generation of the slots in Redis that is good; anything else there is to be rebuilt.
CREATE TABLE slot_generation (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation bigint NOT NULL
);
INSERT INTO slot_generation (generation) VALUES (1);

-- One POST of a client that may send it again. The answer commits with the work it answers for, where the work
-- is one transaction; where it is several, each notes that there was work, or how far it has come. `taken_at` says
-- which request holds the key, and keeps one that was given up from committing after all.
CREATE TABLE idempotency_keys (
    team_id      text NOT NULL REFERENCES teams,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    method       text NOT NULL,
    path         text NOT NULL,
    body_sha256  bytea NOT NULL CHECK (length(body_sha256) = 32),
    taken_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    worked_at    timestamptz,                          -- work was committed; NULL: the key is free after a minute
    status       integer,                              -- NULL while the first request is running
    response     text,                                 -- the body of the first answer
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    progress     jsonb,                                -- how far work in batches has come; it is taken up from there
    heard_at     timestamptz,                          -- when such work, which may take long, was last at it
    PRIMARY KEY (team_id, key),
    CHECK ((status IS NULL) = (response IS NULL))
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE TABLE audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id    text REFERENCES teams,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text NOT NULL,
    action     text NOT NULL,
    subject_id text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_of_subject ON audit_log (subject_id, id DESC);
