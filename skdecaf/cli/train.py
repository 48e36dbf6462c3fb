"""``skdecaf train``: train a classifier on a folder of class folders."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import os

from skdecaf.cli import _options, _output

# Classes and confusions in the report.
_MAX_LINES = 5

_DESCRIPTION = """\
Train a classifier on a folder of class folders. FOLDER has one folder of photos per
class, whose name is the label:
  animals/cats/1.jpg, animals/cats/2.jpg, animals/dogs/1.jpg ...

The layer of the network and the strength C of the classifier are chosen by
cross-validation. The command prints what was chosen and how accurate it and the
others are, the classes that are recognised worst, and the classes that are confused
most often. Activations of photos are kept, so that a second run is quick.

The model is a scikit-learn pipeline (DeCAFTransformer, DropoutFeatures, LinearSVC) in
a skops file, for "skdecaf predict" or skops.io.load. Needs pip install "skdecaf[cli]".

With --fine-tune the last layers of the network are trained as well, once for each
fold and once on all photos. The model is then a network in a safetensors file, for
"skdecaf predict", or for --weights of other commands. Needs pip install
"skdecaf[train]"; predicting does not.
"""
_EXAMPLES = """\
  skdecaf train animals/ -o animals.skops --report animals.html
  skdecaf train animals/ -o animals.safetensors --fine-tune --folds 3
  skdecaf train animals/ -o animals.skops --folds 10 --crops ten --on-error skip
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "train", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("folder", metavar="FOLDER", help="a folder with one folder of photos per class")
    _options.add_output(parser, lambda path: _options.file_name(path, (".skops", ".safetensors")), "MODEL")
    parser.add_argument(
        "--folds",
        type=_folds,
        default=5,
        metavar="N",
        help="folds of the cross-validation, at most the size of the smallest class; 0 for none (default: 5)",
    )
    _options.add_layer(parser, default="auto")
    parser.add_argument(
        "--C",
        type=_strength,
        default="auto",
        metavar="C",
        help="inverse strength of the classifier's penalty, a number or auto (default: auto)",
    )
    parser.add_argument("--fine-tune", action="store_true", help="train the last layers of the network as well")
    parser.add_argument(
        "--epochs", type=_options.positive, metavar="N", help="how many times --fine-tune uses each photo (default: 5)"
    )
    _options.add_network(parser)
    _options.add_execution(parser)
    _options.add_memory(parser)
    parser.add_argument(
        "--report",
        metavar="FILE",
        help="also write a self-contained web page with accuracy, mistakes and the candidates",
    )
    _options.add_json(parser, "print the summary as JSON")


def run(options):
    """Run the command."""
    from skdecaf._utils.files import check_output
    from skdecaf.cli._photos import printable
    from skdecaf.cli._training import fine_tune, train_on_folder

    _check(options)
    check_output(options.output, options.overwrite)
    if options.report:
        check_output(options.report, options.overwrite)
    trained = frozen = train_on_folder(options.folder, _make_classifier(options), report=_output.print_error)
    if options.fine_tune:
        trained = fine_tune(frozen, _make_fine_tuned(options), options.folds, report=_output.print_error)
        trained.classifier.network_.save(options.output)
    else:
        from skdecaf.cli._models import model_of, save_model

        save_model(model_of(trained.classifier), options.output)
    _output.print_skipped(trained.left_out)
    if options.json:
        _output.print_json({"output": options.output, **_summary(trained, frozen.classifier)})
    else:
        suffix = _output.skipped_suffix(trained.left_out)
        print(f"{printable(options.output)}: {len(trained.photos)} photos of {len(trained.n_photos)} classes{suffix}")
        print(*_lines(trained, options.folds), sep="\n", flush=True)
    if options.report:
        from skdecaf.cli._training_report import write_training_report

        why_unknown = _why_unknown(trained, options.folds)
        write_training_report(options.report, options.folder, trained, why_unknown, not options.quiet)


