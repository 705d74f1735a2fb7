"""How the simulator looks from outside: a protocol a carrier, over one exchange and one ledger.

======== ===================================== ===========================================================
protocol its requests                          what it is spoken by
======== ===================================== ===========================================================
``own``  ``/v1/calls``                         :mod:`worker.carriers.simulated.adapter`
twilio   ``/2010-04-01/Accounts/{sid}/Calls``  Twilio's Calls API: form fields, TwiML, signatures by HMAC
telnyx   ``/v2/calls``                         Telnyx's Call Control: JSON, signatures by Ed25519
======== ===================================== ===========================================================

Which there are, the carriers say (:mod:`worker.carriers.registry`). All are served at once; the first part of the path
says which is meant. A protocol reads requests and writes answers and callbacks in its carrier's words, and knows no
more of a call than a customer of that carrier would. What happens to calls, scripted or by odds, is the same behind
every protocol.
"""
