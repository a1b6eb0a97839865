"""Models, strategies and stores shared by the tests."""
