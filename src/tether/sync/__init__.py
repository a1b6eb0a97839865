"""Two repositories: clone, fetch, push."""
