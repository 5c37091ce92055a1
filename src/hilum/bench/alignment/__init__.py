"""What alignment did: the page of one alignment; and what grades the pictures of one."""

from hilum.bench.alignment.page import write_page
from hilum.bench.alignment.pictures import PictureGrader

__all__ = ["PictureGrader", "write_page"]
