"""Named random streams: independent of each other, fixed by seed, replicate and name."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.streams import raw_stream, set_state, state_of, stream

SEEDS = st.integers(0, 2**80)


@given(SEEDS, st.integers(0, 10**6), st.sampled_from(("weights", "batches", "dropout")))
def test_a_stream_is_fixed_by_its_name_and_numbers(seed: int, replicate: int, name: str) -> None:
    def words(name: str, seed: int, replicate: int) -> bytes:
        return stream(name, seed=seed, replicate=replicate).bytes(16)

    here = words(name, seed, replicate)
    assert here == words(name, seed, replicate)
    others = [(name + "x", seed, replicate), (name, seed + 1, replicate), (name, seed, replicate + 1)]
    others += [(name, replicate, seed % 2**32)] if seed != replicate else []
    assert here not in {words(*other) for other in others}


KNOWN = {"weights": [2410042965, 3973339351, 3802778705], "dropout": [856233086812047483, 10818872259856248455]}


def test_known_values_stay() -> None:
    """Trials are repeated years later, so a stream must never change. Made by NumPy 2.4."""
    assert stream("weights", seed=1, replicate=2).integers(0, 2**32, 3).tolist() == KNOWN["weights"]
    assert [int(word) for word in raw_stream("dropout", seed=1, replicate=2).random_raw(2)] == KNOWN["dropout"]


def test_a_state_is_json_and_continues_where_it_was_taken() -> None:
    generator, raw = stream("a", seed=3), raw_stream("a", seed=3)
    generator.permutation(10), raw.random_raw(7)
    states = json.loads(json.dumps([state_of(generator.bit_generator), state_of(raw)]))
    expected = generator.permutation(100), raw.random_raw(100)
    again, raw_again = stream("b", seed=9), raw_stream("b", seed=9)
    set_state(again.bit_generator, states[0])
    set_state(raw_again, states[1])
    np.testing.assert_array_equal(again.permutation(100), expected[0])
    np.testing.assert_array_equal(raw_again.random_raw(100), expected[1])
