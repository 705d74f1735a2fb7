"""How long a test waits for what must come: longer than it takes on a slow machine that is busy with other things.

Nothing is proven by how fast it comes. Whoever waits so long in vain has found a fault, or nothing comes at all.
"""

PATIENCE_SECONDS = 180.0
