"""The threat model promises nothing without a test."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    line.split("|")
    for line in (ROOT / "docs/threat-model.md").read_text().split("## Attacks", 1)[1].splitlines()
    if line.startswith("| ") and not line.startswith("| attack")
]


def test_each_attack_has_its_tests() -> None:
    """Each row names at least one, and each is there."""
    assert len(ROWS) > 20
    for row in ROWS:
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row[-2])
        assert named, row
        for path, function in named:
            text = (ROOT / path).read_text()
            assert f"def {function}(" in text if function else "def test_" in text, (path, function)
