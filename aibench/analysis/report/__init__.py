"""Writes results as one page for a person, as Markdown and as CSV."""
