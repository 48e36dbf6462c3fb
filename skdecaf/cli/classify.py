"""``skdecaf classify``: label photos with the network's own classes."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options

_DESCRIPTION = """\
Label photos with the 1000 classes of ImageNet, on which the network was trained.
The embedded network "mini" is small and often wrong; for classes of your own,
"skdecaf train" is far better.

Each line has a file, a label, its probability and the label's identifier,
separated by tabs, the most probable label of a file first. With --json each line
is a JSON object {"file", "labels": [{"label", "probability", "id"}, ...]}.
"""
_EXAMPLES = """\
  skdecaf classify cat.jpg
  skdecaf classify -k 1 --crops ten holiday/
  skdecaf classify --json --on-error skip holiday/ > labels.jsonl
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "classify", run, _DESCRIPTION, _EXAMPLES)
    _options.add_photos(parser)
    _options.add_top(parser, 5)
    _options.add_network(parser)
    _options.add_execution(parser)
    _options.add_json(parser)


def run(options):
    """Run the command."""
    from skdecaf._imagenet import ImageNetClassifier, check_names_classes
    from skdecaf.cli._labels import label_with_network, print_labels
    from skdecaf.weights import resolve_network

    photos = _options.list_photos(options)
    parameters = _options.reading_parameters(options)
    network = resolve_network(options.weights, 0, options.precision)
    try:
        check_names_classes(network)
    except ValueError as error:
        options.parser.error(f"argument --weights: {error}")
    _options.check_top(options, len(network.labels))
    classifier = ImageNetClassifier(**parameters)
    labelled = label_with_network(photos, classifier, options.top)
    print_labels(labelled, len(photos), ("label", "probability", "id"), options)
