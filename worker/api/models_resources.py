"""The shapes of the resources for the OpenAPI document, made of their declarations; see :mod:`worker.api.models`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, create_model
from pydantic import Field as Described

from worker.api.models import Done, Page, Reach, Sent
from worker.domain.additions import PriorityContacts
from worker.domain.campaign import TEAM_ID, Windows
from worker.domain.fields import LONGEST_ID, Field, Kind
from worker.domain.frequency import MOST_CALLS, After, FrequencyRules
from worker.domain.kinds import (
    UNBOUNDED,
    Flag,
    Freeform,
    Ids,
    Instant,
    Number,
    Numbers,
    OneOf,
    State,
    Text,
    Texts,
    Whole,
)
from worker.domain.kinds import Reach as ReachKind
from worker.domain.resources import Resource
from worker.domain.variables import LONGEST_TEMPLATE, MOST_VARIABLES, Variables
from worker.domain.week_window import MOST_WINDOWS
from worker.domain.window import H_MM, H_MM_OR_24

TEAM = "Your team; the key's own team is meant anyway."
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
OWN_TEAM = Field("teamId", Text(), help=TEAM)


def without_default(schema: dict[str, Any]) -> None:
    """Say of a field that may be left out, and is not null, nothing of what Python puts in its place."""
    schema.pop("default")


class PriorityContact(BaseModel):
    """A contact to add to a campaign."""

    contactId: str = Described(min_length=1, max_length=LONGEST_ID)
    priority: int = Described(5, ge=1, le=9, description="Left out, that of all.", json_schema_extra=without_default)

    model_config = ConfigDict(extra="forbid")


class CallWindow(BaseModel):
    """A window on some days of the week."""

    days: Annotated[list[Day], Described(min_length=1, max_length=7)] = Described(
        [], description="The days on which it begins; left out, every day.", json_schema_extra=without_default
    )
    start: str = Described(pattern=f"^{H_MM}$", description="From this time of day on.")
    end: str = Described(pattern=f"^{H_MM_OR_24}$", description="Until this time of day, on the next day where it is "
                         "before the start.")  # fmt: skip

    model_config = ConfigDict(extra="forbid")


class FrequencyRule(BaseModel):
    """A cap (`calls` in so many hours or days) or a quiet time (so many hours or days `after` something): one of these,
    and its time in one way."""

    calls: int = Described(1, ge=1, le=MOST_CALLS, description="At most so many calls.",
                           json_schema_extra=without_default)  # fmt: skip
    after: After = Described(After.CONVERSATION, description="None after a person has answered, or after it was "
                             "reported that the callee wants none.", json_schema_extra=without_default)  # fmt: skip
    hours: int | None = Described(1, ge=1, description="For so long; null after a refusal: for good.",
                                  json_schema_extra=without_default)  # fmt: skip
    days: int = Described(1, ge=1, description="The same in days, kept as hours and one more.",
                          json_schema_extra=without_default)  # fmt: skip

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Models:
    """The bodies that make one and edit it, one as it is shown, and the answers with one and with a page of them."""

    new: type[BaseModel]
    edit: type[BaseModel]
    shown: type[BaseModel]
    answer: type[BaseModel]
    listing: type[BaseModel]


def models_of(resource: Resource) -> Models:
    """The models of a resource."""
    title = resource.what.title().replace(" ", "")
    clears = "; null clears one" if resource.clears_by_null else ""
    new, edit = resource.settable(is_new=True), resource.settable(is_new=False)
    one = answer(title, resource.about, resource.fields, {each.shown: each.example for each in resource.fields})
    team = () if resource.names_team else (OWN_TEAM,)
    return Models(
        body_model(f"New{title}", f"{resource.a.capitalize()} to create.",
                   (*(team or (replace(TEAM_ID, required=True),)), *new), resource.example),
        body_model(f"{title}Edit", f"The fields of {resource.a} to change{clears}.", (*team, *edit),
                   resource.edit_example, is_new=False),
        one,
        shape(f"{title}Answer", Done, f"One {resource.what}.", {resource.one: (one, Described())}),
        listing(f"{title}List", f"{resource.plural.capitalize()}, newest first.", resource.many, one),
    )  # fmt: skip


def answer(
    title: str, about: str, fields: Iterable[Field], example: Mapping[str, Any] | None = None
) -> type[BaseModel]:
    """An object of an answer."""
    return shape(title, BaseModel, about, _answers(fields), example)


def listing(title: str, about: str, name: str, one: type[BaseModel]) -> type[BaseModel]:
    """A page of them, under this name."""
    return shape(title, Page, about, {name: (GenericAlias(list, one), Described())})


def body_model(
    title: str, about: str, fields: Iterable[Field], example: Mapping[str, Any], *, is_new: bool = True
) -> type[BaseModel]:
    """The body of a request."""
    return shape(title, Sent, about, {each.name: _sent(each, is_new=is_new) for each in fields}, example)


def shape(
    title: str, base: type[BaseModel], about: str, fields: Mapping[str, Any], example: Mapping[str, Any] | None = None
) -> type[BaseModel]:
    """A model of these fields, which looks like the example."""
    config = {} if example is None else request_like(dict(example)) if base is Sent else answer_like(dict(example))
    made: type[BaseModel] = create_model(
        title, __base__=base, __doc__=about, __module__=__name__, __cls_kwargs__=dict(config), **fields
    )
    return made


def _sent(field: Field, *, is_new: bool) -> tuple[Any, Any]:
    """A field of a body. What an edit leaves out stays as it is, so it has no default."""
    kind, about = annotation(field.kind), f"{field.help} {field.more}".strip() or None
    if field.required and is_new:
        return kind, Described(description=about)
    extra = None if is_new else without_default
    return kind | None if field.may_be_null else kind, Described(
        field.default, description=about, json_schema_extra=extra
    )


def _answers(fields: Iterable[Field]) -> dict[str, Any]:
    kinds = ((each, annotation(each.kind, is_sent=False)) for each in fields)
    return {
        each.shown: (
            kind | None if each.is_ever_null else kind,
            Described(description=each.answer or each.help or None),
        )
        for each, kind in kinds
    }


def annotation(kind: Kind, *, is_sent: bool = True) -> Any:
    """The type of a value in JSON; of one ``is_sent``, with its bounds, for what we answer is within them."""
    match kind:
        case Text() if is_sent:
            most = kind.most if kind.most < UNBOUNDED else None
            return Annotated[str, Described(min_length=kind.least or None, max_length=most, pattern=kind.pattern)]
        case Text():
            return str
        case Whole(least, most) if is_sent:
            return Annotated[int, Described(ge=least, le=most)]
        case Whole():
            return int
        case Number(least=low, most=high) if is_sent:
            return Annotated[float, Described(ge=low, le=high)]
        case Number():
            return float
        case Flag():
            return bool
        case OneOf(choices):
            return Literal[choices]
        case State(states):
            return states
        case Texts(most, each):
            listed = GenericAlias(list, annotation(each, is_sent=is_sent))
            return Annotated[listed, Described(max_length=most)] if is_sent else listed
        case Ids(most) | Numbers(most):
            return Annotated[list[str], Described(min_length=1, max_length=most)] if is_sent else list[str]
        case PriorityContacts(most):
            return Annotated[list[PriorityContact], Described(min_length=1, max_length=most)]
        case Windows():
            return Annotated[list[CallWindow], Described(min_length=1, max_length=MOST_WINDOWS)]
        case FrequencyRules(most):
            return Annotated[list[FrequencyRule], Described(min_length=1, max_length=most)]
        case Variables() if is_sent:
            text = Annotated[str, Described(max_length=LONGEST_TEMPLATE)]
            return Annotated[dict[str, text], Described(max_length=MOST_VARIABLES)]
        case Freeform():
            return dict[str, Any]
        case Instant():
            return datetime
        case ReachKind():
            return Reach
        case _:
            raise TypeError(f"The API does not say what {kind} is.")


def request_like(example: dict[str, Any]) -> ConfigDict:
    """The configuration of a request body that looks like this."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


def answer_like(example: dict[str, Any]) -> ConfigDict:
    """The configuration of an object of an answer that looks like this."""
    return ConfigDict(json_schema_extra={"examples": [example]})
