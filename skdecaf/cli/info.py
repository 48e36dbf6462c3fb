"""``skdecaf info``: versions, processor, weights and memory."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options, _output

_DESCRIPTION = """\
Print versions, processor, kernels in use, BLAS, weights and memory. The network is
loaded and run once, which reveals a broken installation.
"""
_EXAMPLES = """\
  skdecaf info
  skdecaf info --json --weights caffenet.safetensors --precision compact --layer 7
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "info", run, _DESCRIPTION, _EXAMPLES)
    _options.add_weights(parser)
    _options.add_precision(parser)
    _options.add_layer(parser)
    _options.add_json(parser, "print JSON, with sizes in bytes")


def run(options):
    """Run the command."""
    from skdecaf.cli._system_info import system_info

    _options.check_layer(options)
    info = system_info(options.weights, options.precision, options.layer or 6)
    if options.json:
        _output.print_json(info)
        return
    for section, values in info.items():
        print(section)
        for name, value in _pairs(values):
            print(f"  {name.removesuffix('_bytes').replace('_', ' ')}: {_text(name, value)}")


def _pairs(values):
    """Name and value of each line of a section; a list has one entry per BLAS library."""
    if isinstance(values, dict):
        return values.items()
    return [(blas["internal_api"], f"{blas['version']}, {blas['num_threads']} threads") for blas in values]


def _text(name, value):
    if isinstance(value, dict):
        return ", ".join(f"{key} ({size})" for key, size in value.items())
    if isinstance(value, list):
        return ", ".join(value)
    if value is None:
        return "unknown"
    if name.endswith("_bytes"):
        return f"{value / 1e6:.1f} MB"
    return f"{value:,}" if isinstance(value, int) else value
