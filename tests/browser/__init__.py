"""Tests in a real browser; a package, so that one browser is there for all of them and ends with them."""
