"""Long random histories of calls: after every one, whatever was answered, the contract's invariants hold."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ics.histories.consigning import Consigning
from tests.ics.histories.counting import Counting
from tests.ics.histories.floor import Floor
from tests.ics.histories.importing import Importing
from tests.ics.histories.looking import Looking
from tests.ics.histories.machine import HistoryMachine
from tests.ics.histories.promises import Promises
from tests.ics.histories.refilling import Refilling
from tests.ics.histories.transferring import Transferring


class Selling(Floor, Promises, Looking):
    """Goods come in, are promised, and go to customers: few kinds of call, and so long chains of them."""


class Moving(Floor, Transferring, Counting, Consigning, Refilling, Importing):
    """Goods go to and fro, are counted, consigned and brought to where they are picked."""


class Everything(Floor, Promises, Transferring, Counting, Consigning, Refilling, Importing, Looking):
    """All of it, in any order."""


@pytest.mark.parametrize("history", [Selling, Moving, Everything])
def test_whatever_is_called_the_invariants_hold(history: type[HistoryMachine]) -> None:
    run_state_machine_as_test(history, settings=settings(max_examples=30, stateful_step_count=50, deadline=None))
