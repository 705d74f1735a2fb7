-- How many calls at once a carrier seems to allow an account, and how often in a row it has said that these are too
-- many: rows, because several workers must go by the same. And whether a ringing is only that a carrier began to dial.
ALTER TABLE carrier_accounts
    ADD COLUMN channels integer CHECK (channels >= 0),
    ADD COLUMN channel_refusals smallint NOT NULL DEFAULT 0,
    ADD CHECK (channel_refusals = 0 OR channels IS NOT NULL);
ALTER TABLE call_events ADD COLUMN in_doubt boolean NOT NULL DEFAULT false;
