"""What a campaign is made of besides contacts: a team, a company, an assistant, numbers, the account they are called
with. Each is a :class:`Resource`, declared once: from its fields come the check of a body, the OpenAPI document, the
answers, the columns that are read and the options of the command line. To give one a field, add its column
(``schema.sql``, a migration, ``store/tables.py``) and declare it here.

The bounds here and the CHECKs of the schema are held against each other by a test.

What is derived is derived in one place for each side: ``fields`` and ``kinds`` check a body, ``api/resources`` and
``api/models_resources`` make routes and shapes, ``cli/resources`` options and commands, ``operations/resources`` and
``store/crm/records`` carry them out. What stays explicit reads worse derived:

* the rules of contacts and campaigns (``contact``, ``campaign``): fields that depend on each other, on the status and
  on what is stored; a declaration of these would be a language of its own, read by nobody else;
* the kinds (``kinds``), one class each: what may be written, what it becomes, and the sentence that refuses it;
* the answers of verbs (``api/models_contacts``, ``api/models_campaigns``, ``answers``): nested, each of another shape,
  written as what is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from worker.domain import ids
from worker.domain.fields import Field, Kind, Setting, read_fields, wrong
from worker.domain.kinds import (
    Country,
    Flag,
    Freeform,
    Id,
    Instant,
    Number,
    Number164,
    Numbers,
    OneOf,
    Slug,
    Text,
    Url,
    Whole,
)
from worker.domain.roles import Role
from worker.domain.team_policy import POLICY
from worker.law.words import PURPOSES

SLOWEST, FASTEST = 0.01, 1000.0
"""Calls per second that may be asked for."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing that a team has rows of in a ``table``.

    ``what`` and ``plural`` are its name in sentences (``carrier account``), in answers and paths; ``noun`` and
    ``nouns`` the short one of operations and commands, where it has one (``account``). ``fields`` stand in the order of
    an answer. ``about`` says what one is, ``on_create`` and ``on_edit`` what people should know, in the API's names.
    ``new_example`` is the body of a request, where that is not made of the fields' examples, ``edit_example`` a change.
    Where requests must name the team, ``names_team`` is true. On the command line ``role`` says what they are for, and
    ``listed`` what a list of them shows, by heading: a field, or the first of several that says something.
    """

    what: str
    plural: str
    table: str
    prefix: str
    about: str
    fields: tuple[Field, ...]
    noun: str = ""
    nouns: str = ""
    on_create: str = ""
    on_edit: str = ""
    new_example: Mapping[str, Any] = field(default_factory=dict)
    edit_example: Mapping[str, Any] = field(default_factory=dict)
    names_team: bool = False
    role: str = ""
    listed: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    _new: tuple[Field, ...] = field(init=False, repr=False)
    _edit: tuple[Field, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sent = tuple(each for each in self.fields if each.when is not Setting.NEVER)
        object.__setattr__(self, "_new", sent)
        object.__setattr__(self, "_edit", tuple(each for each in sent if each.when is not Setting.ONCE))
        object.__setattr__(self, "noun", self.noun or self.what)
        object.__setattr__(self, "nouns", self.nouns or self.plural)

    @property
    def a(self) -> str:
        """``a company``, ``an assistant``."""
        return f"an {self.what}" if self.what[0] in "aeiou" else f"a {self.what}"

    @property
    def one(self) -> str:
        """What one is called in an answer: ``carrier_account``."""
        return self.what.replace(" ", "_")

    @property
    def many(self) -> str:
        """What a list of them is called in an answer: ``carrier_accounts``."""
        return self.plural.replace(" ", "_")

    @property
    def path(self) -> str:
        """What they are called in a path: ``carrier-accounts``."""
        return self.plural.replace(" ", "-")

    @property
    def example(self) -> Mapping[str, Any]:
        """The body of a request that makes one."""
        return self.new_example or {
            each.name: each.example for each in self._new if each.example not in (None, each.default)
        }

    @property
    def columns(self) -> list[str]:
        """The columns that are read to show one."""
        return list(dict.fromkeys(each.column for each in self.fields))

    def settable(self, *, is_new: bool) -> tuple[Field, ...]:
        """The fields a client may set when it makes one, or of one there is."""
        return self._new if is_new else self._edit

    @property
    def clears_by_null(self) -> bool:
        """Whether an edit may say ``null`` of any field."""
        return any(each.may_be_null for each in self.settable(is_new=False))

    def read(
        self, body: object, *, is_new: bool = True, path: str = "", kinds: Mapping[str, Kind] | None = None
    ) -> dict[str, Any]:
        """The fields of a body, by column. ``kinds`` stand in for those that depend on more than the declaration.
        Raises :class:`Invalid` with every fault."""
        fields = with_kinds(self.settable(is_new=is_new), kinds or {})
        return read_fields(body, fields, path=path, is_new=is_new, also=("teamId",))


def with_kinds(fields: Sequence[Field], kinds: Mapping[str, Kind]) -> list[Field]:
    """The fields, those named in ``kinds`` of another kind."""
    return [replace(each, kind=kinds[each.name]) if each.name in kinds else each for each in fields]


def shown(name: str, kind: Kind, **more: Any) -> Field:
    """A field that is only shown."""
    return Field(name, kind, when=Setting.NEVER, **more)


def owned(prefix: str) -> Iterator[Field]:
    """The id every thing has, and whose it is."""
    yield shown("id", Id(), nullable=False, example=f"{prefix}_01j...")
    yield shown("team_id", Id(), nullable=False, example="team_01j...")


COUNT = Whole(0, 2**31 - 1)
"""How many there are."""
CREATED_AT = shown("created_at", Instant(), nullable=False, example="2024-01-10T09:00:00Z")


@dataclass(frozen=True, slots=True)
class Carrier(Text):
    """One of the carriers that are ``there``; of one that could be, ``set_up_by`` these settings, it is said what is
    missing."""

    there: Collection[str] = ()
    set_up_by: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, value: object, path: str) -> str:
        carrier = OneOf(tuple(sorted({*self.there, *self.set_up_by})))(value, path)
        if carrier not in self.there:
            needs = f"set {self.set_up_by[carrier]} for every process and start them again"
            now = f"; until then there is {', '.join(sorted(self.there))}" if self.there else ""
            raise wrong(path, f"This deployment cannot call through {carrier} yet: {needs}{now}.")
        return carrier


NAME = Field("name", Text(200, least=1), required=True, help="What people call it.")
RATE = Field("callsPerSecond", Number(SLOWEST, FASTEST), help="How fast calls start; null: no limit.")


def limit(most: int, default: int) -> Field:
    """How many calls at once."""
    return Field("maxConcurrentCalls", Whole(1, most), nullable=False, default=default, help="Simultaneous calls.",
                 example=default)  # fmt: skip


def enabled(help: str) -> Field:
    """Whether it is used at all."""
    return Field("enabled", Flag(), nullable=False, default=True, help=help, switch="--enabled/--disabled",
                 example=True)  # fmt: skip


COMPANY = Resource(
    "company", "companies", "companies", ids.COMPANY, "Whom campaigns call for.",
    (*owned(ids.COMPANY), replace(NAME, example="Example Company"), CREATED_AT),
    edit_example={"name": "Example Company"},
    role="whom campaigns call for", listed={"id": "id", "name": "name"},
)  # fmt: skip

ASSISTANT = Resource(
    "assistant", "assistants", "assistants", ids.ASSISTANT, "Who talks when a callee answers.",
    (
        *owned(ids.ASSISTANT),
        replace(NAME, example="Ann"),
        Field("streamUrl", Url(schemes=("wss", "ws")), help="Where the carrier streams the call's audio to: ws(s)://…",
              example="wss://voice.example.com/stream"),
        Field("answerUrl", Url(schemes=("https", "http")), help="Where the carrier asks what to do: http(s)://…"),
        Field("settings", Freeform(), default={}, help="Kept and returned as given.", example={}),
        CREATED_AT,
    ),
    edit_example={"streamUrl": "wss://voice.example.com/stream"},
    role="who talks when somebody answers",
    listed={"id": "id", "name": "name", "talks by": ("stream_url", "answer_url")},
)  # fmt: skip

ACCOUNT = Resource(
    "carrier account", "carrier accounts", "carrier_accounts", ids.ACCOUNT, "An account with a carrier.",
    (
        *owned(ids.ACCOUNT),
        Field("carrier", Carrier(), required=True, when=Setting.ONCE, example="simulator",
              help="A carrier this deployment can call with, such as simulator."),
        replace(NAME, example="Simulator"),
        limit(10_000, default=100),
        RATE,
        enabled("Whether calls go through it at all."),
        shown("resting_until", Instant(), help="It is backed off, and places no call before this."),
        shown("resting_reason", Text()),
        shown("breaker_open", Flag(), column="breaker_until", nullable=False, present=lambda until: until is not None,
              help="It failed too often; after `resting_until` a single call tries it.", example=False),
        CREATED_AT,
    ),
    noun="account", nouns="accounts",
    on_create="Without `callsPerSecond` it makes one call a second, as carriers allow at first, and the simulator any "
    "number; null asks for no limit.",
    on_edit="A limit that is lowered cuts no live call. Disabled, no further call is placed through it, whatever has "
    "been prepared.",
    edit_example={"maxConcurrentCalls": 50},
    role="through whom calls are placed",
    listed={"id": "id", "carrier": "carrier", "name": "name", "calls": "max_concurrent_calls",
            "a second": "calls_per_second", "enabled": "enabled", "resting until": "resting_until"},
)  # fmt: skip

NUMBER = Resource(
    "phone number", "phone numbers", "phone_numbers", ids.NUMBER, "A number that campaigns show to those they call.",
    (
        *owned(ids.NUMBER),
        Field("carrierAccountId", Id(), column="account_id", required=True, when=Setting.ONCE,
              help="The account calls are placed through.", example="acct_01j..."),
        Field("number", Number164(), required=True, when=Setting.ONCE, answer="In E.164.",
              help="With its country code, such as +12025550123.", example="+12025550123"),
        limit(1000, default=10),
        RATE,
        enabled("Whether it is shown at all."),
        shown("disabled_reason", Text(), help="Why the dialer took it out of rotation, if it did."),
        shown("resting_until", Instant(), help="It is shown to nobody before this."),
        shown("resting_reason", Text(), help="Why it rests, or rested last."),
        CREATED_AT,
    ),
    noun="number", nouns="numbers",
    on_edit="The number and its account are for life. A limit that is lowered cuts no live call. Disabled, the number "
    "is shown in no further call, whatever has been prepared.",
    edit_example={"maxConcurrentCalls": 5},
    role="the caller IDs campaigns rotate over",
    listed={"id": "id", "number": "number", "calls": "max_concurrent_calls", "a second": "calls_per_second",
            "enabled": "enabled", "why not": ("disabled_reason", "resting_until")},
)  # fmt: skip

TEAM = Resource(
    "team", "teams", "teams", ids.TEAM, "Who owns everything else.",
    (
        shown("id", Id(), nullable=False, example="team_01j..."),
        Field("slug", Slug(), required=True, when=Setting.ONCE, help="Small letters, digits and hyphens; for life.",
              example="my-team"),
        replace(NAME, example="My team"),
        replace(limit(10_000, default=100), help="Simultaneous calls of all its campaigns."),
        Field("country", Country(), help="Where numbers without a country code belong, such as US. Left out, the "
              "country of all its caller IDs."),
        *POLICY,
        CREATED_AT,
    ),
    edit_example={"maxConcurrentCalls": 50},
)  # fmt: skip
KEY_FIELDS = (
    NAME,
    Field("role", OneOf(tuple(each.value for each in Role)), default=Role.ADMIN.value, example="operator",
          help="viewer: it reads. operator: it runs campaigns, too. admin: and it decides on accounts, numbers, limits "
          "and keys."),
)  # fmt: skip
"""A bearer key."""
PLAIN = (COMPANY, ASSISTANT, NUMBER, ACCOUNT)
"""The resources whose routes, models, views and commands all follow from their declarations: add one here."""
PURPOSE = Field(
    "purpose",
    OneOf(PURPOSES),
    default="",
    example="telemarketing",
    help="For calls of this purpose alone; left out, for all.",
)
PROOF = (
    Field("source", Text(200, least=1), example="web form", help="Where it comes from."),
    Field("evidence", Text(2000, least=1), help="What proves it, or where that is kept.", example="letter of 3 May"),
)
BAN = (
    Field("numbers", Numbers(), required=True, help="Each with its country code, or of the team's country, or as the "
          "`phone` of a contact is shown.", example=["+12025550123"]),
    Field("reason", Text(200), default="", example="asked by mail"),
    PURPOSE,
    *PROOF,
)  # fmt: skip


def parse_number(body: object, *, is_new: bool = True, region: str | None = None) -> dict[str, Any]:
    """A caller ID's fields by column. The number and its account are for life: calls and their records carry
    both. ``region`` is where a number without a country code belongs."""
    changes = NUMBER.read(body, is_new=is_new, kinds={"number": Number164(region=region)})
    if changes.get("enabled"):
        changes["disabled_reason"] = None
    return changes


def parse_account(
    body: object, carriers: Collection[str], set_up_by: Mapping[str, str], first_rates: Mapping[str, float | None]
) -> dict[str, Any]:
    """A new carrier account's fields by column. ``carriers`` are those this deployment can call with; those there could
    be are ``set_up_by`` these settings. Without a ``callsPerSecond`` the account has its carrier's first rate."""
    account = ACCOUNT.read(body, kinds={"carrier": Carrier(there=carriers, set_up_by=set_up_by)})
    account.setdefault("calls_per_second", first_rates.get(account["carrier"]))
    return account


def parse_team(body: object, *, is_new: bool = True) -> dict[str, Any]:
    """A team's fields by column. Its slug is for life: it stands in the requests of the team's clients."""
    return read_fields(body, TEAM.settable(is_new=is_new), is_new=is_new)


def parse_key(name: object, role: object) -> tuple[str, Role]:
    """What a bearer key is for, and what it may do: everything, unless it is said."""
    read = read_fields({"role": role} | ({} if name is None else {"name": name}), KEY_FIELDS)
    return read["name"], Role(read["role"])


def parse_ban(
    body: object, *, region: str | None = None, known: Mapping[str, Sequence[str]] | None = None
) -> tuple[list[str], dict[str, Any]]:
    """Numbers for the do-not-call list, in E.164, each once (see :class:`Numbers`); and the other fields, by column."""
    numbers = Numbers(region=region, known=known or {})
    read = read_fields(body, with_kinds(BAN, {"numbers": numbers}), also=("teamId",))
    return read.pop("numbers"), read
