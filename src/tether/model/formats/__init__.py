"""One reader for each format of model files; a reader takes a source and gives facts, and runs nothing."""
