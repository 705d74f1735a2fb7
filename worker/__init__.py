"""campaign-dialer: the worker that runs batch outbound calling campaigns for AI voice assistants.

Once around::

    schedule ─► promote ─► admit ─► fill ─► dial ─► carrier
                                     ▲                 │ callback
                                     └──── settle ◄─ record

The layers, each knowing only those below it::

    cli        operators' commands                          dev   embedded servers (cli and tests only)
    api        HTTP: the API of operators, the callbacks of carriers
    tasks      the Celery app: steps become messages        dial_pool: the calls that wait in a worker to be placed
    wiring     settings become a Dialer                     settings, logs
    flow       the life of a contact, one step a file
    carriers   who rings the phone       slots   Redis      store   PostgreSQL, the truth
    bulkheads  how much of a process a carrier account may keep busy
    domain     the rules, pure                              clock

Read ``schema.sql`` first, then ``domain/lifecycle.py``, ``flow/fill.py``, ``flow/dial.py``,
``flow/settle.py``, ``tasks.py``; after that you know the dialer.
"""
