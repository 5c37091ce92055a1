"""The language of reports: sections, facts by rule, report writing."""
