"""One repository: packs, objects, refs, operations, history. Nothing here knows a working tree."""
