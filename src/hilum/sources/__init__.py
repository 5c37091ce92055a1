"""Public datasets, each read from its own on-disk layout into Study objects.

from hilum.sources import SOURCES, open_source, parse_source
for study in open_source(parse_source("phantom"), limit=3): ...
"""

from hilum.sources.base import Request, Source, SourceSpec
from hilum.sources.catalog import SOURCES, open_source, parse_source, specs_of

__all__ = ["SOURCES", "Request", "Source", "SourceSpec", "open_source", "parse_source", "specs_of"]
