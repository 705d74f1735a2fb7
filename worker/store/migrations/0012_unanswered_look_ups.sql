-- Since when a carrier has not answered about a call. Older code neither reads nor writes it.
ALTER TABLE calls ADD COLUMN unanswered_since timestamptz;
