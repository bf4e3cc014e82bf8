"""Makes one page of results for a person, as HTML, Markdown and CSV."""
