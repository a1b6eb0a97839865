"""Pages that the hub alone has: signing in, people, settings; and its shelf for those of repositories."""
