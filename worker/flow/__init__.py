"""The life of a contact, one step a file, in the order in which it is lived.

``prepare`` makes a campaign and fills it with contacts, ``requeue`` puts those back that were given up · ``promote``
starts it when its instant comes · ``admit`` opens a run · ``fill`` takes the free slots · ``dial`` places the calls,
``results`` writes down what came of it · ``record`` keeps what the carrier says · ``answer`` tells it what to do with
a callee who answered · ``settle`` moves the calls on and ends them · ``stop`` pauses and cancels, ``hang_up`` tells
the carriers · ``finish`` completes · ``wake`` looks at sleeping campaigns · ``reap`` ends calls whose time ran out ·
``reconcile`` makes slots and live calls agree · ``tick`` does the periodic rest. ``standstill`` tells which of it
does not move, and ``readiness`` whether it could.

A step does its work against the :class:`~worker.flow.base.Dialer` it is given and returns the steps that
follow, as values; only :mod:`worker.tasks` sends them, after the commit. What waits on a carrier waits on the threads
of its account (:mod:`worker.bulkheads`); what follows from its answer goes to the dialer's ``follow_up``.
"""
