"""PostgreSQL, the only truth: one function a verb, no policy.

``database`` opens it and retries whole transactions, ``migrate`` brings it to the current schema, ``tables``
describes it to SQLAlchemy, ``campaigns contacts runs claims calls events counters ticks`` hold the verbs, and
``invariants`` the questions that must never have an answer.

A verb takes a connection inside a transaction of the caller's. Losing a race is a value: ``None`` or fewer
rows mean that somebody else did it.
"""
