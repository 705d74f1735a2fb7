"""Twilio's Calls API of 2010-04-01, without its SDK: that is 51 MB, and slower than what it is called for here.

=============== =========================================================================================
``adapter``     the requests; keeps the contract of :mod:`worker.carriers.base`
``translation`` Twilio's words in the dialer's
``codes``       what each code for a refused call is about, and what is done; with sources
``signature``   whether a callback is Twilio's
``twiml``       what Twilio is told to do with a callee who answered
=============== =========================================================================================

Twilio knows no key that makes a repeated request harmless, so none is repeated. It does not know our token either:
a request in doubt is searched for among the calls to that number at that moment. Calls above the rate of the account
it queues for up to a day.
"""
