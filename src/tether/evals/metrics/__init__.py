"""What is measured of predictions, one module a task; only NumPy is needed."""
