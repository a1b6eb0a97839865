"""`Repo` and what else `import tether` gives."""
