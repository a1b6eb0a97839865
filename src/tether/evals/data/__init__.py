"""Where examples come from: tables, arrays, and folders with a class each."""
