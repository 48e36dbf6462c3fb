"""Readers of weights files, one module a format; `skdecaf.weights._file_formats` chooses the one that a file needs.

A reader is a function ``read_...(path, name=None, origin=None, **options)``. It returns a complete `Network` called
``name`` (by default as the file says, else after the file) whose pickles refer to ``origin``. ``looks_like(head)``
says whether a file that begins with these bytes may have the format. Each reader checks its file itself, so it can be
called alone.
"""

# SPDX-License-Identifier: BSD-3-Clause
