"""``skdecaf extract``: features of photos into a file."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options, _output

_DESCRIPTION = """\
Write features of photos to a file. Each photo is one row: activations of a layer
of the network, without the scaling that DeCAFTransformer's dropout learns from
training photos.

The ending of FILE chooses the format; all have float32 features and file names:
  .npy      array; the names are written to x.npy.json beside it
  .npz      arrays "features", "filenames" and "feature_names"
  .csv      text with a header, first column "filename"; enough digits to be exact
  .parquet  columns "filename" and "features" (lists of one length);
            needs pip install "skdecaf[parquet]"
  .zarr     array "features" in chunks, names as attributes;
            needs pip install "skdecaf[zarr]"

FILE appears when it is complete. Until then FILE.part keeps the finished rows, and
the same command continues after an interruption, even a kill. Rows made with other
options, or of photos that have changed, are computed again.

PHOTOS may also name .tar archives. With --shard-size, FILE is a folder of files of
so many photos, and the same command may run several times at once, also on several
machines that share the folder.
"""
_EXAMPLES = """\
  skdecaf extract holiday/ -o features.npz
  skdecaf extract holiday/ scan.tif -o features.csv --layer 6,7 --on-error skip
  skdecaf extract archive.tar -o features.parquet --shard-size 10000
  find . -name "*.jpg" -mtime -7 | skdecaf extract --list - -o week.npy
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "extract", run, _DESCRIPTION, _EXAMPLES)
    _options.add_photos(parser)
    _options.add_output(parser, _feature_file, "FILE")
    _options.add_layer(parser)
    _options.add_network(parser)
    _options.add_execution(parser)
    parser.add_argument(
        "--shard-size",
        type=_options.positive,
        metavar="N",
        help="make FILE a folder of files of N photos each, which several processes may compute at once",
    )
    _options.add_json(parser, "print the summary as JSON")


def run(options):
    """Run the command."""
    from skdecaf import extract
    from skdecaf._extraction.photos import is_tar, photos_at
    from skdecaf.cli._photos import list_photos_of, printable
    from skdecaf.images._naming import name_of

    listed = _options.list_photos(options)
    photos = []
    for place in listed:
        photos += list_photos_of("archive", place, photos_at) if is_tar(place) else [place]
    transformer = _options.make_transformer(options, verbose=False)
    try:
        done = extract(
            photos,
            options.output,
            transformer,
            shard_size=options.shard_size,
            overwrite=options.overwrite,
            verbose=not options.quiet,
            report=_output.print_error,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command continues where it stopped") from None
    left_out = {name_of(photos[i]): reason for i, reason in done.left_out.items()}
    _output.print_skipped(left_out)
    if done.n_busy:
        _output.print_error(f"{done.n_busy} shards are being computed by other processes")
    if options.json:
        summary = {"output": options.output, "photos": done.n_rows, "features": done.n_features}
        _output.print_json({**summary, "resumed": done.n_resumed, "left_out": _output.skipped_as_json(left_out)})
    else:
        suffix = _output.skipped_suffix(left_out)
        print(f"{printable(options.output)}: {done.n_rows} photos, {done.n_features} features each{suffix}")


def _feature_file(path):
    """Type of the output, whose ending says the format."""
    from skdecaf._extraction.feature_files import FORMATS

    return _options.file_name(path, FORMATS)
