"""A carrier without telephones: the default, shipped, seeded, and a process of its own.

The program's half; the dialer's is :mod:`worker.carriers.simulated`. They speak HTTP to each other and share nothing
but :mod:`worker.carriers.simulated.protocol`:

=============== =========================================================================================
``lives``       what happens to a call: scripted per number, or drawn from odds; pure
``script``      lives as they are written down
``terms``       what an account may do: how many calls at once, whereto
``calls``       what a call is, and what a protocol must be able to say of it
``register``    the calls there are, and those of the process's former lives
``exchange``    places calls, lets them live, ends them
``protocols``       how they look from outside: our own protocol, Twilio's, Telnyx's
``outages``     what is wrong with the API just now, set while it runs
``courier``     posts signed callbacks, and tries again while the receiver is away
``agenda``      one thread that does things later
``ledger``      what really happened, one JSON line a fact, written before anybody is answered
``server``      the HTTP side of the simulator
``__main__``    ``python -m worker.simulator``
=============== =========================================================================================

The simulator knows nothing of the dialer's database, and killing a worker never kills a call. Its ledger is
therefore the other witness: what the dialer believes can be checked against what the "phones" saw.
"""
