"""PostgreSQL, the only truth: one function a verb, no policy.

``database`` opens it and retries whole transactions, ``migrate`` brings it to the current schema, ``tables`` describes
it to SQLAlchemy. A call's life: ``candidates`` whose turn it is, ``claims`` reserves, ``dialing`` commits, ``moves``
moves it on and ends it, ``calls`` reads what is under way, ``events`` is the inbox, ``hangups`` what is to end.
``campaigns``, which end by ``campaign_ends``, and ``runs`` are what calls belong to, ``wakes`` and ``ticks`` when
somebody looks; ``invariants`` are the questions that must never have an answer. What people keep is in ``crm``, what
they look at in ``reads``.

A verb takes a connection inside a transaction of the caller's. Losing a race is a value: ``None`` or fewer
rows mean that somebody else did it.

How the statements are written, and why:

* A batch comes as arrays that :mod:`worker.store.batches` binds by the fields of a dataclass; rows have a class each
  (:mod:`worker.store.shapes`).
* A lock is a statement of its own: the next one reads what others had committed by the time it was granted.
* Rows are locked in the order of their ids, a team's before its campaigns', those before runs'; or ``SKIP LOCKED``.
* Plans are made once and kept (:mod:`worker.store.database`), so a statement leaves no choice: ``MATERIALIZED`` where
  a list is read once, ``LATERAL … LIMIT 1`` or a scalar subquery where a row is found by its key, ``= ANY(ARRAY(…))``
  and not ``IN (SELECT …)`` where a few of many are written, ``campaign_id || ''`` where the index of another column
  is the right one.
* What is compared with the clock goes by a rule of :mod:`worker.store.instants`.
"""
