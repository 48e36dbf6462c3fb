"""Options that several commands share."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse
import math
import os


def add_command(commands, name, run, description, examples):
    """Add the parser of a command; the list of commands shows the first sentence of its description."""
    parser = commands.add_parser(
        name,
        help=" ".join(description.split()).split(". ")[0].rstrip("."),
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_photos(parser):
    """Add the photos, which `list_photos` finds."""
    parser.add_argument(
        "photos",
        nargs="*",
        metavar="PHOTOS",
        help="photo files, or folders that are searched with their subfolders for .jpg, .png, .tif and other images",
    )
    parser.add_argument(
        "--list",
        dest="list_file",
        metavar="FILE",
        help='a text file with one of PHOTOS per line; "-" is standard input',
    )


def list_photos(options):
    """Find the chosen photos."""
    from skdecaf.cli._photos import find_photos

    photos = [*options.photos, *(_lines(options.list_file) if options.list_file else ())]
    if not photos:
        options.parser.error("no PHOTOS; give files or folders, or a list of them with --list")
    return find_photos(photos)


def add_weights(parser):
    """Add the choice of the network."""
    parser.add_argument(
        "--weights",
        type=parse_weights,
        default="mini",
        help='the network: a name that "skdecaf weights list" prints, or a file in any format that skdecaf reads '
        "(default: mini, which ships with skdecaf)",
    )


def add_precision(parser):
    """Add the precision of the weights."""
    parser.add_argument(
        "--precision",
        choices=("float32", "compact"),
        default="float32",
        help="compact: 16 bits a weight in fully connected layers, for less memory (default: float32)",
    )


def add_network(parser):
    """Add the options for the weights and the input of the network."""
    add_weights(parser)
    add_precision(parser)
    parser.add_argument(
        "--crops",
        choices=("center", "scales", "ten"),
        default="center",
        help="one crop of each photo, or the mean over two scales or ten, which takes two or ten "
        "times as long (default: center)",
    )
    parser.add_argument(
        "--resize",
        choices=("warp", "crop"),
        help="how a photo is made square: distorted or cropped (default: as the network was trained)",
    )
    add_value_range(parser)


def add_value_range(parser):
    """Add the values of black and white."""
    parser.add_argument(
        "--value-range",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="values of black and white in photos of floats or 32-bit integers (default: from all such photos)",
    )


def add_layer(parser, default="6"):
    """Add the choice of layers."""
    parser.add_argument(
        "--layer",
        type=_layers,
        action="extend",
        help="5, 6, 7, 8 or a name such as pool5, fc6_pre or prob; several, as in 6,7, are concatenated "
        f"(default: {default})",
    )


def add_execution(parser):
    """Add options that change no result."""
    parser.add_argument(
        "--on-error",
        choices=("raise", "skip"),
        default="raise",
        help="for a photo that cannot be read: stop, or report it and leave it out (default: raise)",
    )
    add_n_jobs(parser)
    parser.add_argument(
        "--batch-size", type=positive, default=64, metavar="N", help="crops at a time in each thread (default: 64)"
    )
    add_quiet(parser)


def add_top(parser, default):
    """Add the number of labels for each photo."""
    help_ = f"labels for each photo (default: {default})"
    parser.add_argument("-k", "--top", type=positive, default=default, metavar="K", help=help_)


def add_json(parser, what="print one JSON object per line"):
    """Add the choice of JSON."""
    parser.add_argument("--json", action="store_true", help=what)


def add_overwrite(parser):
    """Add the permission to replace a file."""
    parser.add_argument("--overwrite", action="store_true", help="overwrite an existing file")


def add_n_jobs(parser):
    """Add the number of threads."""
    parser.add_argument(
        "--n-jobs", type=parse_n_jobs, metavar="N", help="threads; -1 means one per processor (default: all)"
    )


def add_quiet(parser):
    """Add the choice of no progress bars."""
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bar")


def add_memory(parser):
    """Add the folder of the feature cache, which `memory` returns."""
    parser.add_argument(
        "--memory",
        metavar="FOLDER",
        help='keep activations of photos in this folder; "none" keeps nothing (default: in the user\'s cache folder)',
    )


def memory(options):
    """The folder of the feature cache, or None."""
    from skdecaf._utils.environment import cache_home

    return None if options.memory == "none" else options.memory or str(cache_home() / "features")


def add_output_format(parser):
    """Add the choice between JSON and a web page."""
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument(
        "--html", metavar="FILE", help="write a self-contained web page of small photos instead of a table"
    )
    add_overwrite(parser)


def check_html(options):
    """Check that the web page can be written, if one is asked for."""
    from skdecaf._utils.files import check_output

    if options.html:
        check_output(options.html, options.overwrite)


def reading_parameters(options):
    """Parameters of `DeCAFTransformer` and `ImageNetClassifier` from the options."""
    return {
        "weights": options.weights,
        "precision": options.precision,
        "crops": options.crops,
        "resize": options.resize,
        "value_range": value_range(options),
        **execution_parameters(options),
    }


def value_range(options):
    """The values of black and white, or None."""
    if options.value_range is None:
        return None
    low, high = options.value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        options.parser.error(f"--value-range {low:g} {high:g}: both must be finite, and the first less than the second")
    return low, high


def check_layer(options, default_layer=6):
    """Refuse layers that the network does not have."""
    from skdecaf.weights import resolve_network
    from skdecaf.weights._blob_names import resolve_blobs

    network = resolve_network(options.weights, 0, options.precision)
    try:
        resolve_blobs(options.layer or [default_layer], network)
    except ValueError as error:
        options.parser.error(str(error))


def check_top(options, n_classes):
    """Refuse to print more labels than there are."""
    if options.top > n_classes:
        options.parser.error(f"argument -k/--top: {options.top} is more than the {n_classes} classes")


def execution_parameters(options):
    """Parameters that change no result."""
    return {
        "on_error": "nan" if options.on_error == "skip" else "raise",
        "n_jobs": options.n_jobs,
        "batch_size": options.batch_size,
    }


def make_transformer(options, verbose, default_layer=6, memory=None):
    """Make the transformer, which returns activations without scaling."""
    from skdecaf import DeCAFTransformer

    check_layer(options, default_layer)
    layers = options.layer or [default_layer]
    return DeCAFTransformer(
        layers[0] if len(layers) == 1 else layers,
        dropout=False,
        random_state=0,  # the filters of weights="random" are the same at each call
        memory=memory,
        verbose=verbose,
        **reading_parameters(options),
    )


def whole_number(smallest, largest=math.inf):
    """Make the type of an argument that is a whole number in a range."""
    limits = f"above {smallest - 1}" if largest == math.inf else f"from {smallest} to {largest}"

    def parse(text):
        if not text.isdecimal() or not smallest <= int(text) <= largest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number {limits}")
        return int(text)

    return parse


positive = whole_number(1)


def file_name(path, suffixes):
    """Check an argument that names a file with one of these endings."""
    if os.path.splitext(path)[1].lower() not in suffixes:
        raise argparse.ArgumentTypeError(f"{path!r} must end in {' or '.join(suffixes)}")
    return path


def add_output(parser, check, metavar):
    """Add the output file, whose name ``check`` returns or refuses."""
    parser.add_argument("-o", "--output", required=True, type=check, metavar=metavar)
    add_overwrite(parser)


def _lines(path):
    standard_input = path == "-"
    with open(
        0 if standard_input else path, encoding="utf-8", errors="surrogateescape", closefd=not standard_input
    ) as f:
        lines = [line.rstrip("\n") for line in f if line.strip()]
    if any("\0" in line for line in lines):
        raise ValueError(f"{path!r} is not a text file with one of PHOTOS per line")
    return lines


def parse_weights(text):
    """Type of an argument that is a network, by name or file."""
    from skdecaf.weights import _store as store

    if text in store.names():
        return text
    if not os.path.isfile(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a file nor one of the names {', '.join(store.names())}")
    return os.path.abspath(text)  # a model must find the file from any folder


def layer(text):
    """Type of an argument that is a layer."""
    return int(text) if text in ("5", "6", "7", "8") else text


def _layers(text):
    return [layer(part) for part in text.split(",")]


def parse_n_jobs(text):
    return -positive(text[1:]) if text[:1] == "-" else positive(text)
