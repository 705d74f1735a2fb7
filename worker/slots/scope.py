"""What a slot is a slot in: the four scopes of a call, and what their keys are called."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The kinds of scopes, in the order in which every script and every lock takes them."""

    TEAM = "team"
    CAMPAIGN = "campaign"
    NUMBER = "number"
    ACCOUNT = "account"


class Scope(NamedTuple):
    """One thing that can carry only so many calls at once: a team, campaign, number or account."""

    kind: Kind
    id: str


class Credentials(NamedTuple):
    """Those of a carrier, of which several accounts call: paced as one. There are no slots of it, for the claim, which
    counts the calls themselves, needs no help to refuse what is seldom requested."""

    carrier: str

    @property
    def kind(self) -> str:
        return "credentials"

    @property
    def id(self) -> str:
        return self.carrier


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """One call and where it needs a slot. The same value requests slots, gives them back, and shows a
    rebuild or a reconciliation that the call is live."""

    call_id: str
    team_id: str
    campaign_id: str
    number_id: str
    account_id: str

    @property
    def scopes(self) -> tuple[Scope, Scope, Scope, Scope]:
        """The four scopes, in the order of :class:`Kind`."""
        return (
            Scope(Kind.TEAM, self.team_id),
            Scope(Kind.CAMPAIGN, self.campaign_id),
            Scope(Kind.NUMBER, self.number_id),
            Scope(Kind.ACCOUNT, self.account_id),
        )
