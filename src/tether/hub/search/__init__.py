"""Search over what repositories are called, say of themselves and hold."""
