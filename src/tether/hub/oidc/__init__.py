"""Sign-in by providers of OpenID Connect: settings, talking to providers, identities."""
