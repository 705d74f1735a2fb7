"""What people and programs ask of the dialer: campaigns made, edited, watched, their contacts, files, reports.

What the API and the commands share; nothing here dials, and nothing of the engine (:mod:`worker.flow`) knows it.
"""
