"""Who rings the phone. ``base`` is the contract every carrier keeps; each package is one carrier and exports its
``SPEC`` (``spec``), by which ``registry`` knows it; ``http`` and ``sip`` are what they share."""
