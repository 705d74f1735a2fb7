-- An entry of the do-not-call list is for one purpose or, '', for all, and says where it comes from. An older worker
-- takes any entry for one of all purposes, and adds such.
ALTER TABLE do_not_call
    ADD COLUMN purpose text NOT NULL DEFAULT '',
    ADD COLUMN source text,
    ADD COLUMN evidence text,
    ADD COLUMN added_by text,
    DROP CONSTRAINT do_not_call_pkey,
    ADD PRIMARY KEY (team_id, number, purpose);

-- The list above teams. Older workers do not read it: bring all of them up to date before it is used.
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

CREATE TABLE consents (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_id     text NOT NULL REFERENCES teams,
    number      text NOT NULL CHECK (number ~ '^\+[1-9][0-9]{5,14}$'),
    purpose     text NOT NULL DEFAULT '',
    kind        text NOT NULL CHECK (kind IN ('express', 'written', 'revoked')),
    source      text,
    evidence    text,
    given_at    timestamptz NOT NULL,
    expires_at  timestamptz CHECK (expires_at > given_at),
    recorded_by text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (kind <> 'revoked' OR expires_at IS NULL)
);
CREATE INDEX consents_of_number ON consents (team_id, number, id);

-- The secret of calls' tokens, made ready for an HMAC-SHA256 in SQL: each byte crossed with the pad's, up to a block.
CREATE FUNCTION dialer_pad(secret bytea, pad integer) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_agg(set_byte('\x00'::bytea, 0, get_byte(secret || decode(repeat('00', 64), 'hex'), i) # pad), ''::bytea
                      ORDER BY i)
    FROM generate_series(0, 63) AS i
$$;
ALTER TABLE call_secret
    ADD COLUMN inner_pad bytea GENERATED ALWAYS AS (dialer_pad(secret, 54)) STORED,
    ADD COLUMN outer_pad bytea GENERATED ALWAYS AS (dialer_pad(secret, 92)) STORED;

CREATE TABLE suppressed (
    team_id    text NOT NULL REFERENCES teams,
    digest     bytea NOT NULL CHECK (length(digest) = 32),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (team_id, digest)
);

CREATE TABLE erasures (
    id           text PRIMARY KEY CHECK (id <> ''),
    team_id      text NOT NULL REFERENCES teams,
    digests      bytea[] NOT NULL,
    contact_ids  text[] NOT NULL,
    signs        jsonb CHECK (jsonb_typeof(signs) = 'object'),
    swept        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(swept) = 'object'),
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cleared_at   timestamptz,
    done_at      timestamptz,
    CHECK ((done_at IS NULL) = (signs IS NOT NULL))
);
CREATE INDEX erasures_of_team ON erasures (team_id, requested_at DESC, id DESC) WHERE id <> '';
CREATE INDEX erasures_open ON erasures (requested_at, id) WHERE done_at IS NULL;

ALTER TABLE contacts ADD COLUMN erased_at timestamptz;
