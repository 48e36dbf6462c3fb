"""Seeds."""

# SPDX-License-Identifier: BSD-3-Clause
from sklearn.utils import check_random_state


def draw_seed(random_state):
    """Draw the seed of another generator from a seed, a generator or None."""
    return int(check_random_state(random_state).randint(2**31 - 1))
