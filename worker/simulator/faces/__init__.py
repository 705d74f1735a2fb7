"""How the simulator looks from outside: three protocols over one exchange and one ledger.

======== ===================================== ===========================================================
face     its requests                          what it is spoken by
======== ===================================== ===========================================================
``own``  ``/v1/calls``                         :mod:`worker.carriers.simulated.adapter`
twilio   ``/2010-04-01/Accounts/{sid}/Calls``  Twilio's Calls API: form fields, TwiML, signatures by HMAC
telnyx   ``/v2/calls``                         Telnyx's Call Control: JSON, signatures by Ed25519
======== ===================================== ===========================================================

All are served at once; the path says which is meant. A face reads requests and writes answers and callbacks in
its carrier's words, and knows no more of a call than a customer of that carrier is told. What happens to calls,
scripted or by odds, is the same behind every face.
"""
