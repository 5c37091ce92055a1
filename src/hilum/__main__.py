"""`python -m hilum` is `hilum`."""

import sys

from hilum.cli import main

sys.exit(main())
