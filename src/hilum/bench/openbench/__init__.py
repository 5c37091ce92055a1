"""An open bench that anyone can build: CheXbench's tasks in its layout, no item answered without its film.

from hilum.bench.openbench import build
card = build(Path("openbench"), [SourceSpec("phantom")], items=120, seed=0)
"""

from hilum.bench.openbench.build import ITEMS, VERSION, build

__all__ = ["ITEMS", "VERSION", "build"]
