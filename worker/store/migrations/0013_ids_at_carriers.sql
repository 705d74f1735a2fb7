-- The fields of an assistant that only one carrier reads stand in one column, so that a carrier is added without another.
-- Code from before this reads and writes the one such column there was; it and its key are kept the same.
ALTER TABLE assistants
    ADD COLUMN carrier_ids jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(carrier_ids) = 'object');
UPDATE assistants SET carrier_ids = jsonb_build_object('telnyx_assistant_id', telnyx_assistant_id)
WHERE telnyx_assistant_id IS NOT NULL;
CREATE FUNCTION assistants_same_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.telnyx_assistant_id IS DISTINCT FROM OLD.telnyx_assistant_id THEN   -- OLD is NULL for an INSERT
        NEW.carrier_ids := (NEW.carrier_ids - 'telnyx_assistant_id')
            || jsonb_strip_nulls(jsonb_build_object('telnyx_assistant_id', NEW.telnyx_assistant_id));
    ELSE
        NEW.telnyx_assistant_id := NEW.carrier_ids ->> 'telnyx_assistant_id';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assistants_same_id BEFORE INSERT OR UPDATE ON assistants FOR EACH ROW
    EXECUTE FUNCTION assistants_same_id();
