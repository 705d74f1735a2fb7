"""campaign-dialer: the worker that runs batch outbound calling campaigns for AI voice assistants.

Once around::

    schedule ─► promote ─► admit ─► fill ─► dial ─► carrier
                                     ▲                 │ callback
                                     └───────────── receipt ─► settle, what asks for more

The layers, each knowing only those below it::

    cli         operators' commands                    dev   embedded servers (cli and tests only)
    api         HTTP: the API of operators, the callbacks of carriers
    process     the Celery app and its tasks, the settings, and how they become a Dialer
    operations  what people ask of it: campaigns, contacts, files, reports
    flow        the engine: the life of a contact, one step a file
    simulator   a carrier without telephones, a program of its own
    carriers    who rings the phone       slots   Redis      store   PostgreSQL, the truth
    bulkheads   how much of a process a carrier account may keep busy: threads, logs, clock
    domain      the rules, pure
    law         what the law of each place wants, as data

Read ``schema.sql`` first, then ``domain/lifecycle.py``, ``flow/fill.py``, ``flow/dial.py``,
``flow/receipt.py``, ``flow/settle.py``, ``process/tasks.py``; after that you know the dialer.
"""
