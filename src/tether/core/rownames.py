"""Work on the names of a tree node: compiled where that is possible, in plain Python elsewhere."""

try:
    from tether.core._rownames import cut_names, goes_on_after_cut, problem_of
except ImportError:  # no compiler at the installation
    from tether.core.rownames_pure import cut_names, goes_on_after_cut, problem_of

__all__ = ["cut_names", "goes_on_after_cut", "problem_of"]
