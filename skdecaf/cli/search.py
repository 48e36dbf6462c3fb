"""``skdecaf search``: find the nearest photos of a folder to other photos."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options, _output

_MAX_DEFAULT = 5
_DESCRIPTION = """\
Find the photos of a folder that are most similar to given photos. FOLDER is searched
with its subfolders. A photo that is in FOLDER is not its own result.

Each line has a given photo, a similar photo and their cosine distance, separated by
tabs, the most similar photo first. The distance is 0 for equal photos, and about 1 for
photos that have nothing in common. With --json each line is a JSON object
{"file", "neighbors": [{"file", "distance"}, ...]}.

Activations of photos are kept, so that a second search is quick.
"""
_EXAMPLES = """\
  skdecaf search holiday/ beach.jpg
  skdecaf search holiday/ beach.jpg sunset.jpg -k 10 --html similar.html
  skdecaf search holiday/ --list photos.txt --json --on-error skip
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "search", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("folder", metavar="FOLDER", help="the folder to search")
    _options.add_photos(parser)
    parser.add_argument(
        "-k",
        "--top",
        type=_options.positive,
        metavar="K",
        help=f"similar photos for each photo (default: {_MAX_DEFAULT})",
    )
    _options.add_layer(parser, default="5")
    _options.add_network(parser)
    _options.add_execution(parser)
    _options.add_memory(parser)
    _options.add_output_format(parser)


def run(options):
    """Run the command."""
    from skdecaf.cli._contact_sheet import write_contact_sheet
    from skdecaf.cli._photos import printable
    from skdecaf.cli._similarity import list_folder, nearest_photos

    _options.check_html(options)
    queries, photos = _options.list_photos(options), list_folder(options.folder)
    if options.top and options.top > len(photos):
        options.parser.error(f"argument -k/--top: {options.top} is more than the {len(photos)} photos of the folder")
    transformer = _options.make_transformer(
        options, verbose=not options.quiet, default_layer=5, memory=_options.memory(options)
    )
    found = nearest_photos(photos, queries, transformer, options.top or _MAX_DEFAULT)
    _output.print_skipped(found.left_out)
    if options.html:
        rows = [
            [(query, "searched for"), *((photo, f"{distance:.4f}") for photo, distance in neighbors)]
            for query, neighbors in found.of_query.items()
        ]
        title = f"Photos of {options.folder} by similarity"
        write_contact_sheet(options.html, title, rows, transformer.value_range_, not options.quiet)
        suffix = _output.skipped_suffix(found.left_out)
        print(f"{printable(options.html)}: {len(rows)} photos compared with {found.n_photos}{suffix}")
        return
    for query, neighbors in found.of_query.items():
        if options.json:
            named = [{"file": photo, "distance": distance} for photo, distance in neighbors]
            _output.print_json({"file": query, "neighbors": named})
        else:
            for photo, distance in neighbors:
                print(_output.escape_tabs(query), _output.escape_tabs(photo), f"{distance:.4f}", sep="\t")
