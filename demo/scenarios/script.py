"""A scenario as data: what is done step by step, and the numbers that must then be found."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.frozen import Frozen
from demo.scenarios.floor import OK
from demo.scenarios.questions import Question
from demo.scenarios.steps import Action, ApiCall

Books = tuple[int, int, int, int, int, int, int, int]
"""Totals of a facility: available, quarantine, damaged, consignment, reserved, committed, in transit; then on hand."""


class Step(Frozen):
    """One step.

    number  its number in the contract; a row of the contract may be played in several steps
    says    what is done, beside the calls themselves
    acts    done in order; the answer that is looked at is the last one's
    status  what the last act is answered: 200, or a refusal's status and code
    books   facility -> its bucket totals afterwards
    finds   what else is asked, and what must be found
    """

    number: int
    says: str
    actions: Sequence[Action] = ()
    status: str = OK
    books: Mapping[str, Books] = {}
    finds: Mapping[Question, Any] = {}


class Scenario(Frozen):
    """A story with its numbers. What is `given` is done before it, `afterwards` what leaves nothing running behind."""

    title: str
    variant: str
    given: Sequence[ApiCall]
    steps: Sequence[Step]
    afterwards: Sequence[ApiCall] = ()
