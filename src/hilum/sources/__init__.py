"""Public datasets, each read from its own on-disk layout into Study objects."""
