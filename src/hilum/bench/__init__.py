"""Benchmarks with an interval beside every mean, and the report."""
