"""Conversations in a repository: discussions and pull requests, what is said in them, and who is told."""
