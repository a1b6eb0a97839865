"""Pages of pull requests, discussions and notices, over the services of `conversations` and `pulls`."""
