"""``skdecaf duplicates``: find near-duplicates in a folder."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse

from skdecaf.cli import _options, _output

_DEFAULT_THRESHOLD = 0.05
_DESCRIPTION = """\
Find groups of near-duplicates among the photos of a folder. FOLDER is searched with
its subfolders. No photo is changed or deleted.

Two photos are near-duplicates if the cosine distance of their features is at most
--threshold. A group contains every photo that is a near-duplicate of another photo of
the group, so two photos of a large group may differ more.

Each line has the number of a group, a photo and its distance to the nearest other
photo, separated by tabs. With --json each line is a JSON object, a group
{"photos": [{"file", "distance"}, ...]}.

Activations of photos are kept, so that a second run with another threshold is quick.
"""
_EXAMPLES = """\
  skdecaf duplicates holiday/
  skdecaf duplicates holiday/ --threshold 0.02 --html duplicates.html
  skdecaf duplicates holiday/ --json --on-error skip
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "duplicates", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("folder", metavar="FOLDER", help="the folder to search")
    parser.add_argument(
        "--threshold",
        type=_distance,
        default=_DEFAULT_THRESHOLD,
        metavar="DISTANCE",
        help="largest cosine distance of near-duplicates: 0 for equal photos, 0.02 for copies that were resized or "
        "saved at a lower quality, 0.05 also for most that are a little brighter or cropped by 2 %%; from 0.1 on, "
        f"different photos of similar things are found as well (default: {_DEFAULT_THRESHOLD})",
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
    from skdecaf.cli._similarity import duplicate_groups, list_folder

    _options.check_html(options)
    photos = list_folder(options.folder)
    transformer = _options.make_transformer(
        options, verbose=not options.quiet, default_layer=5, memory=_options.memory(options)
    )
    found = duplicate_groups(photos, transformer, options.threshold)
    _output.print_skipped(found.left_out)
    n_grouped = sum(map(len, found.groups))
    suffix = _output.skipped_suffix(found.left_out)
    summary = f"{n_grouped} of {found.n_photos} photos in {len(found.groups)} groups{suffix}"
    if options.html:
        rows = [[(photo, f"{distance:.4f}") for photo, distance in group] for group in found.groups]
        title = f"Near-duplicates in {options.folder}"
        write_contact_sheet(options.html, title, rows, transformer.value_range_, not options.quiet)
        print(f"{printable(options.html)}: {summary}")
        return
    for number, group in enumerate(found.groups, start=1):
        if options.json:
            _output.print_json({"photos": [{"file": photo, "distance": distance} for photo, distance in group]})
        else:
            for photo, distance in group:
                print(number, _output.escape_tabs(photo), f"{distance:.4f}", sep="\t")
    _output.print_error(summary)


def _distance(text):
    """Type of the argument: a number from 0 to 2."""
    try:
        if 0 <= float(text) <= 2:
            return float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 2")
