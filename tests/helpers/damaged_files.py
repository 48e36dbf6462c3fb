"""Files as accidents and adversaries leave them."""

import numpy as np


def damaged(content, n, seed=0, most=None):
    """Yield ``n`` damaged copies of a file: cut off, bytes changed, runs left out, repeated or zeroed.

    ``most`` limits damage to the first bytes, where a format has its description.
    """
    generator = np.random.default_rng(seed)
    length = min(len(content), most or len(content))
    for _ in range(n):
        data, kind = bytearray(content), generator.integers(6)
        start = int(generator.integers(length))
        end = min(start + int(generator.integers(1, 40)), length)
        if kind == 0:
            del data[start:]
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = data[start:end]
        elif kind == 3:
            data[start:end] = bytes(end - start)
        elif kind == 4:
            data[start:end] = generator.bytes(end - start)
        else:
            for place in generator.integers(0, length, generator.integers(1, 4)):
                data[place] = generator.integers(256)
        yield bytes(data)
