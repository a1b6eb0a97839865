"""Settings of people, organisations and repositories."""
