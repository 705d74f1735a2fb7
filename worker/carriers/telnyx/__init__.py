"""Telnyx's Call Control of v2, without its SDK: that repeats requests by itself, and is 45 MB.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` Telnyx's words in the dialer's
``refusals``    what a refusal says: which of its codes counts
``codes``       what each code is about, and what is done; with sources
=============== =========================================================================================

The call's id goes along as ``command_id``, under which Telnyx takes a request once within a minute; we send once all
the same. Calls cannot be searched for: a request in doubt is resolved by a callback, which brings our token back in
``client_state``, or by the call's provable end.
"""
