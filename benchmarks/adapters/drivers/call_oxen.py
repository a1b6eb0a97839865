"""Do one operation with oxen, as a process of its own: TREE OPERATION [LABEL]."""

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Do one operation with the library, as a process of its own."""
    import oxen  # type: ignore[import-not-found,unused-ignore]

    library: Any = oxen
    tree, operation, *rest = sys.argv[1:]
    repository = library.Repo(tree)
    if operation == "init":
        library.user.config_user("Benchmark", "benchmark@example.com")
        repository.init()
    elif operation == "add":
        for path in sorted(Path(tree).iterdir()):
            if path.name != ".oxen":
                repository.add(str(path))
    elif operation == "commit":
        repository.commit(rest[0])
        repository.checkout(rest[0], True)
    elif operation == "status":
        print(json.dumps({"clean": repository.status().is_clean()}))
    elif operation == "checkout":
        repository.checkout(rest[0])


if __name__ == "__main__":
    main()
