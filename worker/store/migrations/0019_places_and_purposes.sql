-- What calls are for, and where callees are. Older workers know neither: they call by windows alone, so purposes and
-- policies are given once all workers are of this version.

ALTER TABLE teams ADD COLUMN policy jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(policy) = 'object');

ALTER TABLE contacts
    ADD COLUMN country text CHECK (country ~ '^[A-Z]{2}$'),
    ADD COLUMN region text CHECK (region <> ''),
    ADD COLUMN postal_code text CHECK (postal_code <> ''),
    ADD COLUMN timezone_confirmed boolean NOT NULL DEFAULT false,
    ADD COLUMN place text NOT NULL DEFAULT '' CHECK (length(place) <= 100);
CREATE TABLE place_tables (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  text NOT NULL CHECK (version <> ''),
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

ALTER TABLE campaigns
    ADD COLUMN purpose text CHECK (purpose <> ''),
    ADD COLUMN law text CHECK (law = 'off'),
    ADD COLUMN keys_through bigint;

ALTER TABLE campaign_zones ADD COLUMN shut_until timestamptz;

ALTER TABLE calls ADD COLUMN law jsonb CHECK (jsonb_typeof(law) = 'object');
