"""By what software, on what kind of machine a result was made.

versions()["torch"], machine()      # "2.13.0", "Linux x86_64, 2 processors, no accelerator"
"""

from __future__ import annotations

import os
import platform
from importlib.metadata import version

import torch

LIBRARIES = ("hilum", "torch", "transformers", "numpy")


def versions(*further: str) -> dict[str, str]:
    """Of Python and of the libraries that figures may depend on, `further` ones besides."""
    return {**{name: version(name) for name in (*LIBRARIES, *further)}, "python": platform.python_version()}


def machine() -> str:
    """System, architecture, processors and accelerator; nothing that names one machine."""
    accelerator = torch.cuda.get_device_name() if torch.cuda.is_available() else "no accelerator"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, {accelerator}"
