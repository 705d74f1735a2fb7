"""A carrier that somebody else adds, as the package they would ship; :mod:`tests.carriers.installing` installs it."""
