-- Where a team's numbers without a country code belong; NULL: where all its caller IDs do.
ALTER TABLE teams ADD COLUMN country text CHECK (country ~ '^[A-Z]{2}$');
