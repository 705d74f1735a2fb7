-- Every index of calls is written to with each call, and again with its end. What is read of a campaign is read in the
-- order in which its calls were reserved, and the lists of a team take those that live from where these are found.
DROP INDEX calls_of_campaign, calls_of_team, calls_to_number;
CREATE INDEX calls_of_team ON calls (team_id, reserved_at DESC, id DESC) WHERE ended_at IS NOT NULL;
CREATE INDEX calls_to_number ON calls (team_id, to_number, reserved_at DESC, id DESC) WHERE ended_at IS NOT NULL;
