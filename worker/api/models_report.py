"""The shape of a campaign's report, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from worker.api.models import Done, Reach
from worker.domain.model import CampaignStatus, Disposition


class HourOfCalls(BaseModel):
    """Calls that were dialed in an hour, by how they ended."""

    at: datetime = Field(description="When the hour began.")
    calls: dict[Disposition, int]


class AttemptOfCalls(BaseModel):
    """Which attempt at their contacts calls were, and how many were answered."""

    attempt: int
    calls: int
    answered: int


class Weekdays(BaseModel):
    """Calls by weekday (Monday first) and hour (0 first) on the callee's clock."""

    calls: list[list[int]]
    answered: list[list[int]]


class SlotsInUse(BaseModel):
    """The most calls at once in a stretch of time, and how many were allowed."""

    start: datetime = Field(alias="from")
    to: datetime
    peak: int
    limit: int


class FirstWords(BaseModel):
    """How soon the assistant spoke, in answered calls of which its reports say so (`spokeAt`)."""

    reported: int
    late: int = Field(description="Of these, those in which it spoke later than 2 s after the answer.")


class Report(BaseModel):
    """A campaign's calls by several measures."""

    campaign_id: str
    status: CampaignStatus
    as_of: datetime
    timezone: str = Field(description="The zone of the campaign; UTC where it has none.")
    total_contacts: int
    reach: Reach
    calls: dict[Disposition, int] = Field(description="Calls that were dialed and have ended, by disposition.")
    hours: list[HourOfCalls]
    attempts: list[AttemptOfCalls]
    weekdays: Weekdays
    first_words: FirstWords
    slots: list[SlotsInUse]


class ReportAnswer(Done):
    """A campaign's report."""

    report: Report
