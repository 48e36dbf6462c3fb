"""``skdecaf extract``: features of photos into a file."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options

_DESCRIPTION = """\
Write features of photos to a file. Each photo is one row: activations of a layer
of the network, without the scaling that DeCAFTransformer's dropout learns from
training photos.

The ending of FILE chooses the format; all have float32 features and file names:
  .npy      array; the names are written to x.npy.json beside it
  .npz      arrays "features", "filenames" and "feature_names"
  .csv      text with a header, first column "filename"; enough digits to be exact
  .parquet  the same columns; needs pip install "skdecaf[parquet]"

FILE appears when it is complete. Until then FILE.part keeps the finished rows, and
the same command continues after an interruption, even a kill. Rows made with other
options, or of photos that have changed, are computed again.
"""
_EXAMPLES = """\
  skdecaf extract holiday/ -o features.npz
  skdecaf extract holiday/ scan.tif -o features.csv --layer 6,7 --on-error skip
  find . -name "*.jpg" -mtime -7 | skdecaf extract --list - -o week.npy
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "extract", run, _DESCRIPTION, _EXAMPLES)
    _options.add_photos(parser)
    _options.add_output(parser, _feature_file, "FILE")
    _options.add_layer(parser)
    _options.add_network(parser)
    _options.add_running(parser)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(options):
    """Run the command."""
    from skdecaf.cli._extraction import extract_to_file
    from skdecaf.cli._photos import printable

    photos = _options.list_photos(options)
    transformer = _options.make_transformer(options, verbose=False)
    try:
        done = extract_to_file(
            photos,
            options.output,
            transformer,
            overwrite=options.overwrite,
            verbose=not options.quiet,
            report=_options.complain,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command continues where it stopped") from None
    _options.complain_of(done.left_out)
    if options.json:
        summary = {"output": options.output, "photos": done.n_rows, "features": done.n_features}
        _options.print_json({**summary, "resumed": done.n_resumed, "left_out": _options.listed(done.left_out)})
    else:
        counted = _options.counted(done.left_out)
        print(f"{printable(options.output)}: {done.n_rows} photos, {done.n_features} features each{counted}")


def _feature_file(path):
    """Type of the output, whose ending says the format."""
    from skdecaf.cli._feature_files import FORMATS

    return _options.file_name(path, FORMATS)
