"""Two dialers as the field writes them, about thirty lines each, measured beside ours (:mod:`tests.bench.beside`).

*countdown*: beat selects the due contacts of each campaign, a message calls one, a retry is a message with a
countdown. *count-then-dial*: whoever learns of an end counts the live calls, and calls the next contact if there is
room. Both use the ORM, a commit a step, and the same carrier as ours. They are what one finds, not what could be made
of the idea.

``celery -A tests.bench.baselines worker``, in the environment of a deployment and with ``BASELINE`` set to the name of
one of them, is such a dialer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial

from celery import Celery
from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.bench.carrier import Switchboard, lasting
from worker.carriers.base import CallEvent, CallRequest
from worker.domain.model import EventKind
from worker.process.settings import settings

LIVE = ("queued", "calling")


class Base(DeclarativeBase):
    pass


class Campaign(Base):
    __tablename__ = "naive_campaigns"
    id: Mapped[int] = mapped_column(primary_key=True)
    slots: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=1)


class Contact(Base):
    __tablename__ = "naive_contacts"
    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("naive_campaigns.id"), index=True)
    status: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(default=0)


class Call(Base):
    """What happened, for the judge."""

    __tablename__ = "naive_calls"
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(index=True)
    campaign_id: Mapped[int]
    began_at: Mapped[float]
    ended_at: Mapped[float | None]


chosen = settings()
engine = create_engine(chosen.database_url.get_secret_value().replace("postgresql:", "postgresql+psycopg:"))
session = partial(Session, engine)
app = Celery("baselines", broker=chosen.broker_url)
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"global_keyprefix": f"{chosen.redis_prefix}:"},
)
if os.environ.get("BASELINE") == "countdown":
    app.conf.beat_schedule = {"select": {"task": "naive.select", "schedule": 1.0}}
    app.conf.beat_max_loop_interval = 1.0


def receive(news: Sequence[CallEvent]) -> None:
    """What a web process would receive."""
    for event in news:
        if event.kind is EventKind.ENDED:
            ended.delay(int(event.token))


carrier = Switchboard(receive, lasts=lasting(os.environ["BENCH_CALL_SECONDS"]))


def live(db: Session, campaign_id: int) -> int:
    found = select(func.count()).where(Contact.campaign_id == campaign_id, Contact.status.in_(LIVE))
    return int(db.scalar(found) or 0)


@app.task(name="naive.select")
def select_due() -> None:
    """*countdown*, once a second."""
    with session() as db:
        for campaign in db.scalars(select(Campaign)).all():
            room = campaign.slots - live(db, campaign.id)
            due = select(Contact).where(Contact.campaign_id == campaign.id, Contact.status == "pending")
            for contact in db.scalars(due.order_by(Contact.id).limit(max(0, room))).all():
                contact.status = "queued"
                db.commit()
                call.apply_async((contact.id,))


@app.task(name="naive.call")
def call(contact_id: int) -> None:
    with session() as db:
        contact = db.get_one(Contact, contact_id)
        if contact.status == "completed":
            return
        contact.status, contact.attempts = "calling", contact.attempts + 1
        db.add(Call(contact_id=contact.id, campaign_id=contact.campaign_id, began_at=time.time()))
        db.commit()
        number = f"+9992{contact_id:08d}"
    carrier.place(CallRequest(str(contact_id), str(contact_id), "acct", "+99910000000", number, 30, 60, "", None))


@app.task(name="naive.ended")
def ended(contact_id: int) -> None:
    with session() as db:
        contact = db.get_one(Contact, contact_id)
        contact.status = "completed"
        mine = select(Call).where(Call.contact_id == contact_id, Call.ended_at.is_(None)).order_by(Call.id)
        for made in db.scalars(mine).all():
            made.ended_at = time.time()
        db.commit()
        if contact.attempts < db.get_one(Campaign, contact.campaign_id).attempts:
            call.apply_async((contact_id,), countdown=1)
        campaign_id = contact.campaign_id
    if os.environ["BASELINE"] == "count-then-dial":
        call_next(campaign_id)


@app.task(name="naive.call_next")
def call_next(campaign_id: int) -> None:
    """*count-then-dial*, whenever there may be room."""
    with session() as db:
        campaign = db.get_one(Campaign, campaign_id)
        while live(db, campaign_id) < campaign.slots:
            due = select(Contact).where(Contact.campaign_id == campaign_id, Contact.status == "pending")
            contact = db.scalars(due.order_by(Contact.id).limit(1)).first()
            if contact is None:
                return
            contact.status = "queued"
            db.commit()
            call.apply_async((contact.id,))
