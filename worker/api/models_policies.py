"""The shapes of the rules of calling, for the OpenAPI document."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from worker.api.models import Done


class PurposeOfCalls(BaseModel):
    """What a call may be for."""

    name: str = Field(examples=["telemarketing"])
    meaning: str


class RuleOfCalling(BaseModel):
    """What the law of one place wants of calls."""

    id: str = Field(examples=["us.fl.hours"])
    place: str = Field(examples=["US-FL"])
    title: str
    wants: str = Field(description="In words: hours by the clock of the called party, caps, consent.")
    applies: str = Field(description="To which calls.")
    binding: bool = Field(description="Whether it is kept; what does not bind warns.")
    evidence: Literal["primary", "quoted", "secondary"] = Field(description="How well it is proven.")
    since: date | None
    until: date | None = Field(description="The first day on which it holds no more.")
    checked: date
    source: str
    sources: list[str]


class Policies(Done):
    """The rules of calling, by place."""

    version: str
    purposes: list[PurposeOfCalls]
    rules: list[RuleOfCalling]
