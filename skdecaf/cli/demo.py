"""``skdecaf demo``: a web page on this computer that shows what the network sees."""

# SPDX-License-Identifier: BSD-3-Clause
from skdecaf.cli import _options, _output

_PORT = 8765
_DESCRIPTION = """\
Serve a web page on this computer. Give it a photo, and it shows the most probable
ImageNet classes, the activation maps and the time of each layer, and the parts of the
photo that the decision rests on. Sort photos into classes, and it trains a classifier
that you can try and download. With --folder it also finds similar photos in a folder.

Photos stay in the memory of this process; nothing is written to disk or sent elsewhere.
Needs pip install "skdecaf[demo]". Press Ctrl-C to stop.
"""
_EXAMPLES = """\
  skdecaf demo
  skdecaf demo --folder holiday/ --open
  skdecaf demo --weights caffenet.safetensors --port 9000
"""


def add_parser(commands):
    """Add the command."""
    parser = _options.add_command(commands, "demo", run, _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--folder", metavar="FOLDER", help="a folder of photos to search, with its subfolders")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; others can connect to any but the default"
    )
    parser.add_argument(
        "--port", type=_options.whole_number(0, 65535), default=_PORT, help=f"0 picks a free one (default: {_PORT})"
    )
    parser.add_argument("--open", action="store_true", help="open the page in your browser")
    _options.add_weights(parser)
    _options.add_precision(parser)
    _options.add_n_jobs(parser)
    _options.add_memory(parser)
    _options.add_quiet(parser)


def run(options):
    """Run the command."""
    from skdecaf._utils.extras import require
    from skdecaf.cli._photos import printable

    require("demo", "skdecaf demo")
    from skdecaf.cli._demo.app import make_app
    from skdecaf.cli._demo.computing import Computer
    from skdecaf.cli._demo.server import is_loopback, listen, serve

    computer = Computer(options.weights, options.precision, options.n_jobs)
    socket, url = listen(options.host, options.port)
    with socket:
        folder = None
        if options.folder:
            folder = computer.index(options.folder, _options.memory(options), not options.quiet)
            _output.print_skipped(folder.left_out)
            print(f"{printable(options.folder)}: {len(folder.photos)} photos")
        if not is_loopback(options.host):
            seen = " and see the photos of the folder" if folder else ""
            _output.print_error(
                f"warning: everyone who can reach this computer at {options.host} can use the page{seen}; "
                "connections are not encrypted"
            )
        print(f"skdecaf demo is at {url} (Ctrl-C stops it)", flush=True)
        serve(make_app(computer, folder, options.host), socket, url if options.open else None)
