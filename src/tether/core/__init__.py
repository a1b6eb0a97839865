"""Values and bytes: digests, objects, trees, chunks. Nothing here does I/O."""
