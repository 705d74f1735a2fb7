-- A network that blocks a caller ID says so in the phrase of its 603 (ATIS-1000099), which is kept with the event; and
-- why a number rests is kept with the number. What older workers write has neither.
ALTER TABLE call_events ADD COLUMN network_block boolean NOT NULL DEFAULT false;
ALTER TABLE phone_numbers ADD COLUMN resting_reason text;
