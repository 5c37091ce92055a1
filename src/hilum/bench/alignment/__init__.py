"""What alignment did: the page of one alignment."""

from hilum.bench.alignment.page import write_page

__all__ = ["write_page"]
