"""The engine: the life of a contact, one step a file.

``promote`` starts a campaign when its instant comes, and ends it · ``admit`` opens a run · ``fill`` takes the free
slots, by a ``plan`` that it makes and a ``claim`` that decides · ``dial`` places the calls, by a ``call_request`` each,
``results`` writes down what came of it · ``receipt`` settles what the carrier reports when it comes, where that is a
move and no more, ``record`` keeps it for later · ``answer`` instructs it what to do with a callee who answered ·
``settle`` drains what was kept: both ``follow`` the news and end the calls (``ending``), the ``breaker`` goes by how
they fared · ``outcomes`` takes what assistants report of them, and ends the wait for what they do not ·
``callbacks`` puts a contact back at the instant it asked for · ``stop`` pauses and cancels, ``hang_up`` has the
carriers end calls · ``close`` ends at an instant or by hand · ``finish`` completes · ``wake`` looks at sleeping
campaigns · ``reap`` ends calls whose time ran out · ``reconcile`` makes slots and live calls agree ·
``erasure`` leaves nothing of a person · ``tick`` does the periodic rest. What people ask of it is in
:mod:`worker.operations`.

A step does its work against the :class:`~worker.flow.base.Dialer` it is given and returns the steps that follow, as
values; only :mod:`worker.process.tasks` sends them, after the commit. What waits on a carrier waits on the threads of
its account (:mod:`worker.bulkheads`); what follows from its answer goes to the dialer's ``follow_up``.

A process may die anywhere. At each of these places a test kills one (:mod:`worker.crashpoint`), and nobody is called
twice at any: rows say what is to be done, so whoever comes next does it.

======================== ============================================ ==============================================
a crash at               leaves behind                                is found again by
======================== ============================================ ==============================================
run.after_message        a message asks for a run, none is open       the broker, which delivers the message again
promote.after_commit     a campaign runs, nothing is dialed           tick: ``wake``
admit.after_commit       the same, its run opened by hand             tick: ``wake``
wake.after_take          campaigns taken, nobody looks at them        tick: they are free again after 5 s
fill.after_slots         slots without a call                         ``reconcile`` drops them after the grace
fill.after_commit        calls ``reserved``, in hand of the dead      tick: ``redispatch``, or releases them
(the same, committed)    calls ``dialing`` that never left            ``reap``: look-up, or their provable end
dial.before_commit       the same, a thread had them in hand          tick: ``redispatch``, or releases them
dial.after_commit        calls ``dialing`` that never left            ``reap``: look-up, or their provable end
dial.after_request       calls ``dialing`` that the carrier has       ``settle`` by their token, or ``reap``: look-up
dial.after_store         answers stored, slots of refused calls held  ``reconcile``
record.after_commit      an event in the inbox, no message sent       tick: ``settle`` what is overdue
(the same, settled)      a call ended, its slots held                 ``reconcile``; tick: ``wake``
record.after_release     slots free, no message sent                  tick: ``wake``
settle.before_commit     nothing: events and calls as before          tick: ``settle`` what is overdue
settle.after_commit      calls ended, their slots held                ``reconcile``
settle.after_release     slots free, nobody fills them                tick: ``wake``
stop.after_commit        a campaign stopped, its calls go on          tick: ``stop_calls``
stop.after_mark          calls marked for their end, no request sent  tick: ``hang_up``
stop.after_request       a request sent, not written down             tick: ``hang_up`` again after the lease
outcome.after_commit     a report kept, not answered, nobody fills    its sender, who says it again; tick: ``wake``
callback.after_commit    a callback kept, not answered                nothing to find: it is due at its instant
test_call.after_commit   a campaign of one test call that never runs  nothing to find: it calls nobody
outcome.after_decide     contacts decided, a campaign that is done    tick: ``wake``
close.after_commit       a campaign ended, who waits unswept          tick: ``wake``
close.after_sweep        a campaign ended and swept, not completed    tick: ``wake``
erasure.after_commit     a person nobody calls, who is not erased yet  tick: ``erase_open``
erasure.after_clear      a person erased, but not where mentioned      tick: ``erase_open``
erasure.after_page       the same, part of it looked through           tick: ``erase_open``
reap.after_take          overdue calls taken, nobody looks them up    ``reap`` when their time comes again
reap.after_look_up       an answer that was not written down          ``reap`` when their time comes again
rebuild.after_raise      nothing: slots and generation as before      ``reconcile``
rebuild.after_write      slots of a generation nobody committed       ``reconcile``: they are not trusted
roll_up.before_commit    nothing: deltas and totals as before         tick: the next roll-up
(a callback is lost)     a call of which no more is said              ``reap``: look-up, or its provable end
(Redis is emptied)       live calls without slots                     ``reconcile``; until then none is granted
======================== ============================================ ==============================================
"""
