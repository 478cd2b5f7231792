"""Where a page begins that is read from several services.

A service may miss its second once and answer again a moment later, so what it did not answer is read once more behind
the end of a listing: whoever pages to the end misses nothing. A service that is down then costs one more, empty page.
"""

from collections.abc import Sequence
from typing import Any, Self

from chassis.entity import Value


class Turn(Value):
    """One part of a listing, and where reading it begins.

    at     its number among the parts
    token  of the service that answers it
    skip   how many of its records were shown, where no service is asked
    """

    at: int = 0
    token: str | None = None
    skip: int = 0


class Position(Value):
    """Where a page begins.

    turn  the part it begins with; all behind it follow. None: only those of `late` are left
    late  parts that a service did not answer
    """

    turn: Turn | None = Turn()
    late: Sequence[Turn] = ()

    def turns(self, parts: int) -> list[Turn]:
        """What is still to be read of so many parts, apart from what is late."""
        if self.turn is None:
            return [turn for turn in self.late if turn.at < parts]
        ahead = [self.turn, *(Turn(at=at) for at in range(self.turn.at + 1, parts))]
        return ahead if self.turn.at < parts else []

    def behind(self, rest: Sequence[Turn], missed: Sequence[Turn]) -> "Position | None":
        """Where the next page begins, if this one leaves this rest and a service missed these turns; None at the end.

        What is missed a second time is given up.
        """
        if self.turn is None:
            return Position(turn=None, late=rest) if rest else None
        late = [*self.late, *missed]
        if rest:
            return Position(turn=rest[0], late=late)
        return Position(turn=None, late=late) if late else None

    def told(self) -> list[Any]:
        """As a page token has it."""
        return [_told(self.turn) if self.turn is not None else None, *map(_told, self.late)]

    @classmethod
    def of(cls, told: Sequence[Any] | None) -> Self:
        """The position in a page token; the beginning without one."""
        if told is None:
            return cls()
        turn, *late = told
        return cls(turn=None if turn is None else _turn(turn), late=[_turn(each) for each in late])


def _told(turn: Turn) -> list[Any]:
    return [turn.at, turn.token, turn.skip]


def _turn(told: Sequence[Any]) -> Turn:
    at, token, skip = told
    return Turn(at=at, token=token, skip=skip)
