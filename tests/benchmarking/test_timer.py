"""Times are taken fairly: in turns, after a warm-up, with honest statistics."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i2i.benchmarking.timer import FEWEST_ROUNDS, MOST_ROUNDS, REFRESH_SECONDS, SAMPLE_SECONDS, Timer, ratios, summarise


class World:
    """A clock that moves only when somebody works or rests, and remembers who worked."""

    def __init__(self):
        self.now = 0.0
        self.calls = []
        self.rested = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.rested += seconds
        self.now += seconds

    def work(self, name, seconds):
        def call():
            self.calls.append(name)
            self.now += seconds(len(self.calls)) if callable(seconds) else seconds

        return call

    def timer(self, seconds=1.0, rounds=None):
        return Timer(seconds=seconds, rounds=rounds, clock=self.clock, sleep=self.sleep)


def test_quartiles_of_known_numbers():
    summary = summarise([4.0, 1.0, 3.0, 2.0, 5.0])

    assert (summary.lower, summary.median, summary.upper) == (2.0, 3.0, 4.0)
    assert (summary.count, summary.minimum, summary.maximum) == (5, 1.0, 5.0)
    assert summary.spread == pytest.approx(2 / 3)


def test_one_sample_is_its_own_quartiles_and_none_is_refused():
    assert summarise([7.0]).lower == summarise([7.0]).upper == 7.0
    with pytest.raises(ValueError, match="at least one"):
        summarise([])


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60))
def test_statistics_are_ordered_whatever_the_samples(samples):
    summary = summarise(samples)
    slack = 1e-9 * summary.maximum

    assert summary.minimum <= summary.lower + slack <= summary.median + 2 * slack <= summary.upper + 3 * slack
    assert summary.upper <= summary.maximum + slack


def test_ratios_pair_the_samples_of_one_round():
    # The second round was slow for both: paired, the ratio is 2 in each.
    assert ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]).lower == 2.0
    assert ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]).upper == 2.0


def test_every_candidate_works_once_a_round_in_an_order_that_rotates():
    world = World()
    calls = {name: world.work(name, 0.01) for name in "abc"}

    samples = world.timer(rounds=4).measure(calls)

    assert all(len(each) == 4 for each in samples.values())
    timed = "".join(world.calls[6:])  # after two warm-up calls each; each sample after one call that is not measured
    assert timed == "aabbcc" + "bbccaa" + "ccaabb" + "aabbcc"


def test_what_a_call_finds_in_the_caches_of_another_is_not_measured():
    world = World()
    calls = {name: world.work(name, lambda calls: 0.03 if calls % 2 else 0.02) for name in "ab"}  # slow after another

    samples = world.timer(rounds=3).measure(calls)

    assert samples["a"] == pytest.approx([0.02] * 3)
    assert samples["b"] == pytest.approx([0.02] * 3)


def test_long_work_is_not_refreshed():
    world = World()

    world.timer(rounds=2).measure({"long": world.work("long", REFRESH_SECONDS)})

    assert len(world.calls) == 2 + 2


def test_samples_are_seconds_a_call_without_the_rests_and_the_warm_up():
    world = World()
    slow_start = world.work("slow start", lambda calls: 9.0 if calls <= 2 else 0.02)

    samples = world.timer(rounds=3).measure({"slow start": slow_start})

    assert samples["slow start"] == pytest.approx([0.02] * 3)
    assert world.rested > 0


def test_short_work_is_repeated_within_a_sample():
    world = World()

    samples = world.timer(rounds=2).measure({"short": world.work("short", SAMPLE_SECONDS / 10)})

    assert samples["short"] == pytest.approx([SAMPLE_SECONDS / 10] * 2)
    assert len(world.calls) == 2 + 2 * (1 + 10)


@pytest.mark.parametrize(
    ("each", "expected"), [(100.0, FEWEST_ROUNDS), (0.1, 10), (0.006, MOST_ROUNDS)], ids=["long", "fitting", "short"]
)
def test_the_time_decides_on_the_rounds_within_bounds(each, expected):
    world = World()

    samples = world.timer(seconds=1.0).measure({"a": world.work("a", each)})

    assert len(samples["a"]) == pytest.approx(expected, abs=1)


def test_the_device_is_waited_for_before_and_after_each_sample():
    events = []
    timer = Timer(seconds=1, rounds=1, synchronize=lambda: events.append("wait"), sleep=lambda _: None)

    def call():
        events.append("call")
        deadline = timer.clock() + SAMPLE_SECONDS
        while timer.clock() < deadline:
            pass

    timer.measure({"a": call})

    assert events == ["wait", "call", "wait"] * 4  # twice to warm up, once unmeasured, once measured


def test_garbage_is_collected_between_and_never_in_a_sample():
    world, states = World(), []

    def call():
        states.append(gc.isenabled())
        world.now += 0.01

    world.timer(rounds=2).measure({"a": call})

    assert not any(states)
    assert gc.isenabled()


def test_nobody_to_time_is_refused():
    with pytest.raises(ValueError, match="at least one candidate"):
        World().timer().measure({})
