"""The carrier without telephones, as the dialer sees it: the program itself is :mod:`worker.simulator`.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` the simulator's words in the dialer's
``protocol``    what both sides must agree on: statuses, refusal codes, the signature of a callback
=============== =========================================================================================
"""
