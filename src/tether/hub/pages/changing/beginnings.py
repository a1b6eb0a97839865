"""What files that people read begin with on the page of a new file: headings to be filled in.

The headings of the cards are those of Mitchell et al., Model Cards for Model Reporting, 2019, and of Gebru
et al., Datasheets for Datasets, 2021.
"""

_MODEL = (
    "Intended use",
    "Training data",
    "Evaluation data",
    "Metrics",
    "Results by group",
    "Ethical considerations",
    "Limits and advice",
)
_DATA = (
    "Motivation",
    "Composition",
    "Collection",
    "Cleaning and labelling",
    "Uses",
    "Distribution",
    "Maintenance",
)
_README = ("What it is", "How to use it", "Where it comes from", "Licence")
BEGINNINGS = {"README.md": _README, "model-card.md": _MODEL, "data-card.md": _DATA}
"""Headings by the name of the file."""
_TITLES = {"README.md": "{}", "model-card.md": "Model card of {}", "data-card.md": "Data card of {}"}


def beginning(name: str, repository: str) -> str:
    """Return what a file begins with; an empty text where nothing is usual for its name."""
    headings = BEGINNINGS.get(name)
    if headings is None:
        return ""
    parts = [f"# {_TITLES[name].format(repository)}", *(f"## {each}" for each in headings)]
    return "\n\n".join(parts) + "\n"
