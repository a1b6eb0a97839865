"""Files on the user's disk: scan, ignore rules, stat cache, checkout."""
