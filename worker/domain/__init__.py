"""The rules, pure: no clock, no IO; the standard library, pytz and phonenumbers only.

``model`` names things, ``lifecycle`` says which moves are legal, ``window`` when a call may be placed,
``retry`` what follows a disposition, ``rotation`` which caller ID is shown, ``screening`` who is never
called, ``places`` where somebody might be, ``law`` which rules bind a call there, ``hours`` when all of them are open,
``errors`` who must act when something is wrong.
"""
