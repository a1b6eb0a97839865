"""Do one operation with hf_xet, as a process of its own: ENDPOINT RECORD OPERATION [PATH]."""

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Do one operation with the library, as a process of its own."""
    import hf_xet  # type: ignore[import-untyped,unused-ignore]

    library: Any = hf_xet
    endpoint, record, operation, *rest = sys.argv[1:]
    if operation == "up":
        tree = Path(rest[0])
        files = sorted(str(path) for path in tree.rglob("*") if path.is_file())
        stored = library.upload_files(files, endpoint, None, None, None, None)
        names = [str(Path(file).relative_to(tree)) for file in files]
        sizes = [Path(file).stat().st_size for file in files]
        rows = [[name, item.hash, size] for name, item, size in zip(names, stored, sizes, strict=True)]
        Path(record).write_text(json.dumps(rows))
    elif operation == "down":
        target = Path(rest[0])
        wanted = []
        for name, digest, size in json.loads(Path(record).read_text()):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            wanted.append(library.PyXetDownloadInfo(str(target / name), digest, size))
        library.download_files(wanted, endpoint, None, None, None)


if __name__ == "__main__":
    main()
