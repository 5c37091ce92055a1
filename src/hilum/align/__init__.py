"""Preference tuning: sample, judge, pair, optimise."""
