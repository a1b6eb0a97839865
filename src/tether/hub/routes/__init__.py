"""The routes of the hub: each reads a request, calls one function, and answers; one router a file."""
