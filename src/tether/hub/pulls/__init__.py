"""Pull requests: what a branch would bring into another one, reviewed, checked and merged on the hub."""
