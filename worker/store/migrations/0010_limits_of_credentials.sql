-- The accounts of one set of carrier credentials share its limits: their live calls are counted account by account,
-- over all teams.
CREATE INDEX calls_live_of_account ON calls (account_id) WHERE ended_at IS NULL;
CREATE INDEX carrier_accounts_of_carrier ON carrier_accounts (carrier);
