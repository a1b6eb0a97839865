"""Measuring how fast, how large and how right a model is, so that others can check the figures."""
