"""How pages are filled in: text is escaped wherever it comes from, pictures are inside the page.

environment().get_template("compare.html.j2").render(mark=MARK, …)
"""

from __future__ import annotations

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hilum.bench.intervals import decimals
from hilum.images import encode_png
from hilum.study import Pixels


def picture(pixels: Pixels) -> str:
    """A picture as a data address that needs no file."""
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode("ascii")


def environment(**functions: Any) -> Environment:
    """The templates of this room, with further functions that they call."""
    loader: Any = PackageLoader("hilum.bench", "")
    found = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    found.globals.update(picture=picture, decimals=decimals, **functions)
    return found
