"""Tables of files, a page of rows at a time. The engine behind them is known to `engine` alone."""
