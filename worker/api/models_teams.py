"""The shapes of teams and keys, for the OpenAPI document."""

from __future__ import annotations

from pydantic import Field

from worker.api.models import Done
from worker.api.models_resources import OWN_TEAM, answer, body_model, listing, models_of, shape
from worker.domain.answers import KEY
from worker.domain.resources import KEY_FIELDS, TEAM

TEAM_MODELS = models_of(TEAM)
KEY_MODEL = answer("Key", "A bearer key, without what it is known by.", KEY)
KeyList = listing("KeyList", "Keys, newest first.", "keys", KEY_MODEL)
KeyAnswer = shape("KeyAnswer", Done, "One key.", {"key": (KEY_MODEL, Field())})
NewKey = body_model("NewKey", "A key to make.", (OWN_TEAM, *KEY_FIELDS), {"name": "dashboard", "role": "viewer"})
NewKeyAnswer = shape(
    "NewKeyAnswer",
    KeyAnswer,
    "A key that was made.",
    {"token": (str | None, Field(description="What a bearer sends; shown once, and null where this is said again."))},
)
