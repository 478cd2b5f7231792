"""Histories worth telling again: one that comes by every kind of entry, and those that once went wrong."""

from collections.abc import Callable

import pytest

from services.ics.commit.store import COMMITS
from services.ics.ledger.entry import LEGAL
from services.ics.ledger.store import ENTRIES
from services.ics.serial.store import SERIALS
from tests.ics.histories.checks import TRACKED
from tests.ics.histories.test_histories import Everything

A, B = "FAC-A", "FAC-B"


def of_every_kind(story: Everything) -> None:
    """Every kind of entry there is."""
    story.receive(A, "VAR-2", 6, "OVR", "L-C")
    story.inspect(0, "accepted", None, None)
    story.put_away(A, "VAR-2", 2, "available", 0, "OVR/B-01", None)
    story.transit(A, "VAR-2", 1, "available", "damaged", None, None)
    story.assign(A, "VAR-2", 1, None, 0)
    story.find(A, "VAR-1", 2, "available", "PCK", None)
    story.reserve(A, "VAR-1", 4, 60)
    story.allocate_reserved(0, 3, None, None)
    story.release_reservation(0, 1)
    story.expire_allocation(0, punctual=True)
    story.commit_direct(A, "VAR-1", 4)
    story.pick(0, 3, "OVR", None, "nowhere")
    story.pack(0, 2, None)
    story.ship(0, 1, "packed")
    story.release_commit(0, 1, None)
    story.set_rule(A, "VAR-1", "PCK", "OVR", 6, 3, None)
    story.sweep(dry=False)
    story.ask(A, {"VAR-1": 2}, None)
    story.send(0, None, None, whole=True, final=True, day=None)
    story.book_all(0)
    story.consign(A, "VAR-1", 4, "OVR", None)
    story.consume(0, 2, None)
    story.settle(0, 1, 1)
    story.begin_count(B, {"VAR-1"}, "OVR", blind=True)
    story.submit_count(0, -1, early=False)
    story.approve_count(0)
    story.ask_what_can_be_promised("VAR-1", "WEB", None)
    story.ask_how_fast_it_goes("VAR-1", A, None)
    assert {entry.kind for entry in story.memory.all(ENTRIES)} == set(LEGAL)


def of_a_unit_lost_from_the_shelf_while_others_are_picked(story: Everything) -> None:
    """An adjustment that names a unit takes it from where it is: not a picked one for one still on the shelf."""
    story.commit_direct(A, TRACKED, 4)
    story.pick(0, 4, None, None, "nowhere")
    shelved = next(unit for unit in story.memory.all(SERIALS) if unit.logical_guid == A and unit.status == "in_stock")
    story.adjust(A, TRACKED, -1, "committed", None, None, [shelved.serial_no])
    (commit,) = story.memory.all(COMMITS)
    staged = [unit for unit in story.memory.all(SERIALS) if unit.status == "picked"]
    assert len(staged) == commit.picked


def of_a_unit_put_away_in_a_promises_name(story: Everything) -> None:
    """Units where all are promised to one are not scanned for another, but shipped for the one they are promised to."""
    story.commit_direct(A, TRACKED, 2)
    story.put_away(A, TRACKED, 2, "committed", 0, "OVR/B-01", None)
    story.commit_direct(A, TRACKED, 3)
    story.pick(0, 3, None, None, "nowhere")
    story.ship(1, 2, "open")
    assert [(commit.picked, commit.shipped) for commit in story.memory.all(COMMITS)] == [(0, 2), (0, 0)]


def of_picked_units_put_away_by_name(story: Everything) -> None:
    """Picked units that are put away by name stay picked, though there are open ones as well."""
    story.commit_direct(A, TRACKED, 4)
    story.pick(0, 2, None, None, "PCK")
    shelf = next(place for place, position in enumerate(story.checks.item(A, TRACKED).cells) if position.picked)
    story.put_away(A, TRACKED, 2, "committed", shelf, "OVR/B-01", None)
    assert [
        position.picked for position in story.checks.item(A, TRACKED).cells if position.bin_id and position.picked
    ] == [2]
    story.pack(0, 2, None)
    story.ship(0, 2, "packed")
    assert story.memory.all(COMMITS)[0].shipped == 2


@pytest.mark.parametrize(
    "told",
    [
        of_every_kind,
        of_a_unit_lost_from_the_shelf_while_others_are_picked,
        of_a_unit_put_away_in_a_promises_name,
        of_picked_units_put_away_by_name,
    ],
)
def test_a_story(told: Callable[[Everything], None]) -> None:
    story = Everything()
    told(story)
    story.teardown()
