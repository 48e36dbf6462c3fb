"""``skdecaf predict``: labels of photos from a trained model."""

# SPDX-License-Identifier: BSD-3-Clause
import os

from skdecaf.cli import _options

_DESCRIPTION = """\
Label photos with a model that "skdecaf train" made.

Each line has a file, a label and its probability, separated by tabs, the most
probable label of a file first. With --json each line is a JSON object
{"file", "labels": [{"label", "probability"}, ...]}.

A model file that contains anything but types of scikit-learn and skdecaf is refused,
since it could run code. Cache folders and downloads that a model asks for are
ignored; --memory and --allow-download are yours to give. Needs pip install "skdecaf[cli]".
"""
_EXAMPLES = """\
  skdecaf predict animals.skops new/*.jpg
  skdecaf predict animals.skops new/ --top 3 --on-error skip
  skdecaf predict animals.skops new/ --json > labels.jsonl
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "predict", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help='a file that "skdecaf train" wrote')
    _options.add_photos(parser)
    _options.add_top(parser, 1)
    _options.add_value_range(parser)
    _options.add_execution(parser)
    parser.add_argument(
        "--memory",
        metavar="FOLDER",
        help="keep activations of photos in this folder, for further calls (default: none)",
    )
    parser.add_argument(
        "--allow-download", action="store_true", help="download the weights of the model if they are not here"
    )
    _options.add_json(parser)


def run(options):
    """Run the command."""
    from skdecaf.cli._labels import print_labels

    photos = _options.list_photos(options)
    is_network = options.model.lower().endswith(".safetensors")
    labelled = _with_network(options, photos) if is_network else _with_model(options, photos)
    print_labels(labelled, len(photos), ("label", "probability"), options)


def _with_model(options, photos):
    from skdecaf.cli._labels import label_with_model
    from skdecaf.cli._models import load_model

    model = load_model(options.model, options.memory, options.allow_download)
    _options.check_top(options, len(model[1:].classes_))
    if options.value_range:
        model[0].value_range_ = _options.value_range(options)
    model[0].set_params(verbose=False, **_options.execution_parameters(options))
    return label_with_model(photos, model, options.top)


def _with_network(options, photos):
    """Label with a network that was fine-tuned."""
    from skdecaf._imagenet import ImageNetClassifier, check_names_classes
    from skdecaf.cli._labels import label_with_network
    from skdecaf.weights import Network

    if not os.path.isfile(options.model):
        raise FileNotFoundError(
            f"there is no model {options.model!r}; make one with: skdecaf train FOLDER -o {options.model} --fine-tune"
        )
    network = Network.load(options.model)
    check_names_classes(network)
    _options.check_top(options, len(network.labels))
    classifier = ImageNetClassifier(
        network,
        value_range=_options.value_range(options),
        memory=options.memory,
        **_options.execution_parameters(options),
    )
    labelled = label_with_network(photos, classifier, options.top)
    return ((photo, [label[:2] for label in labels], error) for photo, labels, error in labelled)
