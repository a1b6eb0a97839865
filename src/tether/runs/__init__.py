"""Models and how they came to be: runs tied to data, code and machine, as objects of the repository."""
