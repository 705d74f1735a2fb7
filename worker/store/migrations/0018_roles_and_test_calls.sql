-- What a key may do. Keys that exist are admin, as every key was.
ALTER TABLE api_keys
    ADD COLUMN role text NOT NULL DEFAULT 'admin' CHECK (role IN ('viewer', 'operator', 'admin'));

-- A test call is the one call of a campaign that was made for it. Older workers place it as any other, and list it.
ALTER TABLE campaigns
    ADD COLUMN test_of text,
    ADD COLUMN tested_by text,
    ADD FOREIGN KEY (team_id, test_of) REFERENCES campaigns (team_id, id);
CREATE INDEX campaigns_for_tests ON campaigns (tested_by, created_at) WHERE test_of IS NOT NULL;

-- Calls that somebody wants ended. Older workers leave those that ring or talk alone; newer ones end them.
ALTER TABLE calls ADD COLUMN hang_up boolean NOT NULL DEFAULT false;
