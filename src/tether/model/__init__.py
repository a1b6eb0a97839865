"""Models: what their files hold, how two of them differ."""
