"""How factual a report is."""
