"""``skdecaf train``: train a classifier on a folder of class folders."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse

from skdecaf.cli import _options

_DESCRIPTION = """\
Train a classifier on a folder of class folders. FOLDER has one folder of photos per
class, whose name is the label:
  animals/cats/1.jpg, animals/cats/2.jpg, animals/dogs/1.jpg ...

The model is a scikit-learn pipeline (DeCAFTransformer, DropoutFeatures,
LogisticRegression) in a skops file, for "skdecaf predict" or skops.io.load. The
command prints the numbers of photos and classes, and the accuracy in
cross-validation. Needs pip install "skdecaf[cli]".
"""
_EXAMPLES = """\
  skdecaf train animals/ -o animals.skops
  skdecaf train animals/ -o animals.skops --folds 10 --crops ten --on-error skip
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "train", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("folder", metavar="FOLDER", help="a folder with one folder of photos per class")
    _options.add_output(parser, lambda path: _options.file_name(path, (".skops",)), "MODEL")
    parser.add_argument(
        "--folds",
        type=_folds,
        default=5,
        metavar="N",
        help="folds of the cross-validation, at most the size of the smallest class; 0 for none (default: 5)",
    )
    _options.add_layer(parser)
    _options.add_network(parser)
    _options.add_running(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(options):
    """Run the command."""
    from skdecaf._utils.files import check_output
    from skdecaf.cli._models import save_model, train_on_folder
    from skdecaf.cli._photos import printable

    check_output(options.output, options.overwrite)
    transformer = _options.make_transformer(options, verbose=not options.quiet)
    trained = train_on_folder(options.folder, transformer, options.folds, report=_options.complain)
    save_model(trained.model, options.output)
    _options.complain_of(trained.left_out)
    if options.json:
        summary = {"output": options.output, "photos": trained.n_photos, "accuracies": trained.accuracies.tolist()}
        _options.print_json({**summary, "left_out": _options.listed(trained.left_out)})
    else:
        n_photos, n_classes = sum(trained.n_photos.values()), len(trained.n_photos)
        counted = _options.counted(trained.left_out)
        print(f"{printable(options.output)}: {n_photos} photos of {n_classes} classes{counted}")
        print(_accuracy(trained, options.folds))


def _folds(text):
    """Type of the argument: 0, or 2 and more."""
    if text != "0" and _options.positive(text) == 1:
        raise argparse.ArgumentTypeError("one fold leaves nothing to test on; give 2 or more, or 0 for none")
    return int(text)


def _accuracy(trained, folds):
    accuracies = trained.accuracies
    if len(accuracies):
        spread = f"{accuracies.min():.1%} to {accuracies.max():.1%}"
        return f"accuracy {accuracies.mean():.1%} in cross-validation with {len(accuracies)} folds ({spread})"
    if folds < 2:
        return "accuracy unknown: no cross-validation was asked for"
    single = min(trained.n_photos, key=trained.n_photos.get)
    return f"accuracy unknown: class {single!r} has 1 photo, and cross-validation takes two"
