"""The law as data, and its reading: below the domain, which decides by it.

``facts.yaml`` has the rules as facts in our own words, each with its source and how well it is proven. ``build`` makes
of it the packs, ``pack_*.toml``, a file a country; ``build_holidays`` makes ``holidays.toml``; ``build_places`` makes
``nanp.toml``, where the area codes of North America are. ``regions.toml`` (states, their zones, their postal codes) is
written by hand. What a rule says in words that a machine cannot read is spelt out in ``build``, and words it does not
know fail there: a fact that changes is never misread in silence. ``reading`` reads packs, and refuses a mistake with
its file and line. Not legal advice.
"""
