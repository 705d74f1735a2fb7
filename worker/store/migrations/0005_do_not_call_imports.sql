-- Which imports marked a contact do-not-call, so that the marks of one can be taken back.
CREATE TABLE do_not_call_imports (
    team_id    text NOT NULL REFERENCES teams,
    import_id  text NOT NULL CHECK (import_id <> ''),
    contact_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    PRIMARY KEY (import_id, contact_id)
);
CREATE INDEX do_not_call_imports_in_force ON do_not_call_imports (contact_id) WHERE ended_at IS NULL;
