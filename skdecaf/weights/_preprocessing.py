"""The steps from a photo to the input of a network, as data; `skdecaf.images._preparing` applies them."""

# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import dataclass

_LARGEST = 10_000  # pixels of a side, and values of a mean or scale
_CHOICES = {
    "policy": ("warp", "crop"),
    "resample": ("bilinear", "bicubic"),
    "channel_order": ("RGB", "BGR"),
    "flip": (True, False),
}


@dataclass(frozen=True)
class Preprocessing:
    """Steps from a photo to the input of a network.

    Parameters
    ----------
    resize : tuple (height, width)
        Size in pixels after resizing, the first step.
    crop : tuple (height, width)
        Size in pixels of the window that the network reads.
    mean : tuple of three floats
        Subtracted from red, green and blue, which are from 0 to 255.
    scale : tuple of three floats
        Divides red, green and blue after that.
    policy : {"warp", "crop"}
        "warp" resizes regardless of the aspect ratio; "crop" resizes the shorter side and cuts out the centre.
    resample : {"bilinear", "bicubic"}
        Filter of Pillow, with antialiasing.
    channel_order : {"RGB", "BGR"}
        Order of the channels that the first layer expects. Photos, ``mean`` and ``scale`` are red, green, blue in
        either case.
    flip : bool
        Whether the rows are reversed after resizing, before the mean is subtracted, as in the DeCAF release.
    """

    resize: tuple
    crop: tuple
    mean: tuple = (0.0, 0.0, 0.0)
    scale: tuple = (1.0, 1.0, 1.0)
    policy: str = "warp"
    resample: str = "bilinear"
    channel_order: str = "RGB"
    flip: bool = False

    def __post_init__(self):
        for name, length in (("resize", 2), ("crop", 2), ("mean", 3), ("scale", 3)):
            value = tuple(getattr(self, name))
            if len(value) != length or not all(isinstance(v, (int, float)) and abs(v) <= _LARGEST for v in value):
                raise ValueError(f"preprocessing: {name} needs {length} numbers of at most {_LARGEST}, not {value!r}")
            object.__setattr__(self, name, value)
        if not all(isinstance(size, int) for size in self.resize + self.crop):
            raise ValueError("preprocessing: resize and crop are whole numbers of pixels")
        if not all(0 < crop <= size for crop, size in zip(self.crop, self.resize, strict=True)):
            raise ValueError(f"preprocessing: a crop of {self.crop} does not fit into {self.resize}")
        if not all(abs(scale) >= 1 / _LARGEST for scale in self.scale):
            raise ValueError(f"preprocessing: scale must not be zero, and is {self.scale}")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"preprocessing: {name} is one of {allowed}, not {getattr(self, name)!r}")
