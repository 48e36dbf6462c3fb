"""Pythran kernels: arrays in, arrays out; one operation a file, compiled once per instruction set.

The sources are valid Python. On import the compiled module of the best instruction set that the processor
has takes each source's name; ``SKDECAF_CPU=baseline|avx2|avx512`` forces one, and ``SKDECAF_CPU=python``
asks for the uncompiled sources, which give the same numbers, tens to thousands of times slower.
"""

# SPDX-License-Identifier: BSD-3-Clause
import importlib
import os
import sys

NAMES = (
    "bias",
    "compact_product",
    "im2col",
    "pixels",
    "pooling",
    "product",
    "response_norm",
    "softmax",
    "space_to_depth",
    "winograd_input",
    "winograd_output",
)
INSTRUCTION_SETS = ("avx512", "avx2", "baseline")

# What GCC may use under -march=x86-64-v3 and -v4, as far as NumPy reports it.
_NEEDED = {
    "baseline": (),
    "avx2": ("AVX2", "FMA3"),
    "avx512": ("AVX2", "FMA3", "AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"),
}


def _processor_features():
    """Names of the instruction sets that NumPy found in this processor; empty where it cannot say."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__
    except ImportError:
        return set()
    features = {name for name, present in __cpu_features__.items() if present}
    if "X86_V3" in features:
        features |= set(_NEEDED["avx2"])
    if "X86_V4" in features or "AVX512_SKX" in features:
        features |= set(_NEEDED["avx512"])
    return features


def supported():
    """Instruction sets that this processor can run, best first."""
    features = _processor_features()
    return [name for name in INSTRUCTION_SETS if features.issuperset(_NEEDED[name])]


def _load(folder):
    """Import the compiled kernels of one instruction set under the names of their sources."""
    modules = {name: importlib.import_module(f"{__name__}.{folder}.{name}") for name in NAMES}
    for name, module in modules.items():
        # Without this entry a later ``import skdecaf._kernels.<name>`` would load the plain source.
        sys.modules[f"{__name__}.{name}"] = module
        globals()[name] = module


def _load_python():
    for name in NAMES:
        importlib.import_module(f"{__name__}.{name}")


def _choose():
    """Load the kernels and return the name of the instruction set in use."""
    asked = os.environ.get("SKDECAF_CPU", "")
    if asked == "python":
        _load_python()
        return asked
    if asked and asked not in INSTRUCTION_SETS:
        allowed = ", ".join((*INSTRUCTION_SETS, "python"))
        raise ImportError(f"SKDECAF_CPU={asked!r} is not one of {allowed}; correct it or unset it.")
    if asked and asked not in supported():
        raise ImportError(f"SKDECAF_CPU={asked}: this processor runs {', '.join(supported())} only; unset it.")
    for folder in [asked] if asked else supported():
        try:
            _load(folder)
        except ModuleNotFoundError:
            continue
        return folder
    raise ImportError(
        "skdecaf's kernels are not compiled. This is the source folder, or an installation without them: run "
        "`pip install .` there (it needs a C++ compiler) and start Python elsewhere, or set SKDECAF_CPU=python to run "
        "the uncompiled kernels, which take seconds for each photo."
    )


instruction_set = _choose()
