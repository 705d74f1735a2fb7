"""Who rings the phone. ``base`` is the contract every carrier keeps; each other file is one carrier."""
