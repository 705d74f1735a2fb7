"""The engine: the life of a contact, one step a file.

``promote`` starts a campaign when its instant comes · ``admit`` opens a run · ``fill`` takes the free slots, by a
``plan`` that it makes and a ``claim`` that decides · ``dial`` places the calls, by a ``call_request`` each, ``results``
writes down what came of it · ``record`` keeps what the carrier says · ``answer`` tells it what to do with a callee who
answered · ``settle`` moves the calls on and ends them (``ending``), the ``breaker`` judges their accounts · ``stop``
pauses and cancels, ``hang_up`` tells the carriers · ``finish`` completes · ``wake`` looks at sleeping campaigns ·
``reap`` ends calls whose time ran out · ``reconcile`` makes slots and live calls agree · ``tick`` does the periodic
rest. What people ask of it is in :mod:`worker.operations`.

A step does its work against the :class:`~worker.flow.base.Dialer` it is given and returns the steps that follow, as
values; only :mod:`worker.process.tasks` sends them, after the commit. What waits on a carrier waits on the threads of
its account (:mod:`worker.bulkheads`); what follows from its answer goes to the dialer's ``follow_up``.
"""
