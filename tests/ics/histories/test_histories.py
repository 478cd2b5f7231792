"""Long random histories of calls: after every one, whatever was answered, the contract's invariants hold."""

from hypothesis import given, note, settings
from hypothesis import strategies as st

from tests.ics.histories.house import FACILITIES
from tests.ics.histories.promises import Promises

STEPS = 100
WEIGHTS = {
    "receive": 8,
    "inspect": 4,
    "put_away": 5,
    "adjust": 3,
    "transit": 3,
    "reserve": 5,
    "release_reservation": 2,
    "expire": 2,
    "allocate": 3,
    "allocate_reserved": 3,
    "release_allocation": 2,
    "commit_direct": 3,
    "commit": 4,
    "pick": 6,
    "pack": 3,
    "ship": 4,
    "release_commit": 3,
    "wait": 2,
    "block": 1,
    "set_policy": 1,
}


class History(Promises):
    """All of it, in any order."""

    def step(self) -> None:
        """One call, whichever."""
        names = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
        getattr(self, self.random.choice(names))(self.random.choice(FACILITIES))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_called_the_invariants_hold(seed: int) -> None:
    history = History(seed)
    for number in range(STEPS):
        note(f"step {number}")
        history.step()
    assert history.answered > STEPS // 10
