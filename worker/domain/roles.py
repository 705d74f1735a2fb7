"""What the bearer of a key may do. A role may all that those before it may."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a key is for, the least first."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # and runs campaigns, with all that is in them
    ADMIN = "admin"  # and decides what is called with, how much, and who may

    def may(self, needed: Role) -> bool:
        """Whether it is enough for what needs this one."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


def refusal(role: Role, needed: Role) -> str:
    """Why a key of this role may not do what needs the other, and which key may."""
    keys = " or ".join(f"{'an' if each is not Role.VIEWER else 'a'} {each} key" for each in Role if each.may(needed))
    only = "it reads, and changes nothing" if role is Role.VIEWER else "it does not decide on this"
    return f"This is {'a' if role is Role.VIEWER else 'an'} {role} key: {only}. Use {keys}."
