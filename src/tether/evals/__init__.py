"""Evaluations: predictions by example, figures with intervals, slices, and comparisons of two models."""