def _check(options):
    """Refuse what would be found wrong only after the photos are read."""
    from skdecaf._utils.extras import require
    from skdecaf.cli._models import model_files

    suffix = ".safetensors" if options.fine_tune else ".skops"
    if not options.output.lower().endswith(suffix):
        purpose = "with" if options.fine_tune else "without"
        options.parser.error(f"argument -o/--output: {purpose} --fine-tune, {options.output!r} must end in {suffix}")
    if options.epochs and not options.fine_tune:
        options.parser.error("--epochs needs --fine-tune")
    if options.fine_tune and (options.crops, options.resize, options.precision) != ("center", None, "float32"):
        options.parser.error("--crops, --resize and --precision do not go with --fine-tune")
    if options.fine_tune and len(options.layer or ()) > 1:
        options.parser.error("--fine-tune needs a single --layer")
    if options.report and os.path.abspath(options.report) == os.path.abspath(options.output):
        options.parser.error("--report and --output name one file")
    if options.fine_tune:
        require("train", "--fine-tune")
    else:
        model_files()


def _folds(text):
    """Type of the argument: 0, or 2 and more."""
    if text != "0" and _options.positive(text) == 1:
        raise argparse.ArgumentTypeError("one fold leaves nothing to test on; give 2 or more, or 0 for none")
    return int(text)


def _strength(text):
    """Type of the argument: "auto" or a number above 0."""
    try:
        if text == "auto" or 0 < float(text) < float("inf"):
            return text if text == "auto" else float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number above 0")


def _make_classifier(options):
    from skdecaf import DeCAFClassifier

    _options.check_layer(options)
    layers = options.layer or ["auto"]
    return DeCAFClassifier(
        layers[0] if len(layers) == 1 else layers,
        options.C,
        cv=options.folds or [],
        memory=_options.memory(options),
        random_state=0,
        verbose=not options.quiet,
        **_options.reading_parameters(options),
    )


def _make_fine_tuned(options):
    from skdecaf.training import FineTunedClassifier

    layer = options.layer[0] if options.layer else "auto"
    epochs = {"epochs": options.epochs} if options.epochs else {}
    return FineTunedClassifier(
        options.weights,
        layer=layer,
        random_state=0,
        n_jobs=options.n_jobs,
        verbose=not options.quiet,
        **epochs,
    )


def _summary(trained, classifier):
    """What `_lines` says, complete and as JSON values; the classifier is the one with the network as it is."""
    keys = ("layer", "C", "mean_test_score")
    candidates = zip(*(classifier.cv_results_[key] for key in keys), strict=True)
    is_evaluated = trained.is_evaluated
    return {
        "photos": trained.n_photos,
        "layer": classifier.layer_,
        "C": classifier.C_,
        "fine_tuned": trained.classifier is not classifier,
        "accuracies": list(trained.fold_scores),
        "candidates": [{"layer": layer, "C": C, "accuracy": accuracy} for layer, C, accuracy in candidates],
        "classes": [
            {"class": one.name, "accuracy": one.accuracy} for one in (trained.class_figures() if is_evaluated else ())
        ],
        "confusions": [
            {"class": right, "predicted": wrong, "photos": count}
            for (right, wrong), count in (trained.confusions() if is_evaluated else ())
        ],
        "left_out": _output.skipped_as_json(trained.left_out),
    }


def _lines(trained, folds):
    """Lines that say what was chosen and how good it is."""
    yield trained.chosen
    scores = trained.fold_scores
    if not scores:
        yield f"accuracy unknown: {_why_unknown(trained, folds)}"
        return
    mean, spread = sum(scores) / len(scores), f"{min(scores):.1%} to {max(scores):.1%}"
    yield f"accuracy {mean:.1%} in cross-validation with {len(scores)} folds ({spread})"
    others = [candidate for candidate in trained.candidates if candidate[0] != trained.chosen]
    if others:
        yield "others: " + "; ".join(f"{name} {score:.1%}" for name, score, _ in others)
    worst = sorted(trained.class_figures(), key=lambda one: one.accuracy)[:_MAX_LINES]
    yield "least accurate classes: " + ", ".join(f"{one.name} {one.accuracy:.0%}" for one in worst)
    for (right, wrong), count in trained.confusions()[:_MAX_LINES]:
        yield f"{right} taken for {wrong}: {count} photo{'s' if count > 1 else ''}"


def _why_unknown(trained, folds):
    if not folds:
        return "no cross-validation was asked for"
    single = min(trained.n_photos, key=trained.n_photos.get)
    return f"class {single!r} has 1 photo, and cross-validation takes two"
