"""Hilum: chest X-ray vision-language models, from raw studies to proof of how good they are."""

__version__ = "0.1.0"
