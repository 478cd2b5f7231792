"""Every query of a run is noted, and at its end held against the declared indexes by MongoDB's own rule."""

from collections.abc import Iterator

import pytest

from chassis.mongo.shapes import RECORDER


@pytest.fixture(scope="session", autouse=True)
def every_shape_is_served() -> Iterator[None]:
    """No query that the run sent plans a scan: equal fields first, then the order, then one range."""
    RECORDER.start()
    yield
    unserved = RECORDER.unserved()
    assert not unserved, "no declared index serves:\n" + "\n".join(map(str, unserved))
