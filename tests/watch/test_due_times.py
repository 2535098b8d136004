"""The queue of due times: what is due, and what was held up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aiobench._watch.timing import DueQueue


class Turn:
    """A unit with nothing but its place."""

    def __init__(self, *, is_new: bool = False, wait: float = 1e9) -> None:
        self.ticket, self.is_new, self.wait = 0, is_new, wait


def due_queue() -> DueQueue:
    """Make a queue that puts a unit off by a quarter of its wait."""
    return DueQueue(lambda unit: unit.wait, lambda wait: wait / 4)  # type: ignore[union-attr]


def popped(queue: DueQueue, now: float) -> Any:
    """Take out what is due."""
    return queue.pop(now)


@given(st.lists(st.floats(0, 100), max_size=50))
def test_units_come_in_the_order_of_their_times(dues: list[float]) -> None:
    """Whatever order they are put in, units come out as they are due."""
    queue: Any = due_queue()
    units = {Turn(): due for due in dues}
    for unit, due in units.items():
        queue.put(unit, due)
    found = [units[popped(queue, 100.0)] for _ in dues]
    assert sorted(dues) == found
    assert popped(queue, 100.0) is None


def test_nothing_comes_before_its_time() -> None:
    """A unit is not given out early."""
    queue: Any = due_queue()
    queue.put(Turn(), 10.0)
    assert popped(queue, 9.9) is None
    assert queue.next_due == 10.0


def test_a_new_time_voids_the_old_one() -> None:
    """A unit has one place, the latest it was given."""
    queue: Any = due_queue()
    unit = Turn()
    queue.put(unit, 1.0)
    queue.put(unit, 5.0)
    assert popped(queue, 2.0) is None
    assert unit is popped(queue, 5.0)
    assert popped(queue, 9.0) is None


def test_a_removed_unit_does_not_come() -> None:
    """What was removed has no turn, and does not hold up what is due."""
    queue: Any = due_queue()
    unit = Turn()
    queue.put(unit, 1.0)
    queue.remove(unit)
    assert float("inf") == queue.next_due
    assert popped(queue, 9.0) is None


def test_what_is_late_by_itself_has_its_turn() -> None:
    """Without an outage, units are late because there is much to do: to put them off would starve them."""
    queue: Any = due_queue()
    unit = Turn(wait=2.0)
    queue.hold_up(100.0)
    queue.put(unit, 0.0)
    assert unit is popped(queue, 100.0)


def test_what_is_too_late_is_put_off() -> None:
    """F24: a unit that was held up gets a new time within its wait."""
    queue: Any = due_queue()
    unit = Turn(wait=2.0)
    queue.hold_up(101.0)
    queue.put(unit, 0.0)
    assert popped(queue, 100.0) is None
    assert queue.next_due == 100.5
    assert unit is popped(queue, 100.5)


def test_a_little_late_is_not_held_up() -> None:
    """What is late by less than a second, or a tenth of its wait, has its turn."""
    queue: Any = due_queue()
    quick, slow = Turn(wait=2.0), Turn(wait=30.0)
    queue.hold_up(101.0)
    queue.put(quick, 2.0)
    queue.put(slow, 0.1)
    assert [slow, quick] == [popped(queue, 2.9), popped(queue, 2.9)]


def test_a_first_poll_is_not_put_off() -> None:
    """What was never polled is late because there is much to do, not because of an outage."""
    queue: Any = due_queue()
    unit = Turn(is_new=True, wait=2.0)
    queue.hold_up(101.0)
    queue.put(unit, 0.0)
    assert unit is popped(queue, 100.0)
