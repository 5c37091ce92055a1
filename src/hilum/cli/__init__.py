"""The command line: every verb is one line here and one Python call elsewhere.

hilum --help
hilum facts "Small left pleural effusion. No pneumothorax." --json
"""

from hilum.cli.main import main

__all__ = ["main"]
