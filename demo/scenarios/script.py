"""A scenario as data: its steps, and the numbers expected after each."""

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

    number   its number in the contract; a row of the contract may take several steps
    says     what the step does, in words
    actions  performed in order; the last answer is the one compared
    status   expected status of the last answer: 200, or status and error code of a refusal
    books    facility -> expected bucket totals after the step
    finds    other questions, with the expected answers
    """

    number: int
    says: str
    actions: Sequence[Action] = ()
    status: str = OK
    books: Mapping[str, Books] = {}
    finds: Mapping[Question, Any] = {}


class Scenario(Frozen):
    """A scenario. The calls in `given` prepare it, those in `afterwards` clean up."""

    title: str
    variant: str
    given: Sequence[ApiCall]
    steps: Sequence[Step]
    afterwards: Sequence[ApiCall] = ()
