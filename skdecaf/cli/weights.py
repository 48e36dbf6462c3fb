"""``skdecaf weights``: list, download, verify, convert and remove weights."""

# SPDX-License-Identifier: BSD-3-Clause
import argparse

from skdecaf.cli import _options, _output

_DESCRIPTION = """\
List, fetch, verify, convert and remove weights. Wherever skdecaf takes weights, it
takes a name from this list or a file. Named weights are downloaded at first use, or
now by "fetch". SKDECAF_OFFLINE=1 forbids the former.
"""
_EXAMPLES = """\
  skdecaf weights list
  skdecaf weights fetch alexnet-compressed
  skdecaf weights convert caffenet -o caffenet.safetensors --dtype float16
"""
_LIST = """\
List named weights. ":pixel" after a name means the same weights with the mean colour
of the training photos subtracted instead of their mean image. Accuracies are the
published ones on the validation photos of ILSVRC-2012, in percent.
"""
_FETCH = """\
Download weights, unless they are there. The same command continues an interrupted
download. Every file is verified before it appears.
"""
_PATH = """\
Print the paths of the files of weights, or the folder of all. You can place a file
that was published under the same name there by hand.
"""
_VERIFY = """\
Compute the digests of files and compare them with the published ones.
"""
_CONVERT = """\
Write weights in skdecaf's own format, safetensors, which is fast to read and needs no
other package. float16 halves the size, int8 divides it by four.
"""
_REMOVE = """\
Delete downloaded files, and the rest of interrupted downloads.
"""


def add_parser(commands):
    """Add the command and its subcommands."""
    parser = _options.add_command(commands, "weights", None, _DESCRIPTION, _EXAMPLES)
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listing = _options.add_command(below, "list", _list, _LIST, "  skdecaf weights list --json\n")
    _options.add_json(listing)
    fetching = _options.add_command(below, "fetch", _fetch, _FETCH, "  skdecaf weights fetch caffenet\n")
    _add_names(fetching)
    fetching.add_argument(
        "--mirror",
        metavar="FOLDER",
        help="an address or folder with files of the same names to try first, such as /media/usb",
    )
    _options.add_quiet(fetching)
    path = _options.add_command(below, "path", _path, _PATH, "  skdecaf weights path caffenet\n")
    path.add_argument("name", nargs="?", type=_name, metavar="NAME", help='of the weights, see "skdecaf weights list"')
    _add_names(_options.add_command(below, "verify", _verify, _VERIFY, "  skdecaf weights verify caffenet\n"))
    _add_convert(below)
    _add_names(_options.add_command(below, "remove", _remove, _REMOVE, "  skdecaf weights remove caffenet\n"))


def _add_names(parser):
    parser.add_argument("names", nargs="+", type=_name, metavar="NAME", help='of weights, see "skdecaf weights list"')


def _name(text):
    """Type of an argument that is a name of weights."""
    from skdecaf.weights import _store as store

    if text not in store.names():
        raise argparse.ArgumentTypeError(f"no weights are called {text!r}; there are {', '.join(store.names())}")
    return text


def _add_convert(commands):
    example = "  skdecaf weights convert alexnet-owt-7be5be79.pth -o torchvision.safetensors\n"
    parser = _options.add_command(commands, "convert", _convert, _CONVERT, example)
    parser.add_argument(
        "weights",
        type=_options.parse_weights,
        metavar="WEIGHTS",
        help="a name, or a file in any format that skdecaf reads",
    )
    _options.add_output(parser, lambda path: _options.file_name(path, (".safetensors",)), "FILE.safetensors")
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "int16", "int8"),
        default="float32",
        help="of the weights in the file (default: float32)",
    )


def _list(options):
    from skdecaf.weights import _store as store

    rows = [(name, store.published(name), _state(store, name)) for name in store.names()]
    if options.json:
        for name, weights, state in rows:
            _output.print_json({"name": name, "state": state, **_facts(weights, store.files_of(name))})
        return
    width = max(len(name) for name in store.names())
    for name, weights, state in rows:
        accuracy = f"{weights.top1:.1f} / {weights.top5:.1f}" if weights.top1 else ""
        print(f"{name:{width}}  {state:8}  {_size(store.files_of(name)):>8}  {accuracy:11}  {weights.description}")


def _state(store, name):
    if not store.files_of(name):
        return "included"
    return "missing" if store.missing(name) else "here"


def _size(files):
    known = files and all(file.size for file in files)
    return f"{sum(file.size for file in files) / 1e6:.1f} MB" if known else ""


def _facts(weights, files):
    return {
        "description": weights.description,
        "architecture": weights.architecture,
        "top1": weights.top1,
        "top5": weights.top5,
        "licence": weights.licence,
        "citation": weights.citation,
        "extra": weights.extra,
        "notes": weights.notes,
        "files": [{"name": file.name, "urls": file.urls, "digest": file.digest, "bytes": file.size} for file in files],
    }


def _fetch(options):
    from skdecaf.weights import _store as store

    for name in options.names:
        _print_paths(name, store.fetch(name, mirror=options.mirror, progress=not options.quiet))


def _path(options):
    from skdecaf.weights import _store as store

    if options.name is None:
        print(store.folder())
    else:
        _print_paths(options.name, store.locate(options.name))


def _verify(options):
    from skdecaf.weights import _store as store

    for name in options.names:
        _print_paths(name, store.verify(name))


def _remove(options):
    from skdecaf.weights import _store as store

    for name in options.names:
        removed = store.remove(name)
        for path in removed:
            print(path)
        if not removed:
            _output.print_error(f"{name!r} has no files here")


def _print_paths(name, paths):
    for path in paths:
        print(path)
    if not paths:
        _output.print_error(f"{name!r} is part of skdecaf and has no files of its own")


def _convert(options):
    from skdecaf._utils.files import check_output
    from skdecaf.weights import resolve_network

    check_output(options.output, options.overwrite)
    resolve_network(options.weights).save(options.output, options.dtype)
    print(options.output)
