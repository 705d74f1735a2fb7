"""Who rings the phone. ``base`` is the contract every carrier keeps; each package is one carrier;
``http`` and ``sip`` are what they share."""
