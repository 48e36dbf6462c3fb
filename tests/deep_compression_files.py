"""Deep Compression's format, encoded number by number in plain Python."""

import struct


def encode(weights, biases, books):
    """Bytes of the file.

    Each weight is a flat list of indices into the layer's book, 0 where there is no weight; a gap of more than 15
    is bridged by codes 0, as the authors' encoder does.
    """
    streams = [stored(indices) for indices in weights]
    out = b"".join(struct.pack("<I", len(stream)) for stream in streams)
    for stream, bias, book in zip(streams, biases, books, strict=True):
        out += struct.pack(f"<{len(book)}f", *book) + struct.pack(f"<{len(bias)}f", *bias)
        codes, gaps = [code for code, _ in stream], [gap for _, gap in stream]
        out += bytes(codes) if len(book) == 256 else nibbles(codes)
        out += nibbles(gaps)
    return out


def stored(indices):
    """(code, gap) pairs: the gap counts the weights that were left out before this one."""
    pairs, gap = [], 0
    for index in indices:
        if index or gap == 15:
            pairs.append((index, gap))
            gap = 0
        else:
            gap += 1
    return pairs


def nibbles(numbers):
    padded = [*numbers, 0] if len(numbers) % 2 else numbers
    return bytes(low | high << 4 for low, high in zip(padded[::2], padded[1::2], strict=True))
